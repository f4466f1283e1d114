// SPDX-License-Identifier: GPL-2.0
/*
 * A sequence of requests and frees in a pool of a given size in which nothing else
 * is out: which requests are served, at which place, and what is left. The same
 * sequence can be given to the pools in C and to those in Rust, and what is read
 * afterwards be compared. Nothing is judged here.
 *
 * Write "POOL SIZE WORD..." to the file "replay", read what came of it. Each word:
 *
 *   +SIZE       a request; as "pool" or "pool/N" the size is a part of the pool's.
 *               "*N" behind it repeats it, "*all" until one fails
 *   -N          request number N, from 0, goes back, if it was served
 *   -all -even -odd   all that was asked for and not given back, or every second
 *   -old*N -new*N     those N of it that were asked for first, or last
 *   ~SEED*N     N of these at random: a request of 1 to 64 pages, or now and then
 *               of anything up to the pool's size, or a block goes back
 *   ?           how large a block there is still room for
 *
 * A pool of exactly that size is one block of it, while all else of all pools is
 * out: what is aligned in a block of 2^n pages is aligned in the pool. All happens
 * with interrupts off on every CPU: no pool grows meanwhile.
 */
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "dma_pool_test.h"

#define MOST	(DPT_BLOCKS / 4)
#define NOWHERE	UINT_MAX
/* How exactly the room that is left is looked for: in parts of the pool, then by halves */
#define PARTS	64
/* How often a pool may grow until it has a block of the size */
#define GROWTHS	6

/* In the order of the words: a request, or room that was looked for */
struct entry {
	size_t size;
	u32 place;	/* page in the pool */
	bool is_room, is_back;
};

static struct {
	enum dpt_pool pool;
	size_t size;
	char *words;
	unsigned long first_pfn;
	unsigned int count, requests, failures, out;
	struct entry entries[MOST];
	/* Where requests are in entries, by their numbers */
	unsigned int where[MOST];
	/* The numbers of those that are out, in any order, and where in there each is */
	unsigned int numbers[MOST], index[MOST];
} *r;

/* The blocks of the requests by number, and behind them what is not the pool */
#define blocks	dpt_blocks
#define others	(dpt_blocks + MOST)

static bool request(size_t size)
{
	struct dpt_block *block = &blocks[r->requests];
	struct entry *entry = &r->entries[r->count];

	if (r->count >= MOST)
		return false;
	*entry = (struct entry) { .size = size, .place = NOWHERE };
	r->where[r->requests++] = r->count++;
	if (dpt_try(block, r->pool, size, __GFP_NOWARN, NULL)) {
		r->failures++;
		return false;
	}
	r->index[r->requests - 1] = r->out;
	r->numbers[r->out++] = r->requests - 1;
	entry->place = page_to_pfn(block->page) - r->first_pfn;
	return true;
}

static int give_back(unsigned int number)
{
	struct dpt_block *block = &blocks[number];
	unsigned int last;

	r->entries[r->where[number]].is_back = true;
	if (!block->page)
		return 0;
	last = r->numbers[--r->out];
	r->numbers[r->index[number]] = last;
	r->index[last] = r->index[number];
	return dpt_put(block, number & 1);
}

static void look(void)
{
	size_t step = max(r->size / PARTS, PAGE_SIZE), size;
	struct dpt_block block;

	for (size = r->size; size >= PAGE_SIZE; size -= min(step, size / 2)) {
		if (!dpt_try(&block, r->pool, size, __GFP_NOWARN, NULL)) {
			dpt_put(&block, false);
			break;
		}
	}
	if (size < PAGE_SIZE)
		size = 0;
	if (r->count < MOST)
		r->entries[r->count++] = (struct entry) { .size = size, .is_room = true };
}

static size_t random_size(struct rnd_state *rnd)
{
	if (prandom_u32_state(rnd) % 32)
		return dpt_random_size(rnd, 6);
	return 1 + prandom_u32_state(rnd) % r->size;
}

static int random_steps(u32 seed, unsigned int steps)
{
	struct rnd_state rnd;
	int ret = 0;

	prandom_seed_state(&rnd, seed);
	while (steps-- && !ret) {
		/* Rather more requests than frees: the pool gets full */
		if (!r->out || prandom_u32_state(&rnd) % 8 < 5)
			request(random_size(&rnd));
		else
			ret = give_back(r->numbers[prandom_u32_state(&rnd) % r->out]);
	}
	return ret;
}

/* Those @most that are left, in the order in which they were asked for or against it */
static int give_back_some(unsigned int from_every, unsigned int every,
			  unsigned int most, bool newest)
{
	unsigned int i, seen = 0;
	int ret = 0;

	for (i = 0; i < r->requests && most && !ret; i++) {
		unsigned int number = newest ? r->requests - 1 - i : i;

		if (r->entries[r->where[number]].is_back ||
		    seen++ % every != from_every)
			continue;
		ret = give_back(number);
		most--;
	}
	return ret;
}

