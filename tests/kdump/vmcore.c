// SPDX-License-Identifier: GPL-2.0
/*
 * vmcore FILE MARKS RUN RELEASE [all]: is FILE (/proc/vmcore) a dump of the
 * kernel RELEASE that a tool could work with? MARKS lists the physical
 * addresses of the pages that marks.c filled for RUN. With "all" every byte of
 * the dump is read as well.
 *
 * Prints one line key=value for each thing it found. Exits with 1 and a
 * sentence as soon as something is wrong. It reads what makedumpfile and crash
 * start from (ELF headers, notes, VMCOREINFO, the kernel's own mapping), and
 * no structure of the kernel beyond the name it gives itself.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "marks.h"

#define ALIGN4(x)	(((x) + 3) & ~3UL)

static int core;
static struct elf64_hdr header;
static struct elf64_phdr *segments;
static char *vmcoreinfo;

static void read_at(void *to, size_t size, off_t offset, const char *what)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(core, (char *)to + done, size - done, offset + done);

		if (n < 0)
			err(1, "reading %s at %#llx", what, (long long)offset + done);
		if (!n)
			errx(1, "%s at %#llx is beyond the end of the dump", what,
			     (long long)offset + done);
		done += n;
	}
}

static void *allocate(size_t size)
{
	void *memory = calloc(1, size + 1);

	if (!memory)
		err(1, "no memory");
	return memory;
}

static void read_headers(void)
{
	struct stat status;
	off_t end = 0;
	int i;

	read_at(&header, sizeof(header), 0, "the ELF header");
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_type != ET_CORE || header.e_machine != EM_X86_64)
		errx(1, "not a 64 bit ELF core of x86_64");
	if (!header.e_phnum || header.e_phentsize != sizeof(struct elf64_phdr))
		errx(1, "no program headers of the usual size");
	segments = allocate(header.e_phnum * sizeof(struct elf64_phdr));
	read_at(segments, header.e_phnum * sizeof(struct elf64_phdr), header.e_phoff,
		"the program headers");

	for (i = 0; i < header.e_phnum; i++) {
		off_t segment_end = segments[i].p_offset + segments[i].p_filesz;

		if (segment_end > end)
			end = segment_end;
	}
	if (fstat(core, &status))
		err(1, "fstat");
	if (status.st_size < end)
		errx(1, "the dump has %lld bytes and its headers speak of %lld",
		     (long long)status.st_size, (long long)end);
	printf("size=%lld\n", (long long)status.st_size);
}

static void read_notes(const struct elf64_phdr *segment)
{
	char *notes = allocate(segment->p_filesz);
	size_t at = 0;
	int cpus = 0;

	read_at(notes, segment->p_filesz, segment->p_offset, "the notes");
	while (at + sizeof(struct elf64_note) <= segment->p_filesz) {
		struct elf64_note *note = (struct elf64_note *)(notes + at);
		char *name = notes + at + sizeof(*note);
		char *data = name + ALIGN4(note->n_namesz);

		at += sizeof(*note) + ALIGN4(note->n_namesz) + ALIGN4(note->n_descsz);
		if (at > segment->p_filesz)
			errx(1, "a note reaches beyond the notes");
		if (note->n_namesz == sizeof("CORE") && !strcmp(name, "CORE") &&
		    note->n_type == NT_PRSTATUS)
			cpus++;
		if (note->n_namesz == sizeof("VMCOREINFO") &&
		    !strcmp(name, "VMCOREINFO"))
			vmcoreinfo = strndup(data, note->n_descsz);
	}
	free(notes);
	printf("cpus=%d\n", cpus);
	if (!cpus)
		errx(1, "no CPU's registers are in the notes");
	if (!vmcoreinfo)
		errx(1, "no VMCOREINFO in the notes");
}

/* The rest of the VMCOREINFO line that starts with name. */
static const char *info(const char *name)
{
	const char *line = vmcoreinfo;
	size_t length = strlen(name);

	while (line && strncmp(line, name, length)) {
		line = strchr(line, '\n');
		line += !!line;
	}
	if (!line)
		errx(1, "no %s in VMCOREINFO", name);
	return line + length;
}

