// SPDX-License-Identifier: GPL-2.0
/*
 * What others may be doing while the module under test comes or goes, through the
 * file "others":
 *
 *   provide  somebody else provides the pools, and has nothing to give
 *   queue    what is put on the system's work queue waits behind a work item that
 *            does not end
 *   end      neither of them any more
 *
 * Nothing is judged here.
 */
#include <linux/cpu.h>
#include <linux/dma-pool-provider.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "dma_pool_test.h"

static bool providing, queueing;
static DEFINE_PER_CPU(struct work_struct, endless_work);

static struct page *nothing(struct device *dev, size_t size, void **cpu_addr,
			    gfp_t gfp, unsigned long attrs, dpt_phys_ok ok)
{
	return NULL;
}

static bool not_ours(struct device *dev, void *start, size_t size)
{
	return false;
}

static bool page_not_ours(struct device *dev, struct page *page, size_t size)
{
	return false;
}

static const struct dma_pool_provider provider = {
	.owner = THIS_MODULE,
	.alloc = nothing,
	.free = not_ours,
	.free_page = page_not_ours,
};

static void endless(struct work_struct *work)
{
	while (READ_ONCE(queueing))
		cond_resched();
}

static void queue(void)
{
	unsigned int cpu;

	queueing = true;
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct work_struct *work = per_cpu_ptr(&endless_work, cpu);

		INIT_WORK(work, endless);
		queue_work_on(cpu, system_percpu_wq, work);
	}
	cpus_read_unlock();
}

static void end(void)
{
	unsigned int cpu;

	if (providing)
		dma_pool_unregister_provider(&provider);
	providing = false;
	if (!queueing)
		return;
	WRITE_ONCE(queueing, false);
	cpus_read_lock();
	for_each_online_cpu(cpu)
		flush_work(per_cpu_ptr(&endless_work, cpu));
	cpus_read_unlock();
}

int dpt_others_command(char *text)
{
	int ret;

	if (!strcmp(text, "end")) {
		end();
		return 0;
	}
	if (providing || queueing)
		return -EBUSY;
	if (!strcmp(text, "queue")) {
		queue();
		return 0;
	}
	if (strcmp(text, "provide"))
		return -EINVAL;
	ret = dma_pool_register_provider(&provider);
	providing = !ret;
	return ret;
}

void dpt_others_show(struct seq_file *m)
{
	seq_printf(m, "providing=%d queueing=%d\n", providing, queueing);
}

void dpt_others_exit(void)
{
	end();
}
