// SPDX-License-Identifier: GPL-2.0
/*
 * All CPUs press the pools at once, with owners.c to see what goes wrong: blocks of
 * 1 to 64 pages, for each kind of device, that one CPU takes and another gives
 * back. Through the file "stress": "OPERATIONS SEED [ORDER]", where blocks have at most
 * 2^ORDER pages: of small ones, which take less time to look at, there are more.
 *
 * On each CPU three levels do the same with the same blocks: a thread; softirqs;
 * and hard interrupts, from a timer at any time, and on purpose in the middle of an
 * allocation, where the pools ask whether a device can address a block. A nested
 * operation is one that ran while a level below was inside of the pools.
 *
 * CPUs may go offline and come back meanwhile. How long calls take is for latency.c.
 * Nothing is judged here.
 */
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "dma_pool_test.h"

#define SLOTS		256
#define LARGEST_ORDER	6
#define TIMER_US	200

enum level { TASK, SOFTIRQ, HARDIRQ, LEVELS };

/* Whoever moves one from EMPTY or FULL to BUSY may touch the rest */
enum { EMPTY, BUSY, FULL };

struct slot {
	atomic_t state;
	u32 owner;
	struct dpt_block block;
};

struct stresser {
	/* Filled by this CPU and emptied by the one that comes before it */
	struct slot slots[SLOTS];
	struct stresser *next;
	unsigned int cpu;
	struct task_struct *task;
	struct hrtimer timer;
	struct irq_work irq_work;
	struct work_struct work;
	/* By level, each written by this level of this CPU only */
	struct rnd_state rnd[LEVELS];
	u32 owners[LEVELS];
	bool calling[LEVELS];
	unsigned long done[LEVELS], refused[LEVELS], nested[LEVELS];
};

/* By CPU; what a module can have per CPU is less */
static struct stresser *stressers;
static unsigned int max_order;
static atomic_long_t not_taken, taken_amiss;
static unsigned long left;
/* What all CPUs have done, as sum_up() has seen it */
static unsigned long done, refused, nested[LEVELS];

/* Asked in the middle of an allocation */
static bool interrupt_here(struct device *dev, phys_addr_t phys, size_t size)
{
	irq_work_queue(&stressers[raw_smp_processor_id()].irq_work);
	return true;
}

/* Read by others meanwhile, written by one */
static void count(unsigned long *counter)
{
	WRITE_ONCE(*counter, *counter + 1);
}

static void take(struct stresser *s, enum level level)
{
	struct rnd_state *rnd = &s->rnd[level];
	struct slot *slot = &s->slots[prandom_u32_state(rnd) % SLOTS];
	enum dpt_pool wanted = prandom_u32_state(rnd) % DPT_POOLS;
	/* In interrupts, where time is short, 8 pages at most */
	unsigned int order = level == TASK ? max_order : min(max_order, 3U);
	size_t size = dpt_random_size(rnd, order);
	bool ask = level < HARDIRQ && prandom_u32_state(rnd) % 8 == 0;
	ktime_t start;
	int ret;

	if (atomic_cmpxchg(&slot->state, EMPTY, BUSY) != EMPTY)
		return;
	WRITE_ONCE(s->calling[level], true);
	barrier();
	start = ktime_get();
	ret = dpt_try(&slot->block, wanted, size, __GFP_NOWARN,
		      ask ? interrupt_here : NULL);
	dpt_latency_add(DPT_ALLOC, start, size);
	barrier();
	WRITE_ONCE(s->calling[level], false);
	if (ret) {
		if (ret != -ENOMEM)
			atomic_long_inc(&taken_amiss);
		count(&s->refused[level]);
		atomic_set_release(&slot->state, EMPTY);
		return;
	}
	/* Everybody's are different, until each has had a hundred million */
	slot->owner = (s->owners[level]++ * LEVELS + level) * nr_cpu_ids +
		      s->cpu + 1;
	dpt_own(&slot->block, slot->owner);
	count(&s->done[level]);
	atomic_set_release(&slot->state, FULL);
}

static void give(struct stresser *s, struct slot *slot, enum level level)
{
	struct dpt_block *block = &slot->block;
	ktime_t start;
	bool freed;

	if (atomic_cmpxchg(&slot->state, FULL, BUSY) != FULL)
		return;
	dpt_disown(block, slot->owner);
	WRITE_ONCE(s->calling[level], true);
	barrier();
	start = ktime_get();
	if (slot->owner & 1)
		freed = dma_free_from_pool(dpt_dev, block->cpu, block->size);
	else
		freed = dma_free_from_pool_page(dpt_dev, block->page, block->size);
	dpt_latency_add(DPT_FREE, start, block->size);
	barrier();
	WRITE_ONCE(s->calling[level], false);
	if (!freed)
		atomic_long_inc(&not_taken);
	count(&s->done[level]);
	atomic_set_release(&slot->state, EMPTY);
}

static void one_op(struct stresser *s, enum level level)
{
	struct rnd_state *rnd = &s->rnd[level];
	enum level below;

	for (below = TASK; below < level; below++) {
		if (READ_ONCE(s->calling[below])) {
			count(&s->nested[level]);
			break;
		}
	}
	if (prandom_u32_state(rnd) & 1)
		take(s, level);
	else
		give(s, &s->next->slots[prandom_u32_state(rnd) % SLOTS], level);
}

