# SPDX-License-Identifier: GPL-2.0
# KCSAN looks at the C of the pools alone, and so at nothing else instead.
KCSAN_SANITIZE=n
KCSAN_SANITIZE_pool.o=y
KCSAN_SANITIZE_pool_filter.o=y
KCSAN_SANITIZE_genalloc.o=y
