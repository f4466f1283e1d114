// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUs get done in a time, for tests/bench:
 *
 *   pairs CPUS MS          so many CPUs, at the same time, allocate and free a
 *                          page for so long, before that with a gen_pool of
 *                          this module's: "yardstick=COUNT pairs=COUNT"
 *
 * The gen_pool is the same whoever provides the pools. Two kernels, or two times
 * of a busy machine, are compared by it.
 *
 * What a single call costs is in measure.c.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/genalloc.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "dma_pool_test.h"

static bool (*pair)(void);
static ktime_t end;
static atomic_t missing;
static atomic64_t pairs;
static struct gen_pool *yardstick;
static DEFINE_PER_CPU(struct work_struct, pairs_work);

static bool pair_of_pools(void)
{
	void *cpu;

	if (!dma_alloc_from_pool(dpt_dev, PAGE_SIZE, &cpu,
				 dpt_gfp(DPT_KERNEL) | __GFP_NOWARN,
				 dpt_attrs(), NULL))
		return false;
	return dma_free_from_pool(dpt_dev, cpu, PAGE_SIZE);
}

static bool pair_of_yardstick(void)
{
	unsigned long addr = gen_pool_alloc(yardstick, PAGE_SIZE);

	if (!addr)
		return false;
	memset((void *)addr, 0, PAGE_SIZE);
	gen_pool_free(yardstick, addr, PAGE_SIZE);
	return true;
}

static void make_pairs(struct work_struct *work)
{
	unsigned int tries = 0, count = 0;

	/* Nobody is alone at the beginning, nor at the end */
	atomic_dec(&missing);
	while (atomic_read(&missing) && ktime_before(ktime_get(), end))
		cpu_relax();
	do {
		count += pair();
	} while (++tries % 32 || ktime_before(ktime_get(), end));
	atomic64_add(count, &pairs);
}

static s64 count_pairs(bool (*function)(void), unsigned int cpus, unsigned int ms)
{
	unsigned int cpu, started = 0;

	pair = function;
	atomic64_set(&pairs, 0);
	cpus_read_lock();
	cpus = min(cpus, num_online_cpus());
	atomic_set(&missing, cpus);
	end = ktime_add_ms(ktime_get(), ms);
	for_each_online_cpu(cpu) {
		INIT_WORK(per_cpu_ptr(&pairs_work, cpu), make_pairs);
		if (started++ < cpus)
			schedule_work_on(cpu, per_cpu_ptr(&pairs_work, cpu));
	}
	for_each_online_cpu(cpu)
		flush_work(per_cpu_ptr(&pairs_work, cpu));
	cpus_read_unlock();
	return atomic64_read(&pairs);
}

static s64 count_yardstick(unsigned int cpus, unsigned int ms)
{
	struct page *page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	s64 count = -ENOMEM;

	if (!page)
		return -ENOMEM;
	yardstick = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!yardstick)
		goto free_pages;
	gen_pool_set_algo(yardstick, gen_pool_first_fit_order_align, NULL);
	if (!gen_pool_add_virt(yardstick, (unsigned long)page_address(page),
			       page_to_phys(page), PAGE_SIZE << MAX_PAGE_ORDER,
			       NUMA_NO_NODE))
		count = count_pairs(pair_of_yardstick, cpus, ms);
	gen_pool_destroy(yardstick);
free_pages:
	__free_pages(page, MAX_PAGE_ORDER);
	return count;
}

int dpt_pairs_command(const char *text, char *figures, size_t size)
{
	unsigned int cpus, ms;
	s64 before;

	if (sscanf(text, "pairs %u %u", &cpus, &ms) != 2)
		return -EINVAL;
	before = count_yardstick(cpus, ms);
	if (before < 0)
		return before;
	snprintf(figures, size, "yardstick=%lld pairs=%lld", before,
		 count_pairs(pair_of_pools, cpus, ms));
	return 0;
}
