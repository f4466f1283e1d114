// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a function in each of the contexts in which the DMA API may be called.
 * Nothing here knows what the function does.
 */
#include <linux/cpu.h>
#include <linux/irq_work.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/stop_machine.h>
#include <linux/workqueue.h>

#include "dma_pool_test.h"

static DEFINE_RAW_SPINLOCK(dpt_lock);

struct call {
	struct work_struct work;
	struct irq_work irq_work;
	dpt_fn fn;
	void *arg;
	int ret;
};

static void call_work(struct work_struct *work)
{
	struct call *call = container_of(work, struct call, work);

	WARN_ON_ONCE(!in_serving_softirq());
	call->ret = call->fn(call->arg);
}

static void call_irq_work(struct irq_work *work)
{
	struct call *call = container_of(work, struct call, irq_work);

	WARN_ON_ONCE(!in_hardirq());
	call->ret = call->fn(call->arg);
}

int dpt_in(enum dpt_context context, dpt_fn fn, void *arg)
{
	struct call call = { .fn = fn, .arg = arg, .ret = -EIO };
	unsigned long flags;

	switch (context) {
	case DPT_PROCESS:
		return fn(arg);
	case DPT_PREEMPT_OFF:
		preempt_disable();
		call.ret = fn(arg);
		preempt_enable();
		break;
	case DPT_BH_OFF:
		local_bh_disable();
		call.ret = fn(arg);
		local_bh_enable();
		break;
	case DPT_IRQS_OFF:
		local_irq_save(flags);
		call.ret = fn(arg);
		local_irq_restore(flags);
		break;
	case DPT_RAW_SPINLOCK:
		raw_spin_lock_irqsave(&dpt_lock, flags);
		call.ret = fn(arg);
		raw_spin_unlock_irqrestore(&dpt_lock, flags);
		break;
	case DPT_SOFTIRQ:
		INIT_WORK_ONSTACK(&call.work, call_work);
		queue_work(system_bh_wq, &call.work);
		flush_work(&call.work);
		destroy_work_on_stack(&call.work);
		break;
	case DPT_HARDIRQ:
		call.irq_work = IRQ_WORK_INIT_HARD(call_irq_work);
		irq_work_queue(&call.irq_work);
		irq_work_sync(&call.irq_work);
		break;
	case DPT_STOPPED:
		return stop_machine(fn, arg, NULL);
	}
	return call.ret;
}
