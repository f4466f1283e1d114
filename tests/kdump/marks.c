// SPDX-License-Identifier: GPL-2.0
/*
 * marks RUN PAGES: fills PAGES of its memory with the bytes of marks.h, prints
 * the physical address of each, and keeps them until the kernel is gone.
 *
 * For the first kernel of a kdump test; vmcore.c looks for them.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "marks.h"

#define PAGEMAP_PRESENT	0x8000000000000000ULL
#define PAGEMAP_FRAME	0x007fffffffffffffULL

static __u64 page_address(int pagemap, const void *page)
{
	off_t offset = (uintptr_t)page / MARK_PAGE * sizeof(__u64);
	__u64 entry;

	if (pread(pagemap, &entry, sizeof(entry), offset) != sizeof(entry))
		err(1, "/proc/self/pagemap");
	if (!(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_FRAME))
		errx(1, "a page has no physical address (entry %#llx)",
		     entry);
	return (entry & PAGEMAP_FRAME) * MARK_PAGE;
}

int main(int argc, char **argv)
{
	unsigned long pages, i, word;
	__u64 run, *memory;
	int pagemap;

	if (argc != 3)
		errx(1, "usage: marks RUN PAGES");
	run = strtoull(argv[1], NULL, 16);
	pages = strtoul(argv[2], NULL, 10);

	memory = mmap(NULL, pages * MARK_PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (pagemap < 0)
		err(1, "/proc/self/pagemap");

	for (i = 0; i < pages; i++) {
		__u64 *page = memory + i * MARK_WORDS;
		__u64 phys = page_address(pagemap, page);

		for (word = 0; word < MARK_WORDS; word++)
			page[word] = mark_word(run, phys, word);
		printf("%llx\n", phys);
	}
	/* Whoever waits for the list sees its end when stdout is closed. */
	fclose(stdout);
	for (;;)
		pause();
}
