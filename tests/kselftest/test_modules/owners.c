// SPDX-License-Identifier: GPL-2.0
/*
 * Who has which page of the pools: a map with an entry for each page frame of the
 * machine, written by cmpxchg when a block comes and when it goes, so that a page
 * that was handed out twice is seen at once; and a stamp of its owner in every
 * cache line of a block. Nothing is allocated from the pools here.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "dma_pool_test.h"

struct dpt_wrongs dpt_wrongs;

static u32 *owners;
static unsigned long frames;

int dpt_owners_begin(void)
{
	memset(&dpt_wrongs, 0, sizeof(dpt_wrongs));
	frames = PHYS_PFN(virt_to_phys(high_memory - 1)) + 1;
	owners = vcalloc(frames, sizeof(*owners));
	return owners ? 0 : -ENOMEM;
}

/* Pages that still have an owner; none when all was given back */
unsigned long dpt_owners_end(void)
{
	unsigned long pfn, left = 0;

	for (pfn = 0; pfn < frames; pfn++)
		left += !!owners[pfn];
	vfree(owners);
	owners = NULL;
	return left;
}

static u64 stamp_of(u32 owner, size_t offset)
{
	return (u64)owner << 32 | (u32)offset;
}

/* A block that just came is nobody else's, and clean; then it is @owner's, not 0 */
void dpt_own(const struct dpt_block *block, u32 owner)
{
	unsigned long pfn = page_to_pfn(block->page);
	size_t offset, size = PAGE_ALIGN(block->size);
	unsigned int i;

	for (i = 0; i < size >> PAGE_SHIFT; i++)
		if (pfn + i >= frames || cmpxchg(&owners[pfn + i], 0, owner))
			atomic_long_inc(&dpt_wrongs.twice);
	/* What the C pools do with the rest of the last page is t_zero.c's matter */
	if (memchr_inv(block->cpu, 0, block->size))
		atomic_long_inc(&dpt_wrongs.dirty);
	for (offset = 0; offset < size; offset += SMP_CACHE_BYTES)
		WRITE_ONCE(*(u64 *)(block->cpu + offset), stamp_of(owner, offset));
}

/* A block that is about to go has been its owner's alone all the time */
void dpt_disown(const struct dpt_block *block, u32 owner)
{
	unsigned long pfn = page_to_pfn(block->page);
	size_t offset, size = PAGE_ALIGN(block->size);
	bool kept = true;
	unsigned int i;

	for (offset = 0; offset < size; offset += SMP_CACHE_BYTES)
		kept &= READ_ONCE(*(u64 *)(block->cpu + offset)) ==
			stamp_of(owner, offset);
	if (!kept)
		atomic_long_inc(&dpt_wrongs.overwritten);
	for (i = 0; i < size >> PAGE_SHIFT; i++)
		if (pfn + i >= frames ||
		    cmpxchg(&owners[pfn + i], owner, 0) != owner)
			atomic_long_inc(&dpt_wrongs.twice);
}
