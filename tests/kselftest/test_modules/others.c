// SPDX-License-Identifier: GPL-2.0
/*
 * What others may be doing while the module under test comes or goes, through the
 * file "others":
 *
 *   provide  somebody else provides the pools, and has nothing to give
 *   end      nobody does any more
 *
 * Nothing is judged here.
 */
#include <linux/dma-pool-provider.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "dma_pool_test.h"

/* Pools that are built in are nobody else's to provide. */
static const bool can_provide = !IS_ENABLED(CONFIG_DMA_POOL_RUST);
static bool providing;

static struct page *nothing(struct device *dev, size_t size, void **cpu_addr,
			    gfp_t gfp, unsigned long attrs, dpt_phys_ok ok)
{
	return ERR_PTR(-ENOMEM);
}

static int not_ours(struct device *dev, void *start, size_t size)
{
	return 0;
}

static int page_not_ours(struct device *dev, struct page *page, size_t size)
{
	return 0;
}

static void report(struct device *dev, size_t size, gfp_t gfp, int error)
{
}

static const struct dma_pool_provider provider = {
	.owner = THIS_MODULE,
	.alloc = nothing,
	.report = report,
	.free = not_ours,
	.free_page = page_not_ours,
};

static void end(void)
{
	if (can_provide && providing)
		dma_pool_unregister_provider(&provider);
	providing = false;
}

int dpt_others_command(char *text)
{
	int ret;

	if (!strcmp(text, "end")) {
		end();
		return 0;
	}
	if (!can_provide || providing || strcmp(text, "provide"))
		return -EINVAL;
	ret = dma_pool_register_provider(&provider);
	providing = !ret;
	return ret;
}

void dpt_others_show(struct seq_file *m)
{
	seq_printf(m, "providing=%d\n", providing);
}

void dpt_others_exit(void)
{
	end();
}
