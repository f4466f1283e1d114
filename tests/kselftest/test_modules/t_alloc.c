// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what an allocation gives: every order in every context, odd sizes,
 * the pool that the walk order says, blocks that have nothing in common.
 * Requests that must fail are in t_fail.c, what the bytes are in t_zero.c.
 */
#include <linux/array_size.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sort.h>

#include "dma_pool_test.h"

/* Each order twice, as a block that was freed must be good again */
static int orders_of(enum dpt_pool wanted)
{
	int order, last = dpt_largest(wanted), ret;
	struct dpt_block block;
	unsigned int turn;

	for (order = 0; order <= last; order++) {
		for (turn = 0; turn < 2; turn++) {
			ret = dpt_try(&block, wanted, PAGE_SIZE << order, 0, NULL);
			if (ret == -ENOMEM)
				return dpt_fail("no block of order %d for %s", order,
						dpt_pool_name(wanted));
			if (ret)
				return ret;
			ret = dpt_check(&block);
			if (dpt_put(&block, turn) || ret)
				return -EINVAL;
		}
	}
	return 0;
}

static int orders(void *unused)
{
	enum dpt_pool wanted;
	int ret = 0;

	for (wanted = 0; wanted < DPT_POOLS && !ret; wanted++)
		ret = orders_of(wanted);
	return ret;
}

static int orders_in(void *context)
{
	return dpt_in((uintptr_t)context, orders, NULL);
}

static const size_t odd_sizes[] = {
	1, 7, 8, 63, 512, PAGE_SIZE - 1, PAGE_SIZE + 1, PAGE_SIZE + 8,
	3 * PAGE_SIZE / 2, 3 * PAGE_SIZE, 5 * PAGE_SIZE + 17, 7 * PAGE_SIZE - 1,
};

static int put_filled(struct dpt_block *blocks, unsigned int count)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = dpt_check_fill(&blocks[i], i);
	return dpt_put_all(blocks, count) ?: ret;
}

/*
 * What is not a power of two goes back whole: dpt_all_there() looks after. As
 * many at a time as the pools hold, which are few where pages are large.
 */
static int odd(void *unused)
{
	struct dpt_block blocks[ARRAY_SIZE(odd_sizes)];
	unsigned int i, count = 0;
	enum dpt_pool wanted;
	int ret = 0;

	for (wanted = 0; wanted < DPT_POOLS && !ret; wanted++) {
		size_t largest = PAGE_SIZE << dpt_largest(wanted);

		for (i = 0; i < ARRAY_SIZE(odd_sizes) && !ret; i++) {
			size_t size = odd_sizes[i];

			if (size > largest)
				continue;
			ret = dpt_try(&blocks[count], wanted, size, __GFP_NOWARN, NULL);
			if (ret == -ENOMEM && count) {
				ret = put_filled(blocks, count);
				count = 0;
				ret = ret ?: dpt_try(&blocks[0], wanted, size, 0, NULL);
			}
			if (ret) {
				dpt_fail("no %zu bytes", size);
				break;
			}
			ret = dpt_check(&blocks[count]);
			dpt_fill(&blocks[count], count);
			count++;
		}
		ret = put_filled(blocks, count) ?: ret;
		count = 0;
	}
	return ret;
}

/*
 * Page for page until nothing is left: the blocks come from one pool after
 * the other, in the order of the walk, and from no other.
 */
static int walk(void *arg)
{
	enum dpt_pool wanted = (uintptr_t)arg, at = dpt_next(wanted, DPT_NONE);
	unsigned int i, in_pool = 0;
	int count, ret = 0;

	count = dpt_take_all(wanted, PAGE_SIZE, dpt_blocks, DPT_BLOCKS);
	if (count < 0)
		return count;
	for (i = 0; i < count && !ret; i++) {
		enum dpt_pool pool = dpt_pool_of(dpt_blocks[i].page);

		while (at != pool && at != DPT_NONE) {
			if (in_pool < dpt_setup.size[at] >> PAGE_SHIFT)
				ret = dpt_fail("%s left %s after %u pages",
					       dpt_pool_name(wanted),
					       dpt_pool_name(at), in_pool);
			at = dpt_next(wanted, at);
			in_pool = 0;
		}
		if (at == DPT_NONE)
			ret = dpt_fail("%s got a page of %s, out of order",
				       dpt_pool_name(wanted), dpt_pool_name(pool));
		in_pool++;
	}
	if (!ret && dpt_next(wanted, at) != DPT_NONE)
		ret = dpt_fail("%s never asked the %s pool", dpt_pool_name(wanted),
			       dpt_pool_name(dpt_next(wanted, at)));
	return dpt_put_all(dpt_blocks, count) ?: ret;
}

static int walk_stopped(void *wanted)
{
	return dpt_in(DPT_STOPPED, walk, wanted);
}

static int by_phys(const void *a, const void *b)
{
	unsigned long x = page_to_pfn(((const struct dpt_block *)a)->page);
	unsigned long y = page_to_pfn(((const struct dpt_block *)b)->page);

	return x < y ? -1 : x > y;
}

static int by_addr(const void *a, const void *b)
{
	void *x = ((const struct dpt_block *)a)->cpu;
	void *y = ((const struct dpt_block *)b)->cpu;

	return x < y ? -1 : x > y;
}

