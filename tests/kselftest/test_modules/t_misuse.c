// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of drivers that free what is not out: the pools say which device it was and
 * which address, and all stays as it is. What is not the pools' is in t_free.c.
 */
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/string.h>

#include "dma_pool_test.h"

/* Says so once, in one warning; and nobody else is asked whether it is theirs */
static int bad_free(const struct dpt_block *block, size_t size, bool by_page)
{
	char text[128];
	bool taken;

	/* By page, it is up to the pools which of its addresses they name */
	if (by_page)
		scnprintf(text, sizeof(text), "DMA: %s: bad free of %zu bytes at 0x",
			  dev_name(dpt_dev), size);
	else
		scnprintf(text, sizeof(text),
			  "DMA: %s: bad free of %zu bytes at %#lx, not a block that is out",
			  dev_name(dpt_dev), size, (unsigned long)block->cpu);
	dpt_expect(1, text);
	if (by_page)
		taken = dma_free_from_pool_page(dpt_dev, block->page, size);
	else
		taken = dma_free_from_pool(dpt_dev, block->cpu, size);
	dpt_expect_end();
	return taken ? 0 : dpt_fail("a bad free of pool memory is left to others");
}

static bool overlap(const struct dpt_block *a, const struct dpt_block *b)
{
	return page_to_pfn(a->page) < page_to_pfn(b->page) + PFN_UP(b->size) &&
	       page_to_pfn(b->page) < page_to_pfn(a->page) + PFN_UP(a->size);
}

static int take_others(void *block)
{
	int i, count, ret = 0;

	count = dpt_take_all(DPT_KERNEL, PAGE_SIZE, dpt_blocks, DPT_BLOCKS);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++) {
		if (overlap(&dpt_blocks[i], block))
			ret = dpt_fail("a page of a block that is out is handed out");
		else
			dpt_own(&dpt_blocks[i], i + 1);
	}
	for (i = 0; i < count && !ret; i++)
		dpt_disown(&dpt_blocks[i], i + 1);
	return dpt_put_all(dpt_blocks, count) ?: ret;
}

/* All pages but those of @block can be had, each once */
static int others_are_free(struct dpt_block *block)
{
	int ret = dpt_owners_begin();

	if (ret)
		return ret;
	ret = dpt_in(DPT_STOPPED, take_others, block);
	dpt_owners_end();
	if (!ret && atomic_long_read(&dpt_wrongs.twice))
		ret = dpt_fail("a page is handed out twice");
	return ret;
}

/* What is free already stays free, once; what is beside it stays out */
static int double_free(void *unused)
{
	struct dpt_block block, beside, gone;
	enum dpt_pool wanted;
	int ret = 0;

	for (wanted = 0; wanted < DPT_POOLS && !ret; wanted++) {
		bool by_page = wanted == DPT_DMA;

		if (dpt_try(&block, wanted, 2 * PAGE_SIZE, 0, NULL))
			return dpt_fail("no 2 pages");
		if (dpt_try(&beside, wanted, 2 * PAGE_SIZE, 0, NULL)) {
			dpt_put(&block, false);
			return dpt_fail("no 2 pages more");
		}
		dpt_fill(&beside, wanted);
		gone = block;
		ret = dpt_put(&block, !by_page);
		ret = ret ?: bad_free(&gone, 2 * PAGE_SIZE, by_page);
		/* Once is enough: each time all is out, pools may grow by a piece */
		if (wanted == DPT_KERNEL)
			ret = ret ?: others_are_free(&beside);
		ret = dpt_check_fill(&beside, wanted) ?: ret;
		ret = dpt_put(&beside, by_page) ?: ret;
	}
	return ret;
}

/* More than is out, of which the rest is free, or not there: none of it goes back */
static int wrong_size(void *unused)
{
	struct dpt_block block;
	unsigned int by_page;
	int ret = 0;

	for (by_page = 0; by_page < 2 && !ret; by_page++) {
		/* Aligned to 4 pages, so that 4 from there are in the pool as well */
		if (dpt_try(&block, DPT_KERNEL, 3 * PAGE_SIZE, 0, NULL))
			return dpt_fail("no 3 pages");
		dpt_fill(&block, by_page);
		ret = bad_free(&block, 4 * PAGE_SIZE, by_page);
		/* No pool of these tests has as much in one piece */
		ret = ret ?: bad_free(&block, SZ_8M, by_page);
		if (by_page)
			ret = ret ?: others_are_free(&block);
		ret = dpt_check_fill(&block, by_page) ?: ret;
		ret = dpt_put(&block, !by_page) ?: ret;
	}
	return ret;
}

const struct dpt_test dpt_misuse_tests[] = {
	{ "double_free", DPT_IMPROVEMENT | DPT_CRASH, double_free },
	{ "free_of_wrong_size", DPT_IMPROVEMENT | DPT_CRASH, wrong_size },
	{}
};
