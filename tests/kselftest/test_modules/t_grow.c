// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of pools that grow, and of what is only seen in a pool of several
 * chunks. How much a pool grows is looked at in debugfs, by grow.sh.
 */
#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/mm.h>
#include <linux/sort.h>

#include "dma_pool_test.h"

/*
 * How often is looked whether a pool has grown. Not for how long: a guest that
 * its host has stopped for a while finds that time is over.
 */
#define PATIENCE	1000
#define BETWEEN_MS	20

/* A request that no pool has room for must be possible a little later */
static int grows_to(enum dpt_pool wanted, size_t size)
{
	unsigned int tries = PATIENCE;
	struct dpt_block block;
	int ret;

	do {
		ret = dpt_try(&block, wanted, size, __GFP_NOWARN, NULL);
		if (ret != -ENOMEM)
			break;
		msleep(BETWEEN_MS);
	} while (--tries);
	if (ret)
		return dpt_fail("%s never gets %zu KiB", dpt_pool_name(wanted),
				size >> 10);
	ret = dpt_check(&block);
	return dpt_put(&block, false) ?: ret;
}

static int after_failure(void *unused)
{
	enum dpt_pool wanted, pool;
	unsigned int tried = 0;
	int ret;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		struct dpt_block block;
		size_t size = PAGE_SIZE;

		if (!dpt_present(wanted))
			continue;
		for (pool = 0; pool < DPT_POOLS; pool++)
			while (size <= dpt_setup.size[pool])
				size *= 2;
		if (size > PAGE_SIZE << MAX_PAGE_ORDER)
			return DPT_SKIP;
		/* An earlier round may have made a pool large enough */
		if (!dpt_try(&block, wanted, size, __GFP_NOWARN, NULL)) {
			dpt_put(&block, false);
			continue;
		}
		tried++;
		ret = grows_to(wanted, size);
		if (ret)
			return ret;
	}
	return tried ? 0 : DPT_SKIP;
}

struct share {
	enum dpt_pool pool;
	unsigned int want, count;
};

/* Takes so many pages of one pool, of which it must have that many */
static int take(void *arg)
{
	struct share *share = arg;
	int ret = 0;

	while (share->count < share->want && !ret) {
		struct dpt_block *block = &dpt_blocks[share->count];

		ret = dpt_try(block, share->pool, PAGE_SIZE, __GFP_NOWARN, NULL);
		if (ret)
			break;
		if (dpt_pool_of(block->page) != share->pool) {
			dpt_put(block, false);
			return -ENOMEM;
		}
		share->count++;
		ret = dpt_check(block);
	}
	return ret;
}

/*
 * Takes so many pages of @pool, or all there are if 0, and waits until it has
 * more. dpt_setup does not learn of it, and need not: it says the least there
 * is.
 */
static int make_grow(enum dpt_pool pool, unsigned int pages)
{
	struct share share = { .pool = pool, .want = pages ?: DPT_BLOCKS };
	unsigned int tries = PATIENCE;
	int ret = dpt_in(DPT_STOPPED, take, &share);

	if (pages && ret) {
		dpt_fail("%s has less than %u pages", dpt_pool_name(pool), pages);
	} else {
		share.want = share.count + 1;
		do {
			msleep(BETWEEN_MS);
			ret = dpt_in(DPT_STOPPED, take, &share);
		} while (ret == -ENOMEM && --tries);
		if (ret)
			ret = dpt_fail("%s does not grow", dpt_pool_name(pool));
	}
	return dpt_put_all(dpt_blocks, share.count) ?: ret;
}

/* Once, by taking all there is */
int dpt_grow(enum dpt_pool pool)
{
	return make_grow(pool, 0);
}

static int low_water(void *unused)
{
	enum dpt_pool pool;
	int ret = 0;

	for (pool = 0; pool < DPT_POOLS && !ret; pool++)
		if (dpt_present(pool))
			ret = make_grow(pool, dpt_setup.size[pool] >> PAGE_SHIFT);
	return ret;
}

