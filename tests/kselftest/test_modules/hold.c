// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that stay out for as long as a script wants, and a description of
 * each. No judgement is made here beyond whether the block was zeroed.
 */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dma_pool_test.h"

struct held {
	struct list_head list;
	struct dpt_block block;
	bool zeroed;
};

static LIST_HEAD(all_held);

static bool reject(struct device *dev, phys_addr_t phys, size_t size)
{
	return false;
}

static int hold_one(enum dpt_pool wanted, size_t size, gfp_t gfp, dpt_phys_ok ok)
{
	struct held *held = kzalloc_obj(*held);
	int ret;

	if (!held)
		return -ENOMEM;
	ret = dpt_try(&held->block, wanted, size, gfp, ok);
	if (ret) {
		kfree(held);
		return ret;
	}
	held->zeroed = !memchr_inv(held->block.cpu, 0, PAGE_ALIGN(size));
	memset(held->block.cpu, DPT_DIRTY, PAGE_ALIGN(size));
	list_add_tail(&held->list, &all_held);
	return 0;
}

static int free_all(void)
{
	struct held *held, *next;
	bool by_page = false;
	int ret = 0;

	list_for_each_entry_safe(held, next, &all_held, list) {
		ret = dpt_put(&held->block, by_page) ?: ret;
		by_page = !by_page;
		list_del(&held->list);
		kfree(held);
	}
	return ret;
}

int dpt_hold_command(char *text)
{
	/* A script looks at the result, a backtrace would tell it nothing */
	gfp_t gfp = __GFP_NOWARN;
	enum dpt_pool wanted;
	dpt_phys_ok ok = NULL;
	char name[8], word[8];
	unsigned int count;
	size_t size;
	int words, ret = 0;

	if (!strcmp(text, "free"))
		return free_all();
	words = sscanf(text, "%u %zu %7s %7s", &count, &size, name, word);
	if (words < 3 || !size)
		return -EINVAL;
	if (words == 4 && !strcmp(word, "reject"))
		ok = reject;
	else if (words == 4 && !strcmp(word, "warn"))
		gfp = 0;
	else if (words == 4)
		return -EINVAL;
	wanted = dpt_pool_by_name(name);
	if (wanted == DPT_NONE)
		return -EINVAL;
	while (count-- && !ret)
		ret = hold_one(wanted, size, gfp, ok);
	return ret;
}

void dpt_hold_show(struct seq_file *m)
{
	struct held *held;

	list_for_each_entry(held, &all_held, list) {
		phys_addr_t phys = page_to_phys(held->block.page);

		seq_printf(m, "wanted=%s size=%zu virt=0x%lx phys=%pa zone=%s zeroed=%s\n",
			   dpt_pool_name(held->block.wanted), held->block.size,
			   (unsigned long)held->block.cpu, &phys,
			   page_zone(held->block.page)->name,
			   held->zeroed ? "yes" : "no");
	}
}

void dpt_hold_exit(void)
{
	free_all();
}
