// SPDX-License-Identifier: GPL-2.0
/*
 * All memory of a zone, taken from the page allocator and kept: a pool of that
 * zone cannot grow meanwhile. Nothing is judged here.
 */
#include <linux/gfp.h>
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

static int give_back(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &hogged, lru) {
		unsigned int order = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, order);
	}
	hogged_pages = 0;
	return 0;
}

int dpt_hog_command(char *text)
{
	enum dpt_pool pool;

	if (!strcmp(text, "free"))
		return give_back();
	pool = dpt_pool_by_name(text);
	if (pool == DPT_NONE || !list_empty(&hogged))
		return -EINVAL;
	return hog_zone(pool);
}

void dpt_hog_show(struct seq_file *m)
{
	seq_printf(m, "pages=%lu\n", hogged_pages);
}

void dpt_hog_exit(void)
{
	give_back();
}