static int parse_size(char *text, size_t *size)
{
	unsigned int part = 1;
	char *end;

	if (!strncmp(text, "pool", 4)) {
		if (text[4] && sscanf(text + 4, "/%u", &part) != 1)
			return -EINVAL;
		*size = r->size / (part ?: 1);
		return 0;
	}
	*size = memparse(text, &end);
	return *size && !*end ? 0 : -EINVAL;
}

static int step(char *word)
{
	char kind = *word++, *times;
	unsigned int count = 1;
	size_t size;
	u32 seed;

	if (kind == '?' && !*word) {
		look();
		return 0;
	}
	times = strchr(word, '*');
	if (times) {
		*times++ = '\0';
		if (kind == '+' && !strcmp(times, "all"))
			count = MOST;
		else if (kstrtouint(times, 0, &count))
			return -EINVAL;
	}
	switch (kind) {
	case '+':
		if (parse_size(word, &size))
			return -EINVAL;
		while (count-- && (request(size) || strcmp(times ?: "", "all")))
			;
		return r->count < MOST ? 0 : -ENOSPC;
	case '~':
		return kstrtou32(word, 0, &seed) ?: random_steps(seed, count);
	case '-':
		if (!strcmp(word, "all"))
			return give_back_some(0, 1, UINT_MAX, false);
		if (!strcmp(word, "even") || !strcmp(word, "odd"))
			return give_back_some(*word == 'o', 2, UINT_MAX, false);
		if (!strcmp(word, "old") || !strcmp(word, "new"))
			return give_back_some(0, 1, count, *word == 'n');
		if (kstrtouint(word, 0, &count) || count >= r->requests ||
		    r->entries[r->where[count]].is_back)
			return -EINVAL;
		return give_back(count);
	}
	return -EINVAL;
}

static int replay(void *unused)
{
	struct dpt_block whole;
	int other, ret;
	char *word;

	ret = dpt_try(&whole, r->pool, r->size, __GFP_NOWARN, NULL);
	if (ret)
		return ret;
	other = dpt_take_all(r->pool, PAGE_SIZE, others, DPT_BLOCKS - MOST);
	if (other < 0)
		return dpt_put(&whole, false) ?: other;
	r->first_pfn = page_to_pfn(whole.page);
	ret = dpt_pool_of(whole.page) == r->pool ? 0 : -ENOMEM;
	ret = dpt_put(&whole, false) ?: ret;
	while (!ret && (word = strsep(&r->words, "\n ")))
		if (*word)
			ret = step(word);
	ret = give_back_some(0, 1, UINT_MAX, false) ?: ret;
	return dpt_put_all(others, other) ?: ret;
}

int dpt_replay_command(char *text)
{
	unsigned int growths;
	char *pool, *size;
	int ret;

	pool = strsep(&text, " ");
	size = strsep(&text, " ");
	if (!r)
		r = vzalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	r->pool = dpt_pool_by_name(pool);
	r->size = size ? memparse(size, NULL) : 0;
	if (!text || r->pool == DPT_NONE || !r->size || !is_power_of_2(r->size) ||
	    r->size < PAGE_SIZE || r->size > PAGE_SIZE << MAX_PAGE_ORDER)
		return -EINVAL;
	r->words = text;
	/* Nothing is read of the words unless there is such a pool */
	for (growths = 0; growths <= GROWTHS; growths++) {
		ret = dpt_in(DPT_STOPPED, replay, NULL);
		if (ret != -ENOMEM)
			break;
		ret = dpt_grow(r->pool);
		if (ret)
			break;
	}
	return ret;
}

void dpt_replay_show(struct seq_file *m)
{
	const char *between = "";
	unsigned int i;

	if (!r)
		return;
	seq_printf(m, "requests=%u failures=%u room=", r->requests, r->failures);
	for (i = 0; i < r->count; i++) {
		if (!r->entries[i].is_room)
			continue;
		seq_printf(m, "%s%zuK", between, r->entries[i].size >> 10);
		between = "/";
	}
	seq_putc(m, '\n');
	for (i = 0; i < r->count; i++) {
		const struct entry *entry = &r->entries[i];

		if (entry->is_room)
			seq_printf(m, "room %zu\n", entry->size);
		else if (entry->place == NOWHERE)
			seq_printf(m, "%zu refused\n", entry->size);
		else
			seq_printf(m, "%zu at %u\n", entry->size, entry->place);
	}
}

void dpt_replay_exit(void)
{
	vfree(r);
}
