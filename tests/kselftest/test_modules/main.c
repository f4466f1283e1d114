// SPDX-License-Identifier: GPL-2.0
/*
 * dma_pool_test.ko: tests of the atomic DMA pools, driven through debugfs.
 *
 * /sys/kernel/debug/dma_pool_test/
 *   pools   write what is there: "kernel=BYTES dma=BYTES dma32=BYTES
 *           state=ok|missing|disabled fresh=0|1"; see model.c
 *   list    the tests, one a line, with their flags
 *   run     write the name of a test; the result of the write is its result,
 *           ENODATA when what it needs is not there
 *   result  one line about the last run; "skipped: ..." for one that was not
 *   hold    write "COUNT SIZE kernel|dma|dma32" to take blocks and keep them,
 *           with "reject" behind it for a device that can address none, "free"
 *           to give all back; read: one line per block; see hold.c
 *   hog     write "dma" or another pool's name to take all memory of its zone
 *           from the page allocator, "free" to give it back; see hog.c
 *   others  write what others do, or "end"; see others.c
 *   load    write "start" or "stop": every CPU allocates and frees; read:
 *           counters; see load.c
 *   stress  write "OPERATIONS SEED": every CPU takes and gives back blocks of
 *           others until so many are done; read: counters; see stress.c
 *   latency write "reset", read how long the calls of stress took; see latency.c
 *   replay  write "POOL SIZE WORD...", a sequence of requests and frees; read: what
 *           came of each; see replay.c
 *   measure write what is to be measured, read the figures; see measure.c
 *
 * Here are the device, the files, the table of tables and the messages; no
 * test.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "dma_pool_test.h"

static const struct dpt_test * const tables[] = {
	/* First, while no pool has grown */
	dpt_grow_failure_tests,
	dpt_alloc_tests,
	dpt_zero_tests,
	dpt_fail_tests,
	dpt_free_tests,
	dpt_grow_tests,
	/* Last, as these make pools grow that take all there is to look at it */
	dpt_misuse_tests,
};

struct device *dpt_dev;
struct dpt_block *dpt_blocks;

static struct platform_device *pdev;
static struct dentry *dir;
static DEFINE_MUTEX(lock);
static char result[256];
static atomic_t failed;

/* Records what is to be read from "result", unless a failure is there already */
int dpt_note(const char *fmt, ...)
{
	va_list args;

	if (atomic_read(&failed))
		return 0;
	va_start(args, fmt);
	vscnprintf(result, sizeof(result), fmt, args);
	va_end(args);
	return 0;
}

/* Records the first failure, in any context, and returns what a test returns */
int dpt_fail(const char *fmt, ...)
{
	va_list args;

	if (atomic_xchg(&failed, 1))
		return -EINVAL;
	va_start(args, fmt);
	vscnprintf(result, sizeof(result), fmt, args);
	va_end(args);
	return -EINVAL;
}

/*
 * Announces that what follows, up to dpt_expect_end(), warns so often, with
 * this text. functions.sh holds the log against it.
 */
void dpt_expect(unsigned int warnings, const char *text)
{
	pr_info(DPT_NAME ": expect %u WARNING: %s\n", warnings, text);
}

/* The same, if it may be said less often: somebody else may have made it be said */
void dpt_expect_up_to(unsigned int warnings, const char *text)
{
	pr_info(DPT_NAME ": expect 0-%u WARNING: %s\n", warnings, text);
}

void dpt_expect_end(void)
{
	pr_info(DPT_NAME ": expect end\n");
}

static int run(const struct dpt_test *test)
{
	int ret;

	atomic_set(&failed, 0);
	result[0] = '\0';
	ret = test->fn(test->arg);
	if (ret == DPT_SKIP)
		dpt_note("skipped: what it needs is not there");
	else if (ret)
		dpt_fail("error %d", ret);
	if (ret)
		return ret;
	if (dpt_setup.state == DPT_OK)
		ret = dpt_all_there();
	if (!ret && !result[0])
		dpt_note("ok");
	return ret;
}

static int run_command(char *text)
{
	const struct dpt_test *test;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (test = tables[i]; test->name; test++)
			if (!strcmp(test->name, text))
				return run(test);
	return -ENOENT;
}

