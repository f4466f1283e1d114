// SPDX-License-Identifier: GPL-2.0
/*
 * How long calls took: how many of up to so many nanoseconds, and the longest one.
 * Through the file "latency": write "reset", read two lines for each kind of call.
 *
 * Only calls with interrupts off count, which nobody interrupts: what is left is the
 * call itself and, where the machine is emulated, what the machine below it does
 * meanwhile. Each CPU counts its own. Nothing is judged here.
 */
#include <linux/irqflags.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/string.h>

#include "dma_pool_test.h"

/* Up to 2^BUCKETS ns */
#define BUCKETS		32

struct latency {
	unsigned long counts[BUCKETS];
	s64 longest;
	size_t size;
};

static DEFINE_PER_CPU(struct latency [DPT_CALL_KINDS], latencies);
static const char *const names[] = { "alloc", "free" };

/* A call that began at @start has ended */
void dpt_latency_add(enum dpt_call_kind kind, ktime_t start, size_t size)
{
	s64 ns = max(ktime_to_ns(ktime_sub(ktime_get(), start)), 1);
	struct latency *latency;

	if (!irqs_disabled())
		return;
	latency = this_cpu_ptr(&latencies[kind]);
	latency->counts[min(order_base_2(ns), BUCKETS - 1)]++;
	if (ns > latency->longest) {
		latency->longest = ns;
		latency->size = size;
	}
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

/* "alloc up to ns: 512=COUNT 1024=COUNT ..." and "alloc longest: NS ns, BYTES bytes" */
void dpt_latency_show(struct seq_file *m)
{
	unsigned int kind, i, cpu;

	for (kind = 0; kind < DPT_CALL_KINDS; kind++) {
		const struct latency *longest = per_cpu(latencies, 0) + kind;

		seq_printf(m, "%s up to ns:", names[kind]);
		for (i = 0; i < BUCKETS; i++) {
			unsigned long count = 0;

			for_each_possible_cpu(cpu)
				count += per_cpu(latencies, cpu)[kind].counts[i];
			if (count)
				seq_printf(m, " %llu=%lu", 1ULL << i, count);
		}
		for_each_possible_cpu(cpu) {
			const struct latency *own = per_cpu(latencies, cpu) + kind;

			if (own->longest > longest->longest)
				longest = own;
		}
		seq_printf(m, "\n%s longest: %lld ns, %zu bytes\n", names[kind],
			   longest->longest, longest->size);
	}
}
