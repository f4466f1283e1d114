// SPDX-License-Identifier: GPL-2.0
/*
 * What the three entry points cost, for tests/bench: a command is written to
 * the file "measure", and the figures are read from it. Nothing is judged here.
 * What several CPUs get done is in pairs.c, the longest call in ramp.c.
 *
 *   calls POOL SIZE TAKEN [OK]  DPT_CALLS blocks of SIZE bytes one after the
 *                          other, for a device that needs POOL, while TAKEN
 *                          others of the size are out; OK is the address of
 *                          the phys_addr_ok that is passed:
 *                          "alloc=NS memset=NS free=NS check=NS", each for all
 *                          calls; check is what DPT_CALLS calls of OK take
 *   chunks POOL COUNT      the same for a page, in a pool of COUNT chunks of
 *                          the largest size of which one is empty and all
 *                          others are full: where the empty one costs most
 *   foreign                DPT_CALLS times an address that is not the pools':
 *                          "free=NS"
 *   pairs ..., ramp ...    see pairs.c, ramp.c
 *
 * Where the pool has less than a command asks for, it is given the time to
 * grow. Calls are timed with interrupts off: pools do not grow meanwhile. Where
 * the clock is advanced by the instruction (QEMU's -icount shift=0) a
 * nanosecond is an instruction, and the figures repeat to the digit.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/unroll.h>

#include "dma_pool_test.h"

#define DPT_CALLS 16
/* Times 20 ms, for a pool to grow */
#define DPT_TRIES 500
/* Blocks in which an address is that is not the pools' */
#define DPT_PLACES 3
#define DPT_CHUNK (PAGE_SIZE << MAX_PAGE_ORDER)

struct calls {
	enum dpt_pool pool;
	size_t size;
	dpt_phys_ok ok;
	/* Results, for DPT_CALLS calls */
	u64 alloc, zero, free, check;
};

static char figures[128];
/* Of dpt_blocks */
static unsigned int out;

/* What reading the clock twice takes */
static u64 nothing(void)
{
	u64 start = ktime_get_raw_ns();

	return ktime_get_raw_ns() - start;
}

static u64 since(u64 start)
{
	return ktime_get_raw_ns() - start - nothing();
}

/* Context: interrupts off */
static int time_calls(struct calls *calls)
{
	static struct page *page[DPT_CALLS];
	static void *addr[DPT_CALLS];
	gfp_t gfp = dpt_gfp(calls->pool) | __GFP_NOWARN;
	unsigned long attrs = dpt_attrs();
	size_t size = calls->size;
	dpt_phys_ok ok = calls->ok;
	bool good = true;
	u64 start, time;
	unsigned int i;

	start = ktime_get_raw_ns();
	for (i = 0; i < DPT_CALLS; i++)
		page[i] = dma_alloc_from_pool(dpt_dev, size, &addr[i], gfp,
					      attrs, ok);
	time = ktime_get_raw_ns() - start;
	calls->alloc = time - nothing();

	for (i = 0; i < DPT_CALLS; i++)
		good &= !!page[i];
	if (!good)
		goto put;

	start = ktime_get_raw_ns();
	for (i = 0; i < DPT_CALLS; i++)
		memset(addr[i], 0, size);
	calls->zero = since(start);

	calls->check = 0;
	if (ok) {
		start = ktime_get_raw_ns();
		for (i = 0; i < DPT_CALLS; i++)
			good &= ok(dpt_dev, page_to_phys(page[i]), size);
		calls->check = since(start);
	}

	start = ktime_get_raw_ns();
	for (i = 0; i < DPT_CALLS; i++)
		dma_free_from_pool(dpt_dev, addr[i], size);
	calls->free = since(start);
	return good ? 0 : -EINVAL;
put:
	for (i = 0; i < DPT_CALLS; i++)
		if (page[i])
			dma_free_from_pool(dpt_dev, addr[i], size);
	return -ENOMEM;
}

/* One block of this pool, not of another that helps out */
static int take_one(struct dpt_block *block, enum dpt_pool pool, size_t size)
{
	int ret = dpt_try(block, pool, size, __GFP_NOWARN, NULL);

	if (!ret && dpt_pool_of(block->page) != pool)
		ret = dpt_put(block, false) ?: -ENOMEM;
	return ret;
}

/* Where one of the blocks that are out was, the first or the last of them */
static int time_in_chunk(struct calls *calls)
{
	struct dpt_block *block, *last = &dpt_blocks[out - 1], more;
	struct calls one = *calls;
	int ret;

	if (!take_one(&more, calls->pool, DPT_CHUNK)) {
		dpt_put(&more, false);
		return -ERANGE;
	}
	for (block = dpt_blocks;; block = last) {
		ret = dpt_put(block, false) ?: time_calls(&one);
		if (!ret)
			ret = take_one(block, calls->pool, DPT_CHUNK);
		if (ret) {
			/* Not one that is out any more */
			*block = *last;
			out--;
			return ret;
		}
		if (one.alloc >= calls->alloc)
			*calls = one;
		if (block == last)
			return 0;
	}
}

