// SPDX-License-Identifier: GPL-2.0
/*
 * What an allocation costs in a kernel that does not export the pools' functions,
 * as the stock one: they are called by the addresses that /proc/kallsyms has. So
 * the pools in C are measured by the same code before and after the series, and
 * the difference is the cost of the hook in it. All else is measured by
 * tests/kselftest/test_modules/measure.c.
 *
 *   insmod dma_pool_hook.ko alloc=ADDRESS free=ADDRESS
 *
 * Then the parameter "figures" is "calls=N alloc=NS memset=NS", of pages for a
 * device that can have any memory.
 */
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/string.h>

#define CALLS 16
/* One that is out before: the first wakes the worker */
#define BLOCKS (CALLS + 1)

static unsigned long alloc;
module_param(alloc, ulong, 0400);
MODULE_PARM_DESC(alloc, "Address of dma_alloc_from_pool()");

static unsigned long free;
module_param(free, ulong, 0400);
MODULE_PARM_DESC(free, "Address of dma_free_from_pool()");

static char figures[64];
module_param_string(figures, figures, sizeof(figures), 0400);
MODULE_PARM_DESC(figures, "What was measured");

static u64 time_alloc(struct device *dev, void **addr, unsigned int count)
{
	struct page *(*from_pool)(struct device *dev, size_t size,
				  void **cpu_addr, gfp_t gfp,
				  unsigned long attrs, void *phys_addr_ok) =
		(void *)alloc;
	u64 start = ktime_get_raw_ns();
	unsigned int i;

	for (i = 0; i < count; i++)
		from_pool(dev, PAGE_SIZE, &addr[i], GFP_ATOMIC | __GFP_NOWARN,
			  0, NULL);
	return ktime_get_raw_ns() - start;
}

static u64 time_memset(void **addr, unsigned int count)
{
	u64 start = ktime_get_raw_ns();
	unsigned int i;

	for (i = 0; i < count; i++)
		memset(addr[i], 0, PAGE_SIZE);
	return ktime_get_raw_ns() - start;
}

static int measure(struct device *dev)
{
	bool (*to_pool)(struct device *dev, void *start, size_t size) =
		(void *)free;
	void *addr[BLOCKS] = {};
	unsigned long flags;
	u64 take, zero = 0;
	int i, ret = 0;

	local_irq_save(flags);
	time_alloc(dev, addr, 1);
	take = time_alloc(dev, addr + 1, CALLS);
	for (i = 0; i < BLOCKS; i++)
		if (!addr[i])
			ret = -ENOMEM;
	if (!ret)
		zero = time_memset(addr, CALLS);
	for (i = 0; i < BLOCKS; i++)
		if (addr[i])
			to_pool(dev, addr[i], PAGE_SIZE);
	local_irq_restore(flags);
	snprintf(figures, sizeof(figures), "calls=%u alloc=%llu memset=%llu",
		 CALLS, take, zero);
	return ret;
}

static int __init hook_init(void)
{
	struct platform_device *pdev;
	int ret;

	if (!alloc || !free)
		return -EINVAL;
	pdev = platform_device_register_simple(KBUILD_MODNAME,
					       PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	ret = measure(&pdev->dev);
	platform_device_unregister(pdev);
	return ret;
}
module_init(hook_init);

static void __exit hook_exit(void)
{
}
module_exit(hook_exit);

MODULE_DESCRIPTION("What an allocation from the atomic DMA pools costs");
MODULE_LICENSE("GPL");
