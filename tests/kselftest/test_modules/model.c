// SPDX-License-Identifier: GPL-2.0
/*
 * What the contract says about pools: which exist (as the user told us), in
 * which order a request walks them, and which pool a page comes from. No
 * allocation happens here.
 */
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "dma_pool_test.h"

struct dpt_setup dpt_setup;

static const char * const names[] = {
	[DPT_KERNEL] = "kernel", [DPT_DMA] = "dma", [DPT_DMA32] = "dma32",
	[DPT_NONE] = "none",
};

const char *dpt_pool_name(enum dpt_pool pool)
{
	return names[pool];
}

/* DPT_NONE if there is no such pool */
enum dpt_pool dpt_pool_by_name(const char *name)
{
	int pool = match_string(names, DPT_POOLS, name);

	return pool < 0 ? DPT_NONE : pool;
}

gfp_t dpt_gfp(enum dpt_pool pool)
{
	switch (pool) {
	case DPT_DMA:
		return GFP_ATOMIC | GFP_DMA;
	case DPT_DMA32:
		return GFP_ATOMIC | GFP_DMA32;
	default:
		return GFP_ATOMIC;
	}
}

bool dpt_present(enum dpt_pool pool)
{
	return pool < DPT_POOLS && dpt_setup.size[pool];
}

static enum dpt_pool first_of(enum dpt_pool a, enum dpt_pool b, enum dpt_pool c)
{
	if (dpt_present(a))
		return a;
	if (dpt_present(b))
		return b;
	return dpt_present(c) ? c : DPT_NONE;
}

/* The pool that a request for @wanted tries after @prev (first: DPT_NONE) */
enum dpt_pool dpt_next(enum dpt_pool wanted, enum dpt_pool prev)
{
	switch (prev) {
	case DPT_NONE:
		if (wanted == DPT_DMA)
			return first_of(DPT_DMA, DPT_DMA32, DPT_KERNEL);
		if (wanted == DPT_DMA32)
			return first_of(DPT_DMA32, DPT_DMA, DPT_KERNEL);
		return first_of(DPT_KERNEL, DPT_DMA32, DPT_DMA);
	case DPT_KERNEL:
		return first_of(DPT_DMA32, DPT_DMA, DPT_NONE);
	case DPT_DMA32:
		return first_of(DPT_DMA, DPT_NONE, DPT_NONE);
	default:
		return DPT_NONE;
	}
}

bool dpt_walks(enum dpt_pool wanted, enum dpt_pool pool)
{
	enum dpt_pool p = DPT_NONE;

	while ((p = dpt_next(wanted, p)) != DPT_NONE)
		if (p == pool)
			return true;
	return false;
}

/*
 * The three pools lie in three different zones (a zone that has no memory has
 * no pool either), so the zone of a page says which pool it is from.
 */
enum dpt_pool dpt_pool_of(struct page *page)
{
	switch (page_zonenum(page)) {
#ifdef CONFIG_ZONE_DMA
	case ZONE_DMA:
		return DPT_DMA;
#endif
#ifdef CONFIG_ZONE_DMA32
	case ZONE_DMA32:
		return DPT_DMA32;
#endif
	case ZONE_NORMAL:
		return DPT_KERNEL;
	default:
		return DPT_NONE;
	}
}

static int parse_word(struct dpt_setup *setup, const char *key, char *value)
{
	enum dpt_pool pool;
	int i;

	if (!strcmp(key, "state")) {
		static const char * const states[] = { "ok", "missing", "disabled" };

		i = match_string(states, ARRAY_SIZE(states), value);
		if (i < 0)
			return i;
		setup->state = i;
		return 0;
	}
	if (!strcmp(key, "fresh"))
		return kstrtobool(value, &setup->fresh);
	i = match_string(names, DPT_POOLS, key);
	if (i < 0)
		return i;
	pool = i;
	return kstrtoul(value, 0, &setup->size[pool]);
}

/* "kernel=1048576 dma=0 dma32=1048576 state=ok fresh=1", absent means 0 */
int dpt_parse_setup(char *text)
{
	struct dpt_setup setup = {};
	char *word;
	int ret;

	while ((word = strsep(&text, " "))) {
		char *value;

		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		ret = parse_word(&setup, word, value);
		if (ret)
			return ret;
	}
	dpt_setup = setup;
	return 0;
}
