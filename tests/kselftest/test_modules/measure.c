// SPDX-License-Identifier: GPL-2.0
/*
 * What the three entry points cost, for tests/bench: a command is written to
 * the file "measure", and the figures are read from it. Nothing is judged here,
 * and the pools are expected to hold what a command asks for.
 *
 *   calls POOL SIZE TAKEN  DPT_CALLS blocks of SIZE bytes one after the other,
 *                          for a device that needs POOL, while TAKEN others of
 *                          the size are out:
 *                          "alloc=NS memset=NS free=NS", each for all calls
 *   foreign                DPT_CALLS times an address that is not the pools':
 *                          "free=NS"
 *   pairs MS               every CPU allocates and frees a page for so long:
 *                          "pairs=COUNT"
 *
 * Calls are timed with interrupts off: pools do not grow meanwhile. Where the
 * clock is advanced by the instruction (QEMU's -icount shift=0) a nanosecond is
 * an instruction, and the figures repeat to the digit.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "dma_pool_test.h"

#define DPT_CALLS 16

static char figures[128];
static void *addr[DPT_CALLS];
static unsigned int pairs_ms;
static atomic64_t pairs;
static DEFINE_PER_CPU(struct work_struct, pairs_work);

/* What reading the clock twice takes */
static u64 nothing(void)
{
	u64 start = ktime_get_raw_ns();

	return ktime_get_raw_ns() - start;
}

static void *get(size_t size, gfp_t gfp, unsigned long attrs)
{
	void *cpu;

	return dma_alloc_from_pool(dpt_dev, size, &cpu, gfp, attrs, NULL) ?
		cpu : NULL;
}

/* Context: interrupts off */
static int time_calls(enum dpt_pool pool, size_t size, unsigned int taken)
{
	gfp_t gfp = dpt_gfp(pool) | __GFP_NOWARN;
	unsigned long attrs = dpt_attrs();
	unsigned int out, i;
	u64 alloc, zero, free;
	int ret = 0;

	for (out = 0; out < taken; out++)
		if (dpt_try(&dpt_blocks[out], pool, size, __GFP_NOWARN, NULL))
			break;

	alloc = ktime_get_raw_ns();
	for (i = 0; i < DPT_CALLS; i++)
		addr[i] = get(size, gfp, attrs);
	alloc = ktime_get_raw_ns() - alloc;

	for (i = 0; i < DPT_CALLS; i++)
		if (!addr[i])
			ret = -ENOMEM;
	if (ret)
		goto put;

	zero = ktime_get_raw_ns();
	for (i = 0; i < DPT_CALLS; i++)
		memset(addr[i], 0, size);
	zero = ktime_get_raw_ns() - zero;

	free = ktime_get_raw_ns();
	for (i = 0; i < DPT_CALLS; i++)
		dma_free_from_pool(dpt_dev, addr[i], size);
	free = ktime_get_raw_ns() - free;

	snprintf(figures, sizeof(figures), "calls=%u alloc=%llu memset=%llu free=%llu",
		 DPT_CALLS, alloc - nothing(), zero - nothing(), free - nothing());
put:
	for (i = 0; ret && i < DPT_CALLS; i++)
		if (addr[i])
			dma_free_from_pool(dpt_dev, addr[i], size);
	while (out--)
		ret = dpt_put(&dpt_blocks[out], false) ?: ret;
	return ret;
}

/* Context: interrupts off */
static int time_foreign(void *foreign)
{
	u64 free = ktime_get_raw_ns();
	unsigned int i;

	for (i = 0; i < DPT_CALLS; i++)
		dma_free_from_pool(dpt_dev, foreign, PAGE_SIZE);
	free = ktime_get_raw_ns() - free;
	snprintf(figures, sizeof(figures), "calls=%u free=%llu", DPT_CALLS,
		 free - nothing());
	return 0;
}

static void make_pairs(struct work_struct *work)
{
	ktime_t end = ktime_add_ms(ktime_get(), pairs_ms);
	unsigned long attrs = dpt_attrs();
	unsigned int tries = 0, count = 0;
	void *cpu;

	do {
		cpu = get(PAGE_SIZE, dpt_gfp(DPT_KERNEL) | __GFP_NOWARN, attrs);
		if (cpu && dma_free_from_pool(dpt_dev, cpu, PAGE_SIZE))
			count++;
	} while (++tries % 64 || ktime_before(ktime_get(), end));
	atomic64_add(count, &pairs);
}

static void count_pairs(void)
{
	unsigned int cpu;

	atomic64_set(&pairs, 0);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		INIT_WORK(per_cpu_ptr(&pairs_work, cpu), make_pairs);
		schedule_work_on(cpu, per_cpu_ptr(&pairs_work, cpu));
	}
	for_each_online_cpu(cpu)
		flush_work(per_cpu_ptr(&pairs_work, cpu));
	cpus_read_unlock();
	snprintf(figures, sizeof(figures), "pairs=%lld", atomic64_read(&pairs));
}

int dpt_measure_command(char *text)
{
	enum dpt_pool pool;
	unsigned int taken;
	void *foreign;
	char name[8];
	size_t size;
	int ret;

	figures[0] = '\0';
	if (sscanf(text, "pairs %u", &pairs_ms) == 1) {
		count_pairs();
		return 0;
	}
	if (!strcmp(text, "foreign")) {
		foreign = (void *)__get_free_page(GFP_KERNEL);
		if (!foreign)
			return -ENOMEM;
		scoped_guard(irqsave)
			ret = time_foreign(foreign);
		free_page((unsigned long)foreign);
		return ret;
	}
	if (sscanf(text, "calls %7s %zu %u", name, &size, &taken) != 3 ||
	    !size || taken > DPT_BLOCKS)
		return -EINVAL;
	pool = dpt_pool_by_name(name);
	if (pool == DPT_NONE)
		return -EINVAL;
	scoped_guard(irqsave)
		ret = time_calls(pool, size, taken);
	return ret;
}

void dpt_measure_show(struct seq_file *m)
{
	seq_printf(m, "%s\n", figures);
}
