# SPDX-License-Identifier: GPL-2.0
#
# The one judge of kernel logs: reads a log, with time stamps or without, and prints
# what should not be there as "TEST<tab>LINE<tab>PROBLEM". functions.sh runs it in the
# guest after each test, console.py on the host for whole consoles. It ends with
# status 0 if there was no problem, 1 if there was, 2 if it could not judge.
#
#   complaints=FILE  what counts as one, see that file
#   mark=TEXT        only what follows the line TEXT is judged; without, all is
#
# Three kinds of lines are for this program, written by tests:
#
#   dma_pool_test: test NAME                  whose the following lines are
#   dma_pool_test: expect N WARNING: TEXT     opens a window
#   dma_pool_test: expect end                 closes the one that was opened last
#
# In a window, N lines with TEXT are expected (or N-M, where a race decides), no more
# and no fewer. Such a line may be a complaint itself, which is then none. If it is
# not, a "WARNING:" line has to follow, for each one, unless it ends in "; growing":
# what is about to be mended is not worth one. Each of these that prints a call
# trace may print one. All else in the window counts as outside of it.

function problem(what) {
	sub(/ +$/, "", what)
	printf "%s\t%d\t%s\n", name, NR, what
	bad++
}

function open_window(line,    count) {
	count = line
	sub(/ WARNING: .*/, "", count)
	sub(/^[^ ]* WARNING: /, "", line)
	if (count !~ /^[0-9]+(-[0-9]+)?$/ || line == "") {
		problem("an announcement without a number or a text: expect " count " WARNING: " line)
		return
	}
	depth++
	text[depth] = line
	wanted[depth] = count
	least[depth] = most[depth] = count + 0
	if (sub(/^[0-9]+-/, "", count))
		most[depth] = count + 0
	seen[depth] = pending[depth] = 0
}

function close_window() {
	if (!depth) {
		problem("the end of an announcement that nobody made")
		return
	}
	if (seen[depth] < least[depth] || seen[depth] > most[depth])
		problem("announced " wanted[depth] " of \"" text[depth] "\", saw " seen[depth])
	if (pending[depth])
		problem("\"" text[depth] "\" came " pending[depth] " times without a warning")
	depth--
}

# Who opens a window closes it, whatever happens in between.
function close_forgotten() {
	while (depth) {
		problem("announced " wanted[depth] " of \"" text[depth] "\", and never said where they end")
		close_window()
	}
}

# A line that some window is about; true if nothing else is to be said about it.
function announced(is_complaint,    i) {
	for (i = depth; i > 0; i--) {
		if (!index($0, text[i]))
			continue
		seen[i]++
		if (is_complaint)
			has_trace()
		else if (!/; growing$/)
			pending[i]++
		return 1
	}
	if ($0 !~ /^WARNING: [^ ]+:[0-9]+ at /)
		return 0
	for (i = depth; i > 0; i--) {
		if (pending[i]) {
			pending[i]--
			has_trace()
			return 1
		}
	}
	return 0
}

function has_trace() {
	if (/WARNING: |page allocation failure|vmalloc error/)
		traces++
	if (/WARNING: /)
		running++
}

BEGIN {
	while ((status = getline line < complaints) > 0)
		if (line !~ /^(#|$)/)
			pattern = pattern (pattern == "" ? "" : "|") line
	if (status < 0 || pattern == "") {
		print "log.awk: no list of complaints in '" complaints "'" >"/dev/stderr"
		broken = 1
		exit 2
	}
	name = "boot"
	judging = mark == ""
}

{
	sub(/\r$/, "")
	sub(/^\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? /, "")
}

$0 == mark { judging = 1 }
!judging { next }

sub(/^dma_pool_test: test /, "") {
	close_forgotten()
	traces = running = 0
	name = $0
	next
}

# The prefix is that of the module that prints it.
sub(/^([a-z_]+: )?dma_pool_test: expect /, "") {
	if ($0 == "end")
		close_window()
	else
		open_window($0)
	next
}

# What has ended without a trace lends none to another.
/^---\[ end trace / && running {
	running--
	if (traces > running)
		traces = running
}

{
	is_complaint = $0 ~ pattern
	if (depth && announced(is_complaint) || !is_complaint)
		next
	if (traces && /^Call [Tt]race:/) {
		traces--
		next
	}
	problem($0)
}

END {
	if (broken)
		exit 2
	close_forgotten()
	if (!judging) {
		name = "all"
		problem("the log does not reach back to the test's start (log_buf_len=1M helps)")
	}
	exit bad > 0
}
