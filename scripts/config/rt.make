# SPDX-License-Identifier: GPL-2.0
# KCSAN looks at a few of all accesses that it knows of: it knows those of the pools alone.
KCSAN_SANITIZE=n
KCSAN_SANITIZE_pool.o=y
KCSAN_SANITIZE_pool_filter.o=y
KCSAN_SANITIZE_genalloc.o=y
