// SPDX-License-Identifier: GPL-2.0
/*
 * One block from the pools: how it is asked for, what must be true of it, how
 * it goes back; and the same for many at once. The tests are built from these.
 */
#include <linux/cc_platform.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "dma_pool_test.h"

/* Attributes that fit the pools of this machine */
unsigned long dpt_attrs(void)
{
	return cc_platform_has(CC_ATTR_MEM_ENCRYPT) ?
		__DMA_ATTR_ALLOC_CC_SHARED : 0;
}

/* 0, -ENOMEM when the pools said no, or another error when they said nonsense */
int dpt_try(struct dpt_block *block, enum dpt_pool wanted, size_t size,
	    gfp_t flags, dpt_phys_ok ok)
{
	void *const untouched = block;
	void *cpu = untouched;
	struct page *page;

	page = dma_alloc_from_pool(dpt_dev, size, &cpu, dpt_gfp(wanted) | flags,
				   dpt_attrs(), ok);
	if (!page) {
		block->page = NULL;
		return -ENOMEM;
	}
	if (cpu == untouched)
		return dpt_fail("a page came without an address");
	*block = (struct dpt_block) {
		.page = page, .cpu = cpu, .size = size, .wanted = wanted,
	};
	return 0;
}

static struct page *page_behind(void *addr)
{
	return is_vmalloc_addr(addr) ? vmalloc_to_page(addr) : virt_to_page(addr);
}

/* CMA aligns to less than the size of its largest blocks */
static size_t alignment(size_t size)
{
	unsigned int order = get_order(size);

#ifdef CONFIG_CMA_ALIGNMENT
	if (dev_get_cma_area(NULL))
		order = min_t(unsigned int, order, CONFIG_CMA_ALIGNMENT);
#endif
	return PAGE_SIZE << order;
}

/* Up to 2^@order pages, rather few than many; one in four is no whole number of them */
size_t dpt_random_size(struct rnd_state *rnd, unsigned int order)
{
	u32 pages = 1 + prandom_u32_state(rnd) %
		    (1U << prandom_u32_state(rnd) % (order + 1));
	u32 odd = prandom_u32_state(rnd);

	return pages * PAGE_SIZE - (odd & 3 ? 0 : (odd >> 2) % PAGE_SIZE);
}

/* What is true of every block, whatever else a test is about */
int dpt_check(const struct dpt_block *block)
{
	enum dpt_pool pool = dpt_pool_of(block->page);
	phys_addr_t phys = page_to_phys(block->page);
	size_t last = (block->size - 1) & PAGE_MASK;

	if (!dpt_present(pool) || !dpt_walks(block->wanted, pool))
		return dpt_fail("asked for %s, got a page of zone %d",
				dpt_pool_name(block->wanted),
				page_zonenum(block->page));
	if (!IS_ALIGNED(phys, alignment(block->size)))
		return dpt_fail("%zu bytes at %pa are not aligned to their order",
				block->size, &phys);
	if (!IS_ALIGNED((unsigned long)block->cpu, PAGE_SIZE))
		return dpt_fail("address not aligned to a page");
	if (page_behind(block->cpu) != block->page)
		return dpt_fail("the page is not what the address maps");
	if (page_to_pfn(page_behind(block->cpu + last)) !=
	    page_to_pfn(block->page) + (last >> PAGE_SHIFT))
		return dpt_fail("the last page is not what the address maps");
	return dpt_check_zero(block, block->size);
}

int dpt_check_zero(const struct dpt_block *block, size_t len)
{
	u8 *dirty = memchr_inv(block->cpu, 0, len);

	if (dirty)
		return dpt_fail("byte %tu of %zu (%s) is 0x%02x, not zero",
				dirty - (u8 *)block->cpu, block->size,
				dpt_pool_name(block->wanted), *dirty);
	return 0;
}

/* Every page gets words of its own, so that a shared page shows */
void dpt_fill(struct dpt_block *block, u32 seed)
{
	u32 *word = block->cpu;
	size_t i;

	for (i = 0; i < block->size / sizeof(*word); i++)
		word[i] = seed ^ (u32)(i * 2654435761u);
}

