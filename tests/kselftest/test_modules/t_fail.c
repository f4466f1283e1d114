// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of requests that the pools must refuse, or pass on to the next pool:
 * questions answered with no, the wrong kind of memory, exhaustion, sizes
 * that no pool can have, no pools at all. And of what is said about it.
 */
#include <linux/ktime.h>
#include <linux/mm.h>

#include "dma_pool_test.h"

#define EXHAUSTED	"DMA pool exhausted for "
#define UNSUITABLE	"Failed to get suitable pool for "

static bool reject(struct device *dev, phys_addr_t phys, size_t size)
{
	return false;
}

static enum dpt_pool rejected;

static bool reject_pool(struct device *dev, phys_addr_t phys, size_t size)
{
	return dpt_pool_of(phys_to_page(phys)) != rejected;
}

/* Nothing may come; if something does, it goes back */
static int must_fail(enum dpt_pool wanted, size_t size, gfp_t flags,
		     dpt_phys_ok ok)
{
	struct dpt_block block;
	int ret = dpt_try(&block, wanted, size, flags, ok);

	if (ret == -ENOMEM)
		return 0;
	if (!ret)
		dpt_put(&block, false);
	return dpt_fail("%s got %zu bytes that it must not get",
			dpt_pool_name(wanted), size);
}

/*
 * For all three kinds of request: fails, loudly or quietly. A size that no pool
 * can ever serve, the module names only once.
 */
static int all_must_fail(size_t size, dpt_phys_ok ok)
{
	enum dpt_pool wanted;
	int ret = 0;

	if (!size || size > PAGE_SIZE << MAX_PAGE_ORDER)
		dpt_expect_up_to(DPT_POOLS, EXHAUSTED DPT_NAME);
	else
		dpt_expect(DPT_POOLS, EXHAUSTED DPT_NAME);
	for (wanted = 0; wanted < DPT_POOLS; wanted++)
		ret = must_fail(wanted, size, 0, ok) ?: ret;
	dpt_expect_end();
	for (wanted = 0; wanted < DPT_POOLS; wanted++)
		ret = must_fail(wanted, size, __GFP_NOWARN, ok) ?: ret;
	return ret;
}

static int reject_all(void *unused)
{
	return all_must_fail(PAGE_SIZE, reject) ?:
	       all_must_fail(SZ_64K, reject);
}

/* The request goes on to the next pool of the walk that has memory for it */
static int reject_zone(void *unused)
{
	enum dpt_pool wanted, expected;
	struct dpt_block block;
	int ret;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		for (rejected = 0; rejected < DPT_POOLS; rejected++) {
			expected = dpt_next(wanted, DPT_NONE);
			if (expected == rejected)
				expected = dpt_next(wanted, expected);
			if (expected == DPT_NONE) {
				ret = must_fail(wanted, PAGE_SIZE, __GFP_NOWARN,
						reject_pool);
				if (ret)
					return ret;
				continue;
			}
			ret = dpt_try(&block, wanted, PAGE_SIZE, 0, reject_pool);
			if (ret)
				return dpt_fail("%s without %s got nothing",
						dpt_pool_name(wanted),
						dpt_pool_name(rejected));
			if (dpt_pool_of(block.page) != expected)
				ret = dpt_fail("%s without %s got %s, not %s",
					       dpt_pool_name(wanted),
					       dpt_pool_name(rejected),
					       dpt_pool_name(dpt_pool_of(block.page)),
					       dpt_pool_name(expected));
			ret = dpt_check(&block) ?: ret;
			if (dpt_put(&block, true) || ret)
				return -EINVAL;
		}
	}
	return 0;
}

/* Encrypted memory must not go to who needs it decrypted, nor the reverse */
static int cc_mismatch(void *unused)
{
	unsigned long attrs = dpt_attrs() ^ __DMA_ATTR_ALLOC_CC_SHARED;
	enum dpt_pool wanted;
	struct page *page;
	void *cpu = NULL;
	int ret = 0;

	dpt_expect(2 * DPT_POOLS, UNSUITABLE DPT_NAME);
	for (wanted = 0; wanted < 2 * DPT_POOLS; wanted++) {
		gfp_t gfp = dpt_gfp(wanted % DPT_POOLS);

		if (wanted >= DPT_POOLS)
			gfp |= __GFP_NOWARN;
		page = dma_alloc_from_pool(dpt_dev, PAGE_SIZE, &cpu, gfp, attrs,
					   NULL);
		if (page) {
			ret = dpt_fail("memory of the wrong kind");
			dma_free_from_pool(dpt_dev, cpu, PAGE_SIZE);
		}
	}
	dpt_expect_end();
	return ret;
}

