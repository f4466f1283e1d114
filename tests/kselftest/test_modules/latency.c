// SPDX-License-Identifier: GPL-2.0
/*
 * How long calls took: how many of up to so many nanoseconds, and the longest one.
 * Through the file "latency": write "reset", read two lines for each kind of call.
 *
 * Each CPU counts its own, with interrupts off for the moment. Who calls sees to it
 * that nobody else ran meanwhile. Nothing is judged here: what the time of a call
 * is on a machine that is emulated, the machine below it decides.
 */
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "dma_pool_test.h"

/* Up to 2^BUCKETS ns */
#define BUCKETS		32

struct latency {
	unsigned long counts[BUCKETS];
	s64 longest;
	size_t size;
	const char *where;
};

static DEFINE_PER_CPU(struct latency [DPT_CALL_KINDS], latencies);
static const char *const names[] = { "alloc", "free" };

void dpt_latency_add(enum dpt_call_kind kind, s64 ns, size_t size, const char *where)
{
	struct latency *latency;
	unsigned long flags;

	local_irq_save(flags);
	latency = this_cpu_ptr(&latencies[kind]);
	latency->counts[min(order_base_2(max(ns, 1)), BUCKETS - 1)]++;
	if (ns > latency->longest) {
		latency->longest = ns;
		latency->size = size;
		latency->where = where;
	}
	local_irq_restore(flags);
}

int dpt_latency_command(char *text)
{
	unsigned int cpu;

	if (strcmp(text, "reset"))
		return -EINVAL;
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&latencies, cpu), 0, sizeof(latencies));
	return 0;
}

/* "alloc_up_to_NS=COUNT ..." and "alloc_longest=NS size=BYTES where=..." */
void dpt_latency_show(struct seq_file *m)
{
	unsigned int kind, i, cpu;

	for (kind = 0; kind < DPT_CALL_KINDS; kind++) {
		const struct latency *longest = NULL;

		seq_printf(m, "%s:", names[kind]);
		for (i = 0; i < BUCKETS; i++) {
			unsigned long count = 0;

			for_each_possible_cpu(cpu)
				count += per_cpu(latencies, cpu)[kind].counts[i];
			if (count)
				seq_printf(m, " %llu=%lu", 1ULL << i, count);
		}
		for_each_possible_cpu(cpu) {
			const struct latency *own = &per_cpu(latencies, cpu)[kind];

			if (!longest || own->longest > longest->longest)
				longest = own;
		}
		seq_printf(m, "\n%s longest: %lld ns, %zu bytes in %s\n", names[kind],
			   longest->longest, longest->size,
			   longest->where ?: "nobody");
	}
}
