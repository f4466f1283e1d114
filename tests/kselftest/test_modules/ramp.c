// SPDX-License-Identifier: GPL-2.0
/*
 * The longest call, for tests/bench:
 *
 *   ramp POOL COUNT        takes COUNT pages, one after the other, and gives them
 *                          back: "alloc=NS free=NS" of the longest of each
 *
 * Between two calls is the time for the pool to grow, so that each call that asks
 * for that finds the worker asleep, and wakes it: with small pools that is the longest
 * one, in C and here. Interrupts are off while a call is timed. What is usual is in
 * measure.c, what happens when all CPUs want something in latency.c.
 */
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "dma_pool_test.h"

#define RAMP_MS		20

static bool take(enum dpt_pool pool, void **addr, u64 *longest)
{
	struct page *page;
	u64 start;

	guard(irqsave)();
	start = ktime_get_raw_ns();
	page = dma_alloc_from_pool(dpt_dev, PAGE_SIZE, addr,
				   dpt_gfp(pool) | __GFP_NOWARN, dpt_attrs(), NULL);
	*longest = max(*longest, ktime_get_raw_ns() - start);
	return page;
}

static bool give(void *addr, u64 *longest)
{
	bool freed;
	u64 start;

	guard(irqsave)();
	start = ktime_get_raw_ns();
	freed = dma_free_from_pool(dpt_dev, addr, PAGE_SIZE);
	*longest = max(*longest, ktime_get_raw_ns() - start);
	return freed;
}

int dpt_ramp_command(const char *text, char *figures, size_t size)
{
	u64 alloc = 0, free = 0;
	unsigned int count, out;
	enum dpt_pool pool;
	void **addr;
	char name[8];
	bool good;

	if (sscanf(text, "ramp %7s %u", name, &count) != 2)
		return -EINVAL;
	pool = dpt_pool_by_name(name);
	if (pool == DPT_NONE || !count || count > DPT_BLOCKS)
		return -EINVAL;
	addr = kcalloc(count, sizeof(*addr), GFP_KERNEL);
	if (!addr)
		return -ENOMEM;
	for (out = 0; out < count && take(pool, &addr[out], &alloc); out++)
		msleep(RAMP_MS);
	good = out == count;
	while (out) {
		good &= give(addr[--out], &free);
		msleep(RAMP_MS);
	}
	kfree(addr);
	snprintf(figures, size, "calls=1 alloc=%llu free=%llu", alloc, free);
	return good ? 0 : -ENOMEM;
}