/* Context: interrupts off */
static bool take(enum dpt_pool pool, size_t size, unsigned int count)
{
	for (; out < count; out++)
		if (take_one(&dpt_blocks[out], pool, size))
			return false;
	return true;
}

static int put_all(void)
{
	int ret = 0;

	while (out)
		ret = dpt_put(&dpt_blocks[--out], false) ?: ret;
	return ret;
}

/*
 * Measures while @count blocks of @size bytes are out. The last of them is taken
 * and the first given back where nothing runs that would make the pool grow.
 */
static int with_taken(struct calls *calls, size_t size, unsigned int count,
		      int (*measure)(struct calls *calls))
{
	unsigned int tries;
	int ret;

	for (tries = 0; tries < DPT_TRIES; tries++) {
		scoped_guard(irqsave) {
			if (take(calls->pool, size, count)) {
				ret = measure(calls);
				return put_all() ?: ret;
			}
		}
		msleep(20);
	}
	return put_all() ?: -ENOSPC;
}

static int measure_calls(struct calls *calls, size_t size, unsigned int count,
			 int (*measure)(struct calls *calls))
{
	u64 mask = dpt_dev->coherent_dma_mask;
	int ret;

	/* As most devices have it: all memory will do, and is looked at */
	dpt_dev->coherent_dma_mask = DMA_BIT_MASK(64);
	ret = with_taken(calls, size, count, measure);
	dpt_dev->coherent_dma_mask = mask;
	if (!ret)
		snprintf(figures, sizeof(figures),
			 "calls=%u alloc=%llu memset=%llu free=%llu check=%llu",
			 DPT_CALLS, calls->alloc, calls->zero, calls->free,
			 calls->check);
	return ret;
}

/* With an address that the compiler does not know from the call before */
static __always_inline bool free_unknown(struct device *dev, void *foreign)
{
	OPTIMIZER_HIDE_VAR(foreign);
	return dma_free_from_pool(dev, foreign, PAGE_SIZE);
}

/*
 * What a driver's free costs whose memory is not the pools': no loop around it.
 *
 * Context: interrupts off
 */
static int time_foreign(void *foreign, u64 *time)
{
	struct device *dev = dpt_dev;
	u64 start = ktime_get_raw_ns();
	unsigned int i;

	unrolled_full
	for (i = 0; i < DPT_CALLS; i++)
		if (free_unknown(dev, foreign))
			return -EINVAL;
	*time = since(start);
	return 0;
}

/* The median: an address may look like one of the pools' from afar */
static int measure_foreign(void)
{
	struct page *pages[DPT_PLACES] = {};
	u64 time[DPT_PLACES] = {};
	int i, ret = 0;

	for (i = 0; i < DPT_PLACES && !ret; i++) {
		pages[i] = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
		if (!pages[i])
			ret = -ENOMEM;
		scoped_guard(irqsave)
			ret = ret ?: time_foreign(page_address(pages[i]),
						  &time[i]);
	}
	for (i = 0; i < DPT_PLACES; i++)
		if (pages[i])
			__free_pages(pages[i], MAX_PAGE_ORDER);
	snprintf(figures, sizeof(figures), "calls=%u free=%llu", DPT_CALLS,
		 max(min(time[0], time[1]),
		     min(max(time[0], time[1]), time[2])));
	return ret;
}

int dpt_measure_command(char *text)
{
	unsigned long ok = 0;
	struct calls calls = {};
	unsigned int count;
	char name[8];
	int words;

	figures[0] = '\0';
	if (!strcmp(text, "foreign"))
		return measure_foreign();
	if (sscanf(text, "chunks %7s %u", name, &count) == 2) {
		calls.pool = dpt_pool_by_name(name);
		calls.size = PAGE_SIZE;
		if (calls.pool == DPT_NONE || !count || count > DPT_BLOCKS)
			return -EINVAL;
		return measure_calls(&calls, DPT_CHUNK, count, time_in_chunk);
	}
	if (!strncmp(text, "ramp ", 5))
		return dpt_ramp_command(text, figures, sizeof(figures));
	words = sscanf(text, "calls %7s %zu %u %lx", name, &calls.size, &count,
		       &ok);
	if (words < 3)
		return dpt_pairs_command(text, figures, sizeof(figures));
	calls.pool = dpt_pool_by_name(name);
	calls.ok = (dpt_phys_ok)ok;
	if (calls.pool == DPT_NONE || !calls.size || count > DPT_BLOCKS)
		return -EINVAL;
	return measure_calls(&calls, calls.size, count, time_calls);
}

void dpt_measure_show(struct seq_file *m)
{
	seq_printf(m, "%s\n", figures);
}
