// SPDX-License-Identifier: GPL-2.0
/*
 * Background load for scripts, on all CPUs at once: threads that take blocks of
 * random sizes, write to them, look whether anybody else did, and give them
 * back; and timers that do the same in the middle of it, from hard interrupts.
 *
 * It leaves moments in which nothing is out, so that a module can go; and it
 * takes so little that a pool that is there must have it, so that a warning is a
 * fault. What presses hard is in stress.c.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/prandom.h>

#include "dma_pool_test.h"

#define SLOTS		4
#define TIMER_US	300

struct worker {
	struct task_struct *task;
	struct hrtimer timer;
	struct rnd_state rnd, timer_rnd;
	struct dpt_block slots[SLOTS];
	u32 seeds[SLOTS];
	/* By the thread and by the timer in the middle of it */
	atomic_long_t ops, empty, errors;
};

static DEFINE_PER_CPU(struct worker, workers);
static bool running;

/*
 * How long to pause after work that took since @start: on a kernel that checks
 * what it does, on a CPU that is emulated, load must leave something to others.
 */
static s64 pause_us(ktime_t start, s64 least)
{
	return max(least, 2 * ktime_us_delta(ktime_get(), start));
}

static void take_slot(struct worker *w, unsigned int i)
{
	size_t size = 1 + prandom_u32_state(&w->rnd) % SZ_8K;
	enum dpt_pool wanted = prandom_u32_state(&w->rnd) % DPT_POOLS;
	int ret;

	ret = dpt_try(&w->slots[i], wanted, size, 0, NULL);
	if (ret == -ENOMEM) {
		atomic_long_inc(&w->empty);
		return;
	}
	ret = ret ?: dpt_check_zero(&w->slots[i], size);
	w->seeds[i] = prandom_u32_state(&w->rnd);
	dpt_fill(&w->slots[i], w->seeds[i]);
	atomic_long_add(!!ret, &w->errors);
}

static void put_slot(struct worker *w, unsigned int i)
{
	int ret = dpt_check_fill(&w->slots[i], w->seeds[i]);

	ret = dpt_put(&w->slots[i], w->seeds[i] & 1) ?: ret;
	atomic_long_add(!!ret, &w->errors);
}

static void put_slots(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (w->slots[i].page)
			put_slot(w, i);
}

static void one_op(struct worker *w)
{
	unsigned int i = prandom_u32_state(&w->rnd) % SLOTS;
	unsigned int context = prandom_u32_state(&w->rnd) % 3;
	unsigned long flags;

	if (context == 1)
		local_irq_save(flags);
	else if (context == 2)
		local_bh_disable();
	if (w->slots[i].page)
		put_slot(w, i);
	else
		take_slot(w, i);
	if (context == 1)
		local_irq_restore(flags);
	else if (context == 2)
		local_bh_enable();
	atomic_long_inc(&w->ops);
}

static int work(void *data)
{
	struct worker *w = data;

	while (!kthread_should_stop()) {
		ktime_t start = ktime_get();
		unsigned long us;
		unsigned int i;

		for (i = 0; i < 32; i++)
			one_op(w);
		put_slots(w);
		us = pause_us(start, 300);
		usleep_range(us, 2 * us);
		cond_resched();
	}
	put_slots(w);
	return 0;
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct worker *w = container_of(timer, struct worker, timer);
	enum dpt_pool wanted = prandom_u32_state(&w->timer_rnd) % DPT_POOLS;
	size_t size = 1 + prandom_u32_state(&w->timer_rnd) % SZ_8K;
	ktime_t start = ktime_get();
	struct dpt_block block;
	int ret;

	ret = dpt_try(&block, wanted, size, 0, NULL);
	if (ret == -ENOMEM) {
		atomic_long_inc(&w->empty);
	} else {
		ret = ret ?: dpt_check_zero(&block, size);
		ret = dpt_put(&block, size & 1) ?: ret;
		atomic_long_add(!!ret, &w->errors);
	}
	hrtimer_set_expires(timer, ktime_add_us(hrtimer_cb_get_time(timer),
						pause_us(start, TIMER_US)));
	return HRTIMER_RESTART;
}

static void start_timer(void *unused)
{
	struct worker *w = this_cpu_ptr(&workers);

	hrtimer_setup(&w->timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&w->timer, us_to_ktime(TIMER_US), HRTIMER_MODE_REL_PINNED_HARD);
}

/* The caller holds off CPU hotplug */
static int start(void)
{
	unsigned int cpu;
	int ret = 0;

	for_each_online_cpu(cpu) {
		struct worker *w = per_cpu_ptr(&workers, cpu);
		struct task_struct *task;

		memset(w, 0, sizeof(*w));
		prandom_seed_state(&w->rnd, cpu + 1);
		prandom_seed_state(&w->timer_rnd, cpu + 1000);
		task = kthread_create_on_cpu(work, w, cpu, "dpt/%u");
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			continue;
		}
		w->task = task;
		wake_up_process(task);
		smp_call_function_single(cpu, start_timer, NULL, true);
	}
	return ret;
}

static void stop(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		struct worker *w = per_cpu_ptr(&workers, cpu);

		if (!w->task)
			continue;
		hrtimer_cancel(&w->timer);
		kthread_stop(w->task);
		w->task = NULL;
	}
}

static void sum(unsigned long *ops, unsigned long *empty, unsigned long *errors)
{
	unsigned int cpu;

	*ops = *empty = *errors = 0;
	for_each_online_cpu(cpu) {
		struct worker *w = per_cpu_ptr(&workers, cpu);

		*ops += atomic_long_read(&w->ops);
		*empty += atomic_long_read(&w->empty);
		*errors += atomic_long_read(&w->errors);
	}
}

int dpt_load_command(char *text)
{
	int ret = 0;

	if (!strcmp(text, "start") && !running) {
		cpus_read_lock();
		ret = start();
		cpus_read_unlock();
		running = true;
	} else if (!strcmp(text, "stop") && running) {
		dpt_load_exit();
	} else {
		ret = -EINVAL;
	}
	return ret;
}

void dpt_load_show(struct seq_file *m)
{
	unsigned long ops, empty, errors;

	sum(&ops, &empty, &errors);
	seq_printf(m, "ops=%lu empty=%lu errors=%lu\n", ops, empty, errors);
}

void dpt_load_exit(void)
{
	if (!running)
		return;
	cpus_read_lock();
	stop();
	cpus_read_unlock();
	running = false;
}
