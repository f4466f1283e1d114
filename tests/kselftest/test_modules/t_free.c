// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what goes back to the pools, and above all of what does not: the
 * DMA free functions ask about every address they see.
 */
#include <linux/array_size.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "dma_pool_test.h"

static int not_taken(void *addr, size_t size, const char *what)
{
	if (dma_free_from_pool(dpt_dev, addr, size))
		return dpt_fail("%s, %zu bytes: taken as a block of a pool", what,
				size);
	if (dma_free_from_pool(NULL, addr, size))
		return dpt_fail("%s, %zu bytes: taken without a device", what, size);
	return 0;
}

static int page_not_taken(struct page *page, size_t size, const char *what)
{
	if (dma_free_from_pool_page(dpt_dev, page, size))
		return dpt_fail("the page of %s, %zu bytes: taken as a block of a pool",
				what, size);
	return 0;
}

static const size_t sizes[] = { 0, 1, 64, PAGE_SIZE, SZ_64K, SZ_1M, SIZE_MAX };

static int foreign_addresses(void *unused)
{
	static char in_module[64];
	char on_stack[8];
	const struct { void *addr; const char *what; } addrs[] = {
		{ NULL, "NULL" },
		{ (void *)1, "1" },
		{ (void *)PAGE_SIZE, "a user address" },
		{ (void *)-1UL, "all ones" },
		{ (void *)PAGE_MASK, "the last page" },
		{ ERR_PTR(-ENOMEM), "an error" },
		{ (void *)PAGE_OFFSET, "the first address of memory" },
		{ high_memory, "the address after memory" },
		{ in_module, "module data" },
		{ on_stack, "the stack" },
		{ (void *)foreign_addresses, "code" },
	};
	unsigned int i, j;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(addrs) && !ret; i++)
		for (j = 0; j < ARRAY_SIZE(sizes) && !ret; j++)
			ret = not_taken(addrs[i].addr, sizes[j], addrs[i].what);
	return ret;
}

static int foreign_memory(void *unused)
{
	struct page *page = alloc_pages(GFP_KERNEL, 4);
	void *area = vmalloc(SZ_64K);
	void *small = kmalloc(40, GFP_KERNEL);
	void *large = kmalloc(SZ_32K, GFP_KERNEL);
	unsigned int i;
	int ret = 0;

	if (!page || !area || !small || !large)
		ret = dpt_fail("no memory for the test");
	for (i = 0; i < ARRAY_SIZE(sizes) && !ret; i++) {
		ret = ret ?: not_taken(small, sizes[i], "kmalloc");
		ret = ret ?: not_taken(large, sizes[i], "kmalloc of pages");
		ret = ret ?: not_taken(area, sizes[i], "vmalloc");
		ret = ret ?: not_taken(page_address(page), sizes[i], "pages");
		ret = ret ?: page_not_taken(virt_to_page(small), sizes[i], "kmalloc");
		ret = ret ?: page_not_taken(vmalloc_to_page(area), sizes[i], "vmalloc");
		ret = ret ?: page_not_taken(page, sizes[i], "pages");
		ret = ret ?: page_not_taken(ZERO_PAGE(0), sizes[i], "zeroes");
	}
	kfree(large);
	kfree(small);
	vfree(area);
	if (page)
		__free_pages(page, 4);
	return ret;
}

/*
 * Every page that lies directly before or after pool memory, and blocks that
 * begin outside of it. Those that end outside of it are in t_misuse.c.
 */