static int check_distinct(unsigned int count)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < count; i++)
		dpt_fill(&dpt_blocks[i], page_to_pfn(dpt_blocks[i].page));
	for (i = 0; i < count && !ret; i++)
		ret = dpt_check_fill(&dpt_blocks[i],
				     page_to_pfn(dpt_blocks[i].page));
	if (ret)
		return ret;
	sort(dpt_blocks, count, sizeof(*dpt_blocks), by_phys, NULL);
	for (i = 1; i < count; i++)
		if (page_to_pfn(dpt_blocks[i - 1].page) +
		    PFN_UP(dpt_blocks[i - 1].size) >
		    page_to_pfn(dpt_blocks[i].page))
			return dpt_fail("two blocks share pages");
	sort(dpt_blocks, count, sizeof(*dpt_blocks), by_addr, NULL);
	for (i = 1; i < count; i++)
		if (dpt_blocks[i - 1].cpu + dpt_blocks[i - 1].size >
		    dpt_blocks[i].cpu)
			return dpt_fail("two blocks share addresses");
	return 0;
}

/* Blocks of all sizes and all pools, until half of all memory is out */
static int distinct(void *unused)
{
	struct rnd_state rnd;
	unsigned int count = 0;
	enum dpt_pool pool;
	size_t left = 0;
	int ret = 0;

	prandom_seed_state(&rnd, 1);
	for (pool = 0; pool < DPT_POOLS; pool++)
		left += dpt_setup.size[pool] / 2;
	while (left && count < DPT_BLOCKS && !ret) {
		struct dpt_block *block = &dpt_blocks[count];
		size_t size = 1 + prandom_u32_state(&rnd) % min(left, SZ_64K);

		ret = dpt_try(block, prandom_u32_state(&rnd) % DPT_POOLS, size,
			      __GFP_NOWARN, NULL);
		if (ret == -ENOMEM) {
			/* The pool of this kind is full, or in pieces */
			ret = 0;
			left -= min_t(size_t, left, PAGE_SIZE);
			continue;
		}
		if (ret)
			break;
		count++;
		ret = dpt_check(block);
		left -= min(left, PAGE_ALIGN(size));
	}
	ret = ret ?: check_distinct(count);
	ret = dpt_put_all(dpt_blocks, count) ?: ret;
	if (!ret && !count)
		ret = dpt_fail("not a single block");
	if (!ret)
		dpt_note("%u blocks", count);
	return ret;
}

static int distinct_stopped(void *unused)
{
	return dpt_in(DPT_STOPPED, distinct, NULL);
}

static struct {
	unsigned int calls;
	struct device *dev;
	phys_addr_t phys;
	size_t size;
} asked;

static bool record(struct device *dev, phys_addr_t phys, size_t size)
{
	asked.calls++;
	asked.dev = dev;
	asked.phys = phys;
	asked.size = size;
	return true;
}

/* The caller's question gets the caller's device and size, and the block */
static int phys_ok_arguments(void *unused)
{
	static const size_t sizes[] = { 1, 100, PAGE_SIZE, PAGE_SIZE + 1, SZ_16K };
	struct dpt_block block;
	enum dpt_pool wanted;
	unsigned int i;
	int ret;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			phys_addr_t phys;

			memset(&asked, 0, sizeof(asked));
			ret = dpt_try(&block, wanted, sizes[i], 0, record);
			if (ret)
				return dpt_fail("no %zu bytes", sizes[i]);
			phys = page_to_phys(block.page);
			ret = dpt_check(&block);
			if (dpt_put(&block, false) || ret)
				return -EINVAL;
			if (asked.calls != 1)
				return dpt_fail("%u calls", asked.calls);
			if (asked.dev != dpt_dev)
				return dpt_fail("not the device");
			if (asked.size != sizes[i])
				return dpt_fail("size %zu, not %zu", asked.size,
						sizes[i]);
			if (asked.phys != phys)
				return dpt_fail("asked about %pa, got %pa", &asked.phys,
						&phys);
		}
	}
	return 0;
}

/* swiotlb and the IOMMU code do not always have a device or a question */
static int null_device(void *unused)
{
	struct page *page;
	void *cpu = NULL;

	page = dma_alloc_from_pool(NULL, PAGE_SIZE, &cpu, GFP_ATOMIC,
				   dpt_attrs(), NULL);
	if (!page || !cpu)
		return dpt_fail("no page without a device");
	if (!dma_free_from_pool(NULL, cpu, PAGE_SIZE))
		return dpt_fail("not taken back without a device");
	page = dma_alloc_from_pool(NULL, PAGE_SIZE, &cpu, GFP_ATOMIC,
				   dpt_attrs(), record);
	if (!page)
		return dpt_fail("no page for a question without a device");
	if (asked.dev)
		return dpt_fail("a device from nowhere");
	if (!dma_free_from_pool_page(NULL, page, PAGE_SIZE))
		return dpt_fail("not taken back by page without a device");
	return 0;
}

const struct dpt_test dpt_alloc_tests[] = {
	{ "orders_process", 0, orders_in, (void *)DPT_PROCESS },
	{ "orders_preempt_off", 0, orders_in, (void *)DPT_PREEMPT_OFF },
	{ "orders_bh_off", 0, orders_in, (void *)DPT_BH_OFF },
	{ "orders_irqs_off", 0, orders_in, (void *)DPT_IRQS_OFF },
	{ "orders_raw_spinlock", 0, orders_in, (void *)DPT_RAW_SPINLOCK },
	{ "orders_softirq", 0, orders_in, (void *)DPT_SOFTIRQ },
	{ "orders_hardirq", 0, orders_in, (void *)DPT_HARDIRQ },
	{ "odd_sizes", 0, odd },
	{ "walk_from_kernel", 0, walk_stopped, (void *)DPT_KERNEL },
	{ "walk_from_dma", 0, walk_stopped, (void *)DPT_DMA },
	{ "walk_from_dma32", 0, walk_stopped, (void *)DPT_DMA32 },
	{ "distinct", 0, distinct_stopped },
	{ "phys_ok_arguments", 0, phys_ok_arguments },
	{ "null_device", 0, null_device },
	{}
};
