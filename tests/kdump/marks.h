/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes that the first kernel has in memory when it crashes and that the
 * crash kernel looks for: both sides of the test make them from this file.
 *
 * Every word depends on the run, on the page's physical address and on its
 * place in the page, so that neither memory left over from an earlier run nor
 * a page of the dump that is in the wrong place can pass for a right one.
 */
#ifndef MARKS_H
#define MARKS_H

#include <linux/types.h>

#define MARK_PAGE	4096
#define MARK_WORDS	(MARK_PAGE / sizeof(__u64))

static inline __u64 mark_word(__u64 run, __u64 phys, __u64 word)
{
	/* The finalizer of splitmix64: each input bit changes half the output. */
	__u64 x = run + (phys + word * sizeof(__u64)) * 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

#endif /* MARKS_H */