/* Where a range of physical or kernel addresses is in the dump. */
static off_t offset_of(__u64 address, size_t size, int is_virtual)
{
	int i;

	for (i = 0; i < header.e_phnum; i++) {
		const struct elf64_phdr *segment = &segments[i];
		__u64 start = is_virtual ? segment->p_vaddr : segment->p_paddr;

		if (segment->p_type == PT_LOAD && address >= start &&
		    address - start < segment->p_filesz &&
		    segment->p_filesz - (address - start) >= size)
			return segment->p_offset + (address - start);
	}
	errx(1, "%s address %#llx is in no segment of the dump",
	     is_virtual ? "virtual" : "physical", address);
}

/* The kernel's idea of its own name, found by symbol and virtual address. */
static void check_kernel(const char *release)
{
	__u64 uts = strtoull(info("SYMBOL(init_uts_ns)="), NULL, 16) +
		       strtoull(info("OFFSET(uts_namespace.name)="), NULL, 10);
	const char *noted = info("OSRELEASE=");
	struct { char sysname[65], nodename[65], release[65]; } name;

	if (strncmp(noted, release, strlen(release)) || noted[strlen(release)] != '\n')
		errx(1, "VMCOREINFO is of kernel %.64s, not %s", noted, release);
	read_at(&name, sizeof(name), offset_of(uts, sizeof(name), 1), "init_uts_ns");
	if (strcmp(name.sysname, "Linux") || strcmp(name.release, release))
		errx(1, "init_uts_ns in the dump is not that of Linux %s", release);
	printf("release=%s\n", name.release);
	printf("crashtime=%llu\n", strtoull(info("CRASHTIME="), NULL, 10));
}

static void check_marks(const char *list, __u64 run)
{
	static __u64 page[MARK_WORDS];
	FILE *file = fopen(list, "r");
	unsigned long long phys;
	unsigned long pages = 0, word;

	if (!file)
		err(1, "%s", list);
	while (fscanf(file, "%llx", &phys) == 1) {
		read_at(page, sizeof(page), offset_of(phys, sizeof(page), 0),
			"a marked page");
		for (word = 0; word < MARK_WORDS; word++) {
			__u64 expected = mark_word(run, phys, word);

			if (page[word] != expected)
				errx(1, "physical %#llx has %#llx and not the marked %#llx",
				     phys + word * sizeof(__u64),
				     page[word],
				     expected);
		}
		pages++;
	}
	fclose(file);
	if (!pages)
		errx(1, "%s lists no pages", list);
	printf("marks=%lu\n", pages);
}

/* What a tool that saves the dump has to go through. */
static void read_all(void)
{
	static char buffer[1 << 18];
	unsigned long long bytes = 0;
	ssize_t n;

	lseek(core, 0, SEEK_SET);
	while ((n = read(core, buffer, sizeof(buffer))) > 0)
		bytes += n;
	if (n < 0)
		err(1, "reading the dump at %#llx", bytes);
	if (bytes != (unsigned long long)lseek(core, 0, SEEK_END))
		errx(1, "the dump ends after %llu bytes", bytes);
	printf("read=%llu\n", bytes);
}

int main(int argc, char **argv)
{
	__u64 memory = 0;
	int i, notes = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 5)
		errx(1, "usage: vmcore FILE MARKS RUN RELEASE [all]");
	core = open(argv[1], O_RDONLY);
	if (core < 0)
		err(1, "%s", argv[1]);
	read_headers();
	for (i = 0; i < header.e_phnum; i++) {
		if (segments[i].p_type == PT_NOTE)
			notes = i;
		if (segments[i].p_type == PT_LOAD)
			memory += segments[i].p_filesz;
	}
	if (notes < 0)
		errx(1, "no notes");
	printf("memory=%llu\n", memory);
	read_notes(&segments[notes]);
	check_kernel(argv[4]);
	check_marks(argv[2], strtoull(argv[3], NULL, 16));
	if (argc > 5)
		read_all();
	return 0;
}
