/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of dma_pool_test.ko share.
 *
 * The module asks the three entry points of the atomic DMA pools for memory
 * and judges what they do by the contract of kernel/dma/pool.c, whoever
 * provides the pools at the moment. It knows nothing of any implementation:
 * what a test expects follows from model.c and from what the user wrote to
 * the debugfs file "pools".
 */
#ifndef _DMA_POOL_TEST_H
#define _DMA_POOL_TEST_H

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mmzone.h>
#include <linux/prandom.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#define DPT_NAME	"dma_pool_test"

/* What a test returns when what it needs is not there (not a failure) */
#define DPT_SKIP	(-ENODATA)
/* Every block is filled with this before it is freed, so that none is clean */
#define DPT_DIRTY	0xa5
/* Most blocks that one test can hold */
#define DPT_BLOCKS	SZ_64K

/* In the order of the bits of the mask that coherent_pool= takes */
enum dpt_pool { DPT_KERNEL, DPT_DMA, DPT_DMA32, DPT_POOLS, DPT_NONE = DPT_POOLS };

/*
 * Why there may be no pool at all: nobody created one (a failed allocation
 * warns) or the user switched them off (it does not).
 */
enum dpt_state { DPT_OK, DPT_MISSING, DPT_DISABLED };

enum dpt_context {
	DPT_PROCESS,
	DPT_PREEMPT_OFF,
	DPT_BH_OFF,
	DPT_IRQS_OFF,
	DPT_RAW_SPINLOCK,
	DPT_SOFTIRQ,
	DPT_HARDIRQ,
	/* Interrupts off on every CPU: nothing else runs, no pool can grow */
	DPT_STOPPED,
};

enum dpt_call_kind { DPT_ALLOC, DPT_FREE, DPT_CALL_KINDS };

/* Flags of a test, printed by the file "list" */
#define DPT_IMPROVEMENT	BIT(0)	/* kernel/dma/pool.c is known to fail it */
#define DPT_CRASH	BIT(1)	/* ... with an oops: not to be run there */
#define DPT_ANY		BIT(2)	/* makes sense with pools and without */
#define DPT_NO_POOL	BIT(3)	/* only makes sense without any pool */

typedef int (*dpt_fn)(void *arg);
typedef bool (*dpt_phys_ok)(struct device *dev, phys_addr_t phys, size_t size);

struct dpt_test {
	const char *name;
	unsigned int flags;
	dpt_fn fn;
	void *arg;
};

struct dpt_block {
	struct page *page;
	void *cpu;
	size_t size;
	enum dpt_pool wanted;
};

/* What owners.c has seen that must not be */
struct dpt_wrongs {
	/* Pages that two had at a time */
	atomic_long_t twice;
	/* Blocks that were not zeroed, and those that somebody else wrote to */
	atomic_long_t dirty, overwritten;
};

/* What the user says is there, through the file "pools" */
struct dpt_setup {
	size_t size[DPT_POOLS];
	enum dpt_state state;
	bool fresh;
};

extern struct dpt_setup dpt_setup;
extern struct dpt_wrongs dpt_wrongs;
extern struct device *dpt_dev;
/* Storage for the blocks of the test that runs; one runs at a time */
extern struct dpt_block *dpt_blocks;

/* main.c */
int dpt_note(const char *fmt, ...) __printf(1, 2);
int dpt_fail(const char *fmt, ...) __printf(1, 2);
void dpt_expect(unsigned int warnings, const char *text);
void dpt_expect_up_to(unsigned int warnings, const char *text);
void dpt_expect_end(void);

/* model.c */
const char *dpt_pool_name(enum dpt_pool pool);
enum dpt_pool dpt_pool_by_name(const char *name);
gfp_t dpt_gfp(enum dpt_pool pool);
bool dpt_present(enum dpt_pool pool);
enum dpt_pool dpt_next(enum dpt_pool wanted, enum dpt_pool prev);
bool dpt_walks(enum dpt_pool wanted, enum dpt_pool pool);
enum dpt_pool dpt_pool_of(struct page *page);
int dpt_parse_setup(char *text);

/* block.c */
unsigned long dpt_attrs(void);
int dpt_try(struct dpt_block *block, enum dpt_pool wanted, size_t size,
	    gfp_t flags, dpt_phys_ok ok);
size_t dpt_random_size(struct rnd_state *rnd, unsigned int order);
int dpt_check(const struct dpt_block *block);
int dpt_check_zero(const struct dpt_block *block, size_t len);
void dpt_fill(struct dpt_block *block, u32 seed);
int dpt_check_fill(const struct dpt_block *block, u32 seed);
int dpt_put(struct dpt_block *block, bool by_page);
int dpt_take_all(enum dpt_pool wanted, size_t size, struct dpt_block *blocks,
		 unsigned int max);
int dpt_put_all(struct dpt_block *blocks, unsigned int count);
int dpt_largest(enum dpt_pool wanted);
int dpt_all_there(void);

/* context.c */
int dpt_in(enum dpt_context context, dpt_fn fn, void *arg);

/* hold.c */
int dpt_hold_command(char *text);
void dpt_hold_show(struct seq_file *m);
void dpt_hold_exit(void);

/* hog.c */
int dpt_hog_command(char *text);
void dpt_hog_show(struct seq_file *m);
void dpt_hog_exit(void);

/* others.c */
int dpt_others_command(char *text);
void dpt_others_show(struct seq_file *m);
void dpt_others_exit(void);

/* load.c */
int dpt_load_command(char *text);
void dpt_load_show(struct seq_file *m);
void dpt_load_exit(void);

/* owners.c */
int dpt_owners_begin(void);
unsigned long dpt_owners_end(void);
void dpt_own(const struct dpt_block *block, u32 owner);
void dpt_disown(const struct dpt_block *block, u32 owner);

/* stress.c */
int dpt_stress_command(char *text);
void dpt_stress_show(struct seq_file *m);

/* latency.c */
void dpt_latency_add(enum dpt_call_kind kind, ktime_t start, size_t size);
int dpt_latency_command(char *text);
void dpt_latency_show(struct seq_file *m);

/* replay.c */
int dpt_replay_command(char *text);
void dpt_replay_show(struct seq_file *m);
void dpt_replay_exit(void);

/* t_grow.c, which has tests besides */
int dpt_grow(enum dpt_pool pool);

/* measure.c */
int dpt_measure_command(char *text);
void dpt_measure_show(struct seq_file *m);

/* pairs.c, ramp.c */
int dpt_pairs_command(const char *text, char *figures, size_t size);
int dpt_ramp_command(const char *text, char *figures, size_t size);

/* Tables of tests, each ends with an entry without a name */
extern const struct dpt_test dpt_grow_failure_tests[];
extern const struct dpt_test dpt_alloc_tests[];
extern const struct dpt_test dpt_zero_tests[];
extern const struct dpt_test dpt_fail_tests[];
extern const struct dpt_test dpt_free_tests[];
extern const struct dpt_test dpt_misuse_tests[];
extern const struct dpt_test dpt_grow_tests[];

#endif /* _DMA_POOL_TEST_H */
