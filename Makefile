# SPDX-License-Identifier: GPL-2.0
#
# What a person types. Each target is a call of a script in scripts/, which
# says what it does; how the module is built is in Kbuild.

# Variables given on the command line are in the scripts' environment.
VARIANT ?= $(or $(if $(filter riscv,$(ARCH)),riscv64),$(filter arm64,$(ARCH)),plain)

.PHONY: help run shell kdump kernel modules modules_install check test soak torture mutants docs bench \
	packages crash-kernel-test series clean

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

## make run      build kernel and module, boot them, show the pools at work
##               ARGS="coherent_pool=1M"  module parameters (ARGS= for none)
##               CMDLINE="coherent_pool=1M"  the kernel's (none if ARGS are none)
run:
	@scripts/run

## make shell    a root shell in the same guest
shell:
	@kdir=$$(scripts/kernel $(VARIANT)) && scripts/module $(VARIANT) "$$kdir" && scripts/vm "$$kdir"

## make kdump    crash a kernel; show what its crash kernel makes of the pools, and
##               that the dump is there
##               CMDLINE="coherent_pool=0"  the crash kernel's parameters
##               ARGS="..."  load the module there  CRASHKERNEL=192M  MEM=1G
##               VARIANT=builtin|plain|stock|...
kdump:
	@scripts/kdump

## make check    the quick tests, for every edit
check:
	@scripts/test --quick

## make test     what proves the product; ARCH=x86_64|arm64 for one of the two machines;
##               scripts/test NAME for one stage (Documentation/testing.rst lists them)
test:
	@scripts/test

## make soak     what is long and finds rare things
##               HOURS=8  begin nothing more after them; the next run goes on from there
soak:
	@scripts/test --soak

## make torture  every CPU presses the pools while all that can happen to them does
##               MINUTES=10  how long   SEED=  of an earlier run, for the same choices
##               OPS=20000  operations of a burst: with more there are fewer pauses
torture:
	@scripts/test torture

## make mutants  puts known faults in, one at a time; shows which test catches each
mutants:
	@scripts/mutants

## make docs     the documentation as HTML, in build/docs
docs:
	@scripts/docs

## make kernel   only a kernel; prints the directory it is built in
##               VARIANT=plain|debug|...  which (the table is scripts/variants.sh)
kernel:
	@scripts/kernel $(VARIANT)

## make modules KDIR=...            only the module, for a kernel you have built
## make modules_install KDIR=...    installs it there (INSTALL_MOD_PATH=)
modules:
	@kdir=$$(scripts/kernel $(VARIANT)) && scripts/module $(if $(KDIR),own,$(VARIANT)) "$$kdir"

modules_install:
	@$(if $(KDIR),,$(error name the kernel to install for with KDIR=))scripts/module own "$(KDIR)" modules modules_install

## make bench    the pools in Rust beside those in C: what each call costs, held against
##               tests/bench/goals.table and baseline.json; build/bench/ has it as JSON and
##               two charts (scripts/bench --publish makes them those in Documentation/)
##               HELPERS=called  for pools that call the kernel's helpers; in build/bench-called/
##               BASELINE=update  what is measured is what later runs are held against
bench:
	@scripts/bench

## make packages           Debian packages in build/: the tool dma-pools, and a small kernel
##               for kdump
## make crash-kernel-test  crashes a Debian that uses it, in a virtual machine
##               CMDLINE="coherent_pool=0"  the crash kernel's parameters
##               DISK=virtio|nvme|ahci|scsi  where the dump goes
packages:
	@scripts/tool-package
	@scripts/crash-kernel

crash-kernel-test:
	@scripts/crash-kernel-test

## make series   the patches as mails with a cover letter, to post them; sends nothing
##               OUT=DIRECTORY  where they go   PART=a|b|c  one part of the series alone
series:
	@scripts/series

## make clean    removes build/; CACHE=1 also all that was fetched and built in
##               $XDG_CACHE_HOME/rust-dma-pool (kernels: 40 minutes to rebuild)
clean:
	@scripts/clean $(if $(filter command%,$(origin CACHE)),--cache)

##
## Variables for all of them:
##   KSRC=    a kernel source tree of yours (7.3; it is copied, not changed)
##   KDIR=    a kernel you have built, with the series in patches/ (of either machine)
##   HOST_TOOLS=1  compilers, QEMU and all else of this machine, not those of scripts/tools
##   CMDLINE= kernel parameters     MEM=6G  memory of the guest
##   ARCH=arm64  for run, test, bench, shell, kernel: that machine, emulated
##   ARCH=riscv  for run, shell, kernel: likewise
##   V=1      shows everything
##   JOBS=    processes of a build, or stages of the tests at a time
