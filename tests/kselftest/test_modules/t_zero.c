// SPDX-License-Identifier: GPL-2.0
/*
 * Tests that no byte of an earlier user reaches the next one.
 *
 * Every block of every test is dirtied before it is freed and looked at after
 * allocation (block.c); these tests make sure that there is no clean page
 * left to be lucky with.
 */
#include <linux/array_size.h>
#include <linux/mm.h>

#include "dma_pool_test.h"

/* Takes every page there is once, and leaves it dirty */
static int soil(void *unused)
{
	return dpt_all_there();
}

static int zero_orders_of(enum dpt_pool wanted)
{
	int order, last = dpt_largest(wanted), ret;
	struct dpt_block block;

	for (order = last; order >= 0; order--) {
		ret = dpt_try(&block, wanted, PAGE_SIZE << order, 0, NULL);
		if (ret)
			return dpt_fail("no block of order %d", order);
		ret = dpt_check_zero(&block, block.size);
		if (dpt_put(&block, false) || ret)
			return -EINVAL;
	}
	return 0;
}

/* Every byte of every size, in pools that are dirty all over */
static int zero_orders(void *unused)
{
	enum dpt_pool wanted;
	int ret = soil(NULL);

	for (wanted = 0; wanted < DPT_POOLS && !ret; wanted++)
		ret = zero_orders_of(wanted);
	return ret;
}

/* Every page of all pools */
static int zero_all(void *unused)
{
	int count;

	count = dpt_take_all(DPT_KERNEL, PAGE_SIZE, dpt_blocks, DPT_BLOCKS);
	if (count < 0)
		return count;
	return dpt_put_all(dpt_blocks, count);
}

static int zero_all_stopped(void *unused)
{
	return soil(NULL) ?: dpt_in(DPT_STOPPED, zero_all, NULL);
}

static const size_t sizes[] = {
	1, 2, 7, 8, 15, 63, 64, 65, 511, 2049, PAGE_SIZE - 1, PAGE_SIZE + 1,
	PAGE_SIZE + 9, 2 * PAGE_SIZE - 1, 3 * PAGE_SIZE, 3 * PAGE_SIZE + 5,
	6 * PAGE_SIZE - 4,
};

/* @tail: the rest of the last page as well, which a driver may map to users */
static int zero_sizes_to(bool tail)
{
	struct dpt_block block;
	enum dpt_pool wanted;
	unsigned int i;
	int ret = soil(NULL);

	for (wanted = 0; wanted < DPT_POOLS && !ret; wanted++) {
		for (i = 0; i < ARRAY_SIZE(sizes) && !ret; i++) {
			ret = dpt_try(&block, wanted, sizes[i], 0, NULL);
			if (ret)
				return dpt_fail("no %zu bytes", sizes[i]);
			ret = dpt_check_zero(&block, tail ? PAGE_ALIGN(sizes[i]) :
					     sizes[i]);
			ret = dpt_put(&block, i & 1) ?: ret;
		}
	}
	return ret;
}

static int zero_sizes(void *unused)
{
	return zero_sizes_to(false);
}

static int zero_tail(void *unused)
{
	return zero_sizes_to(true);
}

const struct dpt_test dpt_zero_tests[] = {
	{ "zero_orders", 0, zero_orders },
	{ "zero_every_page", 0, zero_all_stopped },
	{ "zero_odd_sizes", 0, zero_sizes },
	{ "zero_tail_of_last_page", DPT_IMPROVEMENT, zero_tail },
	{}
};