static int neighbours(void *unused)
{
	static DECLARE_BITMAP(ours, SZ_1M);
	unsigned long pfn, offset = 0;
	int i, count, ret = 0;

	count = dpt_take_all(DPT_KERNEL, PAGE_SIZE, dpt_blocks, DPT_BLOCKS);
	if (count < 0)
		return count;
	bitmap_zero(ours, SZ_1M);
	for (i = 0; i < count; i++)
		set_bit(page_to_pfn(dpt_blocks[i].page) & (SZ_1M - 1), ours);
	for (i = 0; i < count && !ret; i++) {
		void *addr = dpt_blocks[i].cpu;

		pfn = page_to_pfn(dpt_blocks[i].page);
		if (pfn && !test_bit((pfn - 1) & (SZ_1M - 1), ours)) {
			offset++;
			ret = ret ?: not_taken(addr - PAGE_SIZE, PAGE_SIZE,
					       "the page before a pool");
			ret = ret ?: not_taken(addr - 1, PAGE_SIZE + 1,
					       "one byte before a pool");
		}
		if (!test_bit((pfn + 1) & (SZ_1M - 1), ours)) {
			offset++;
			ret = ret ?: not_taken(addr + PAGE_SIZE, PAGE_SIZE,
					       "the page after a pool");
		}
	}
	if (!ret && !offset)
		ret = dpt_fail("pools without a border");
	return dpt_put_all(dpt_blocks, count) ?: ret;
}

static int foreign_neighbours(void *unused)
{
	return dpt_in(DPT_STOPPED, neighbours, NULL);
}

/* Each block of each order, by page; dpt_put_all() mixes both ways elsewhere */
static int by_page(void *unused)
{
	struct dpt_block block;
	enum dpt_pool wanted;
	int order, ret;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		for (order = 0; order <= dpt_largest(wanted); order++) {
			ret = dpt_try(&block, wanted, PAGE_SIZE << order, 0, NULL);
			if (ret)
				return dpt_fail("no block of order %d", order);
			ret = dpt_check(&block);
			if (dpt_put(&block, true) || ret)
				return -EINVAL;
		}
	}
	return 0;
}

/*
 * Nobody should give a block back in two halves. As in C all of it is free then,
 * and the module can go: contract.sh has it go after each row.
 */
static int in_pieces(void *unused)
{
	struct dpt_block block;
	enum dpt_pool wanted;
	int order, ret;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		for (order = 1; order <= dpt_largest(wanted); order++) {
			size_t half = PAGE_SIZE << (order - 1);

			ret = dpt_try(&block, wanted, 2 * half, 0, NULL);
			if (ret)
				return dpt_fail("no block of order %d", order);
			if (!dma_free_from_pool(dpt_dev, block.cpu, half) ||
			    !dma_free_from_pool(dpt_dev, block.cpu + half, half))
				return dpt_fail("a half of order %d is not taken", order);
		}
	}
	return 0;
}

static int every_page(void *unused)
{
	int i, count, ret = 0;

	count = dpt_take_all(DPT_KERNEL, PAGE_SIZE, dpt_blocks, DPT_BLOCKS);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++)
		ret = dpt_put(&dpt_blocks[i], true) ?: ret;
	return ret;
}

static int every_page_by_page(void *unused)
{
	return dpt_in(DPT_STOPPED, every_page, NULL);
}

/* Taken in one context, given back in another */
static int put_body(void *block)
{
	return dpt_put(block, false);
}

static int across_contexts(void *unused)
{
	static const enum dpt_context contexts[] = {
		DPT_PROCESS, DPT_BH_OFF, DPT_IRQS_OFF, DPT_RAW_SPINLOCK,
		DPT_SOFTIRQ, DPT_HARDIRQ, DPT_STOPPED,
	};
	struct dpt_block block;
	enum dpt_pool wanted;
	unsigned int i;
	int ret;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		for (i = 0; i < ARRAY_SIZE(contexts); i++) {
			ret = dpt_try(&block, wanted, 3 * PAGE_SIZE, 0, NULL);
			if (ret)
				return dpt_fail("no 3 pages");
			ret = dpt_check(&block);
			ret = dpt_in(contexts[i], put_body, &block) ?: ret;
			if (ret)
				return ret;
		}
	}
	return 0;
}

const struct dpt_test dpt_free_tests[] = {
	{ "foreign_addresses", DPT_ANY, foreign_addresses },
	{ "foreign_memory", DPT_ANY, foreign_memory },
	{ "foreign_neighbours", 0, foreign_neighbours },
	{ "free_by_page", 0, by_page },
	{ "free_every_page_by_page", 0, every_page_by_page },
	{ "free_in_pieces", 0, in_pieces },
	{ "free_across_contexts", 0, across_contexts },
	{}
};