int dpt_check_fill(const struct dpt_block *block, u32 seed)
{
	const u32 *word = block->cpu;
	size_t i;

	for (i = 0; i < block->size / sizeof(*word); i++)
		if (word[i] != (seed ^ (u32)(i * 2654435761u)))
			return dpt_fail("somebody wrote to a block of %zu bytes at %zu",
					block->size, i * sizeof(*word));
	return 0;
}

int dpt_put(struct dpt_block *block, bool by_page)
{
	size_t size = block->size;
	bool freed;

	memset(block->cpu, DPT_DIRTY, PAGE_ALIGN(size));
	if (by_page)
		freed = dma_free_from_pool_page(dpt_dev, block->page, size);
	else
		freed = dma_free_from_pool(dpt_dev, block->cpu, size);
	block->page = NULL;
	if (!freed)
		return dpt_fail("a block of %zu bytes is not taken back by %s", size,
				by_page ? "page" : "address");
	return 0;
}

/* Frees in any order but that of allocation, by address and by page in turn */
int dpt_put_all(struct dpt_block *blocks, unsigned int count)
{
	struct rnd_state rnd;
	unsigned int i;
	int ret = 0;

	prandom_seed_state(&rnd, count);
	for (i = count; i > 1; i--) {
		unsigned int other = prandom_u32_state(&rnd) % i;

		swap(blocks[i - 1], blocks[other]);
	}
	for (i = 0; i < count; i++)
		ret = dpt_put(&blocks[i], i & 1) ?: ret;
	return ret;
}

/* Takes up to @max blocks until there is none; their number, or an error */
int dpt_take_all(enum dpt_pool wanted, size_t size, struct dpt_block *blocks,
		 unsigned int max)
{
	unsigned int i;
	int ret;

	for (i = 0; i < max; i++) {
		ret = dpt_try(&blocks[i], wanted, size, __GFP_NOWARN, NULL);
		if (ret == -ENOMEM)
			break;
		if (!ret) {
			ret = dpt_check(&blocks[i]);
			if (ret)
				dpt_put(&blocks[i], false);
		}
		if (ret) {
			dpt_put_all(blocks, i);
			return ret;
		}
	}
	return i;
}

/* Order of the largest block that a pool of the size we were told must have */
int dpt_largest(enum dpt_pool wanted)
{
	enum dpt_pool pool = DPT_NONE;
	int order = -1;

	while ((pool = dpt_next(wanted, pool)) != DPT_NONE) {
		int one = ilog2(dpt_setup.size[pool] >> PAGE_SHIFT);

		/* One that has grown may consist of two halves */
		if (!dpt_setup.fresh)
			one--;
		order = max(order, one);
	}
	return min(order, MAX_PAGE_ORDER);
}

static int all_there(void *arg)
{
	enum dpt_pool pool;
	unsigned int i, count = 0;
	int ret = 0;

	for (pool = 0; pool < DPT_POOLS && !ret; pool++) {
		unsigned int pages = dpt_setup.size[pool] >> PAGE_SHIFT;

		for (i = 0; i < pages && count < DPT_BLOCKS && !ret; i++) {
			struct dpt_block *block = &dpt_blocks[count];

			ret = dpt_try(block, pool, PAGE_SIZE, __GFP_NOWARN, NULL);
			if (!ret)
				count++;
			if (ret == -ENOMEM ||
			    (!ret && dpt_pool_of(block->page) != pool))
				ret = dpt_fail("%s lacks %u of its %u pages",
					       dpt_pool_name(pool), pages - i,
					       pages);
		}
	}
	return dpt_put_all(dpt_blocks, count) ?: ret;
}

/*
 * Every page of every pool can be allocated: nothing is lost, and the sizes
 * we were told are true. No request fails on the way, which would make pools
 * grow.
 */
int dpt_all_there(void)
{
	return dpt_in(DPT_STOPPED, all_there, NULL);
}
