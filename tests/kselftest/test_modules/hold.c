// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that stay out for as long as a script wants, and a description of
 * each; also blocks of a device that is gone by the time that they come back. No
 * judgement is made here beyond whether the block was zeroed.
 */
#include <linux/device.h>
#include <linux/err.h>
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

static int hold_many(unsigned int count, enum dpt_pool wanted, size_t size,
		     gfp_t gfp, dpt_phys_ok ok)
{
	int ret = 0;

	while (count-- && !ret)
		ret = hold_one(wanted, size, gfp, ok);
	return ret;
}

/* All else that this module does meanwhile is of that device, too */
static int hold_of_another(const char *name, unsigned int count,
			   enum dpt_pool wanted, size_t size)
{
	struct device *dev = root_device_register(name), *mine = dpt_dev;
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	dpt_dev = dev;
	ret = hold_many(count, wanted, size, __GFP_NOWARN, NULL);
	dpt_dev = mine;
	root_device_unregister(dev);
	return ret;
}

/* Up to @count, from the one that was taken first; of @every so many the first */
static int free_some(unsigned int count, unsigned int every)
{
	struct held *held, *next;
	bool by_page = false;
	unsigned int i = 0;
	int ret = 0;

	list_for_each_entry_safe(held, next, &all_held, list) {
		if (i++ % every)
			continue;
		if (!count--)
			break;
		ret = dpt_put(&held->block, by_page) ?: ret;
		by_page = !by_page;
		list_del(&held->list);
		kfree(held);
	}
	return ret;
}

static int free_all(void)
{
	return free_some(UINT_MAX, 1);
}

int dpt_hold_command(char *text)
{
	/* A script looks at the result, a backtrace would tell it nothing */
	gfp_t gfp = __GFP_NOWARN;
	enum dpt_pool wanted;
	dpt_phys_ok ok = NULL;
	char name[8], word[48];
	unsigned int count;
	size_t size;
	int words;

	if (!strcmp(text, "free"))
		return free_all();
	if (sscanf(text, "free every %u", &count) == 1)
		return free_some(UINT_MAX, count ?: 1);
	if (sscanf(text, "free %u", &count) == 1)
		return free_some(count, 1);
	words = sscanf(text, "%u %zu %7s %47s", &count, &size, name, word);
	if (words < 3 || !size)
		return -EINVAL;
	wanted = dpt_pool_by_name(name);
	if (wanted == DPT_NONE)
		return -EINVAL;
	if (words == 4 && str_has_prefix(word, "of-"))
		return hold_of_another(word + 3, count, wanted, size);
	if (words == 4 && !strcmp(word, "reject"))
		ok = reject;
	else if (words == 4 && !strcmp(word, "warn"))
		gfp = 0;
	else if (words == 4)
		return -EINVAL;
	return hold_many(count, wanted, size, gfp, ok);
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