/* Takes all, has one more refused, gives one back, which can be had again */
static int exhaust(void *arg)
{
	enum dpt_pool wanted = (uintptr_t)arg;
	struct dpt_block block;
	int count, ret;

	count = dpt_take_all(wanted, PAGE_SIZE, dpt_blocks, DPT_BLOCKS);
	if (count <= 0)
		return count ?: dpt_fail("nothing for %s", dpt_pool_name(wanted));
	ret = must_fail(wanted, PAGE_SIZE, 0, NULL);
	ret = must_fail(wanted, PAGE_SIZE, __GFP_NOWARN, NULL) ?: ret;
	block = dpt_blocks[--count];
	ret = dpt_put(&block, true) ?: ret;
	if (dpt_try(&block, wanted, PAGE_SIZE, 0, NULL))
		ret = dpt_fail("a freed page cannot be had again");
	else
		dpt_blocks[count++] = block;
	ret = must_fail(wanted, PAGE_SIZE, __GFP_NOWARN, NULL) ?: ret;
	return dpt_put_all(dpt_blocks, count) ?: ret;
}

static int exhaust_stopped(void *unused)
{
	enum dpt_pool wanted;
	int ret = 0;

	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		dpt_expect(1, EXHAUSTED DPT_NAME);
		ret = dpt_in(DPT_STOPPED, exhaust, (void *)(uintptr_t)wanted) ?: ret;
		dpt_expect_end();
	}
	return ret;
}

/* More than one block of the page allocator: never, and not after long either */
static int oversized(void *unused)
{
	ktime_t begin = ktime_get();
	int ret;

	ret = all_must_fail(PAGE_SIZE << (MAX_PAGE_ORDER + 1), NULL);
	ret = all_must_fail(SZ_1G, NULL) ?: ret;
	if (ktime_ms_delta(ktime_get(), begin) > 20 * MSEC_PER_SEC)
		ret = dpt_fail("took %lld ms",
			       ktime_ms_delta(ktime_get(), begin));
	return ret;
}

static int size_zero(void *unused)
{
	return all_must_fail(0, NULL);
}

/* Refused without a device to name */
static int null_device_fails(void *unused)
{
	struct page *page;
	void *cpu = NULL;

	dpt_expect_up_to(1, EXHAUSTED);
	page = dma_alloc_from_pool(NULL, SZ_1G, &cpu, GFP_ATOMIC, dpt_attrs(),
				   NULL);
	dpt_expect_end();
	if (page)
		return dpt_fail("1 GiB from the pools");
	dpt_expect(1, UNSUITABLE);
	page = dma_alloc_from_pool(NULL, PAGE_SIZE, &cpu, GFP_ATOMIC,
				   dpt_attrs() ^ __DMA_ATTR_ALLOC_CC_SHARED, NULL);
	dpt_expect_end();
	if (page)
		return dpt_fail("memory of the wrong kind");
	return 0;
}

/* As above with the one flag with which the C code does not look at the name */
static int null_device_fails_quietly(void *unused)
{
	struct page *page;
	void *cpu = NULL;

	page = dma_alloc_from_pool(NULL, SZ_1G, &cpu, GFP_ATOMIC | __GFP_NOWARN,
				   dpt_attrs(), NULL);
	if (page)
		return dpt_fail("1 GiB from the pools");
	return 0;
}

static int without_pools(void *unused)
{
	enum dpt_pool wanted;
	int ret = 0;

	if (dpt_setup.state == DPT_MISSING)
		dpt_expect(2 * DPT_POOLS, UNSUITABLE DPT_NAME);
	for (wanted = 0; wanted < DPT_POOLS; wanted++) {
		ret = must_fail(wanted, PAGE_SIZE, 0, NULL) ?: ret;
		ret = must_fail(wanted, SZ_64K, __GFP_NOWARN, reject) ?: ret;
	}
	if (dpt_setup.state == DPT_MISSING)
		dpt_expect_end();
	return ret;
}

static int without_pools_in(void *context)
{
	return dpt_in((uintptr_t)context, without_pools, NULL);
}

const struct dpt_test dpt_fail_tests[] = {
	{ "phys_ok_rejects_all", 0, reject_all },
	{ "phys_ok_rejects_zone", 0, reject_zone },
	{ "cc_shared_mismatch", 0, cc_mismatch },
	{ "exhaust", 0, exhaust_stopped },
	{ "oversized", 0, oversized },
	{ "size_zero", 0, size_zero },
	{ "null_device_fails", DPT_IMPROVEMENT | DPT_CRASH, null_device_fails },
	{ "null_device_fails_quietly", 0, null_device_fails_quietly },
	{ "without_pools", DPT_NO_POOL, without_pools_in, (void *)DPT_PROCESS },
	{ "without_pools_irqs_off", DPT_NO_POOL, without_pools_in,
	  (void *)DPT_IRQS_OFF },
	{ "without_pools_hardirq", DPT_NO_POOL, without_pools_in,
	  (void *)DPT_HARDIRQ },
	{}
};