static int work(void *data)
{
	struct stresser *s = data;
	unsigned long flags;
	unsigned int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < 32; i++) {
			unsigned int context = prandom_u32_state(&s->rnd[TASK]) % 8;

			if (context == 0)
				local_irq_save(flags);
			else if (context == 1)
				local_bh_disable();
			one_op(s, TASK);
			if (context == 0)
				local_irq_restore(flags);
			else if (context == 1)
				local_bh_enable();
		}
		cond_resched();
	}
	return 0;
}

static void softirq_op(struct work_struct *work)
{
	one_op(container_of(work, struct stresser, work), SOFTIRQ);
}

/* A softirq follows, unless one was interrupted: that would never end */
static void hardirq_op(struct irq_work *work)
{
	struct stresser *s = container_of(work, struct stresser, irq_work);

	one_op(s, HARDIRQ);
	if (!READ_ONCE(s->calling[SOFTIRQ]))
		queue_work(system_bh_wq, &s->work);
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct stresser *s = container_of(timer, struct stresser, timer);
	ktime_t start = ktime_get();
	s64 us = 1 + prandom_u32_state(&s->rnd[HARDIRQ]) % TIMER_US;

	one_op(s, HARDIRQ);
	/* Something must be left for who is interrupted, however slow all is */
	us += 4 * ktime_us_delta(ktime_get(), start);
	hrtimer_set_expires(timer, ktime_add_us(hrtimer_cb_get_time(timer), us));
	return HRTIMER_RESTART;
}

/* On @cpu, when it is there */
static int start(unsigned int cpu)
{
	struct stresser *s = &stressers[cpu];
	struct task_struct *task = kthread_create_on_cpu(work, s, cpu, "dpt/%u");

	if (IS_ERR(task))
		return PTR_ERR(task);
	s->task = task;
	wake_up_process(task);
	hrtimer_setup(&s->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&s->timer, us_to_ktime(TIMER_US), HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

/* On @cpu, before it goes; what it has taken is for the one that comes before it */
static int stop(unsigned int cpu)
{
	struct stresser *s = &stressers[cpu];

	hrtimer_cancel(&s->timer);
	kthread_stop(s->task);
	irq_work_sync(&s->irq_work);
	flush_work(&s->work);
	return 0;
}

static void prepare(unsigned int seed)
{
	struct stresser *prev = &stressers[cpumask_last(cpu_possible_mask)];
	unsigned int cpu, level;

	for_each_possible_cpu(cpu) {
		struct stresser *s = &stressers[cpu];

		s->cpu = cpu;
		prev->next = s;
		prev = s;
		for (level = TASK; level < LEVELS; level++)
			prandom_seed_state(&s->rnd[level],
					   (u64)seed << 16 | cpu << 2 | level);
		s->irq_work = IRQ_WORK_INIT_HARD(hardirq_op);
		INIT_WORK(&s->work, softirq_op);
	}
}

/* Gives back what is still out */
static void give_all(void)
{
	unsigned int cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < SLOTS; i++)
			give(&stressers[cpu], &stressers[cpu].slots[i], TASK);
}

static void sum_up(void)
{
	unsigned int cpu, level;

	done = 0;
	refused = 0;
	memset(nested, 0, sizeof(nested));
	for_each_possible_cpu(cpu) {
		for (level = TASK; level < LEVELS; level++) {
			done += READ_ONCE(stressers[cpu].done[level]);
			refused += READ_ONCE(stressers[cpu].refused[level]);
			nested[level] += READ_ONCE(stressers[cpu].nested[level]);
		}
	}
}

static int stress(unsigned long operations, unsigned int seed)
{
	int ret, state;

	prepare(seed);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, DPT_NAME ":cpus", start, stop);
	ret = min(state, 0);
	sum_up();
	/* Pools that never have anything are no reason to go on for ever */
	while (!ret && done + refused / 4 < operations) {
		ret = msleep_interruptible(10) ? -EINTR : 0;
		sum_up();
	}
	if (state >= 0)
		cpuhp_remove_state(state);
	give_all();
	sum_up();
	return ret;
}

int dpt_stress_command(char *text)
{
	unsigned long operations;
	unsigned int seed;
	int ret;

	max_order = LARGEST_ORDER;
	if (sscanf(text, "%lu %u %u", &operations, &seed, &max_order) < 2 ||
	    !operations || max_order > LARGEST_ORDER)
		return -EINVAL;
	stressers = vcalloc(nr_cpu_ids, sizeof(*stressers));
	if (!stressers)
		return -ENOMEM;
	ret = dpt_owners_begin();
	if (!ret) {
		atomic_long_set(&not_taken, 0);
		atomic_long_set(&taken_amiss, 0);
		ret = stress(operations, seed);
		left = dpt_owners_end();
	}
	vfree(stressers);
	stressers = NULL;
	return ret;
}

void dpt_stress_show(struct seq_file *m)
{
	seq_printf(m, "operations=%lu refused=%lu nested_softirq=%lu nested_hardirq=%lu ",
		   done, refused, nested[SOFTIRQ], nested[HARDIRQ]);
	seq_printf(m, "twice=%ld dirty=%ld overwritten=%ld not_taken=%ld nonsense=%ld left=%lu\n",
		   atomic_long_read(&dpt_wrongs.twice),
		   atomic_long_read(&dpt_wrongs.dirty),
		   atomic_long_read(&dpt_wrongs.overwritten),
		   atomic_long_read(&not_taken), atomic_long_read(&taken_amiss), left);
}
