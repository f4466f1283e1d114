// SPDX-License-Identifier: GPL-2.0
/*
 * All memory of a zone, or all but some, taken from the page allocator and kept: a
 * pool of that zone cannot grow meanwhile. Nothing is judged here.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "dma_pool_test.h"

static LIST_HEAD(hogged);
static unsigned long hogged_pages;

/* Where memory is short a pool gets what it gets with these flags */
static gfp_t flags(enum dpt_pool pool)
{
	return GFP_KERNEL | (dpt_gfp(pool) & (GFP_DMA | GFP_DMA32)) |
	       __GFP_NOWARN | __GFP_RETRY_MAYFAIL;
}

static int hog_zone(enum dpt_pool pool)
{
	int order;

	for (order = MAX_PAGE_ORDER; order >= 0; order--) {
		struct page *page;

		while ((page = alloc_pages(flags(pool), order))) {
			/* No longer of this zone: it is empty */
			if (dpt_pool_of(page) != pool) {
				__free_pages(page, order);
				break;
			}
			set_page_private(page, order);
			list_add(&page->lru, &hogged);
			hogged_pages += 1UL << order;
		}
	}
	return hogged_pages ? 0 : -ENOMEM;
}

static void put(struct page *page)
{
	unsigned int order = page_private(page);

	list_del(&page->lru);
	set_page_private(page, 0);
	__free_pages(page, order);
	hogged_pages -= 1UL << order;
}

static int give_back(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &hogged, lru)
		put(page);
	return 0;
}

/* Of the largest blocks, so that what is free is in few pieces */
static void leave(unsigned long long bytes)
{
	struct page *page, *next;

	list_for_each_entry_safe_reverse(page, next, &hogged, lru) {
		unsigned int order = page_private(page);

		if (PAGE_SIZE << order > bytes)
			continue;
		bytes -= PAGE_SIZE << order;
		put(page);
	}
}

/* free, or POOL [BYTES]: all of its zone, but for so many bytes */
int dpt_hog_command(char *text)
{
	char *bytes = text;
	enum dpt_pool pool;
	int ret;

	if (!strcmp(text, "free"))
		return give_back();
	pool = dpt_pool_by_name(strsep(&bytes, " "));
	if (pool == DPT_NONE || !list_empty(&hogged))
		return -EINVAL;
	ret = hog_zone(pool);
	if (!ret && bytes)
		leave(memparse(bytes, NULL));
	return ret;
}

void dpt_hog_show(struct seq_file *m)
{
	seq_printf(m, "pages=%lu\n", hogged_pages);
}

void dpt_hog_exit(void)
{
	give_back();
}