static unsigned long reject_from, reject_to;

static bool reject_range(struct device *dev, phys_addr_t phys, size_t size)
{
	unsigned long pfn = PHYS_PFN(phys);

	return pfn < reject_from || pfn >= reject_to;
}

static int by_pfn(const void *a, const void *b)
{
	unsigned long x = page_to_pfn(((const struct dpt_block *)a)->page);
	unsigned long y = page_to_pfn(((const struct dpt_block *)b)->page);

	return x < y ? -1 : x > y;
}

/*
 * Narrows [from, to), pages without a gap, to whole chunks around @pfn. A
 * chunk is aligned to its size, so the largest aligned piece at each place is
 * one chunk or several, or part of one that is larger than the pool was, @most.
 */
static void narrow(unsigned long pfn, unsigned long most)
{
	unsigned long from = reject_from, size;

	for (; from < reject_to; from += size) {
		size = from ? from & -from : reject_to;
		while (from + size > reject_to || size > most)
			size /= 2;
		if (pfn < from + size) {
			reject_from = from;
			reject_to = from + size;
			return;
		}
	}
}

/* -EAGAIN if there is only one chunk */
static int other_chunk(void *arg)
{
	enum dpt_pool pool = (uintptr_t)arg;
	struct share share = { .pool = pool, .want = DPT_BLOCKS };
	struct dpt_block block;
	unsigned long pfn;
	unsigned int i;
	int ret;

	ret = dpt_try(&block, pool, PAGE_SIZE, 0, NULL);
	if (ret)
		return dpt_fail("no page");
	pfn = page_to_pfn(block.page);
	ret = dpt_put(&block, false) ?: take(&share);
	sort(dpt_blocks, share.count, sizeof(*dpt_blocks), by_pfn, NULL);
	reject_from = pfn;
	reject_to = pfn + 1;
	for (i = 0; i < share.count; i++)
		if (page_to_pfn(dpt_blocks[i].page) == reject_to)
			reject_to++;
	for (i = share.count; i-- > 0;)
		if (page_to_pfn(dpt_blocks[i].page) == reject_from - 1)
			reject_from--;
	ret = dpt_put_all(dpt_blocks, share.count) ?: ret;
	if (ret && ret != -ENOMEM)
		return ret;
	narrow(pfn, dpt_setup.size[pool] >> PAGE_SHIFT);
	if (reject_to - reject_from == share.count)
		return -EAGAIN;
	ret = dpt_try(&block, pool, PAGE_SIZE, __GFP_NOWARN, reject_range);
	if (ret)
		return dpt_fail("a rejected chunk of %s hides the others",
				dpt_pool_name(pool));
	if (dpt_pool_of(block.page) != pool)
		ret = dpt_fail("a rejected chunk hides the others, %s went to %s",
			       dpt_pool_name(pool),
			       dpt_pool_name(dpt_pool_of(block.page)));
	return dpt_put(&block, false) ?: ret;
}

static int reject_chunk(void *unused)
{
	enum dpt_pool pool;
	unsigned int tries;
	int ret = 0, grown;

	for (pool = 0; pool < DPT_POOLS && !ret; pool++) {
		if (!dpt_present(pool))
			continue;
		for (tries = 0; tries < 4; tries++) {
			ret = dpt_in(DPT_STOPPED, other_chunk,
				     (void *)(uintptr_t)pool);
			if (ret != -EAGAIN)
				break;
			grown = make_grow(pool, 0);
			if (grown)
				return grown;
		}
	}
	return ret == -EAGAIN ? dpt_fail("no second chunk") : ret;
}

const struct dpt_test dpt_grow_failure_tests[] = {
	{ "grow_after_failure", DPT_IMPROVEMENT, after_failure },
	{}
};

const struct dpt_test dpt_grow_tests[] = {
	{ "grow_low_water", 0, low_water },
	{ "phys_ok_rejects_chunk", DPT_IMPROVEMENT, reject_chunk },
	{}
};