static int list_show(struct seq_file *m, void *unused)
{
	const struct dpt_test *test;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (test = tables[i]; test->name; test++)
			seq_printf(m, "%s%s%s%s%s\n", test->name,
				   test->flags & DPT_IMPROVEMENT ? " improvement" : "",
				   test->flags & DPT_CRASH ? " crash" : "",
				   test->flags & DPT_ANY ? " any" : "",
				   test->flags & DPT_NO_POOL ? " nopool" : "");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(list);

static void show_result(struct seq_file *m)
{
	seq_printf(m, "%s\n", result);
}

static int result_show(struct seq_file *m, void *unused)
{
	show_result(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

/* What a write to a file calls, with the text without space around it */
static ssize_t command(const char __user *buf, size_t len, int (*fn)(char *))
{
	char *text;
	int ret;

	if (len > SZ_64K)
		return -EINVAL;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	scoped_guard(mutex, &lock)
		ret = fn(strim(text));
	kfree(text);
	return ret ?: len;
}

#define COMMAND_FOPS(name, write_fn, show_fn)				\
static ssize_t name##_write(struct file *file, const char __user *buf,	\
			    size_t len, loff_t *pos)			\
{									\
	return command(buf, len, write_fn);				\
}									\
static int name##_show(struct seq_file *m, void *unused)		\
{									\
	show_fn(m);							\
	return 0;							\
}									\
static int name##_open(struct inode *inode, struct file *file)		\
{									\
	return single_open(file, name##_show, NULL);			\
}									\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = seq_read,						\
	.write = name##_write,						\
	.llseek = seq_lseek,						\
	.release = single_release,					\
}

COMMAND_FOPS(run, run_command, show_result);
COMMAND_FOPS(pools, dpt_parse_setup, show_result);
COMMAND_FOPS(hold, dpt_hold_command, dpt_hold_show);
COMMAND_FOPS(hog, dpt_hog_command, dpt_hog_show);
COMMAND_FOPS(others, dpt_others_command, dpt_others_show);
COMMAND_FOPS(load, dpt_load_command, dpt_load_show);
COMMAND_FOPS(stress, dpt_stress_command, dpt_stress_show);
COMMAND_FOPS(latency, dpt_latency_command, dpt_latency_show);
COMMAND_FOPS(replay, dpt_replay_command, dpt_replay_show);
COMMAND_FOPS(measure, dpt_measure_command, dpt_measure_show);

static int __init dpt_init(void)
{
	dpt_blocks = vcalloc(DPT_BLOCKS, sizeof(*dpt_blocks));
	if (!dpt_blocks)
		return -ENOMEM;
	pdev = platform_device_register_simple(DPT_NAME, PLATFORM_DEVID_NONE,
					       NULL, 0);
	if (IS_ERR(pdev)) {
		vfree(dpt_blocks);
		return PTR_ERR(pdev);
	}
	dpt_dev = &pdev->dev;
	dir = debugfs_create_dir(DPT_NAME, NULL);
	debugfs_create_file("run", 0600, dir, NULL, &run_fops);
	debugfs_create_file("pools", 0600, dir, NULL, &pools_fops);
	debugfs_create_file("hold", 0600, dir, NULL, &hold_fops);
	debugfs_create_file("hog", 0600, dir, NULL, &hog_fops);
	debugfs_create_file("others", 0600, dir, NULL, &others_fops);
	debugfs_create_file("load", 0600, dir, NULL, &load_fops);
	debugfs_create_file("stress", 0600, dir, NULL, &stress_fops);
	debugfs_create_file("latency", 0600, dir, NULL, &latency_fops);
	debugfs_create_file("replay", 0600, dir, NULL, &replay_fops);
	debugfs_create_file("measure", 0600, dir, NULL, &measure_fops);
	debugfs_create_file("list", 0400, dir, NULL, &list_fops);
	debugfs_create_file("result", 0400, dir, NULL, &result_fops);
	return 0;
}
module_init(dpt_init);

static void __exit dpt_exit(void)
{
	debugfs_remove(dir);
	dpt_load_exit();
	dpt_hold_exit();
	dpt_hog_exit();
	dpt_others_exit();
	dpt_replay_exit();
	platform_device_unregister(pdev);
	vfree(dpt_blocks);
}
module_exit(dpt_exit);

MODULE_DESCRIPTION("Tests of the atomic DMA pools");
MODULE_IMPORT_NS("DMA_POOL");
MODULE_LICENSE("GPL");
