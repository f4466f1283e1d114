# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages from the mirrors that this machine's own apt uses, without touching
# what is installed or listed here. Sourced after lib.sh. What is fetched is
# elsewhere: the kernel's source in source, a guest's system in guest-root.

# The mirrors this machine takes Debian from, by apt's own reading of its
# configuration (one-line, deb822 and mirror lists alike); its lists may be empty.
# An archive that only looks like Debian's has not its signature, and is passed
# over later. DEBIAN_MIRROR= names one where there is none.
mirrors() {
	if [ -n "${DEBIAN_MIRROR:-}" ]; then
		printf '%s\n' "$DEBIAN_MIRROR"
		return
	fi
	apt-get --print-uris update 2>/dev/null |
		sed -nE "s,^'(.*)/dists/(bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)/.*,\1,p" |
		awk '!seen[$0]++'
}

# An apt of our own: its lists, its cache and its idea of what is installed
# (nothing) are in the directory $1; the machine's configuration is read.
private_apt() { # DIRECTORY URI SUITE RETRIES [ARCHITECTURE]
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	cat >"$1/sources.sources" <<-EOF
		Types: deb
		URIs: $2
		Suites: $3
		Components: main
		Targets: Packages
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	EOF
	# Hooks of the machine are for the machine's own lists. The user _apt
	# cannot enter a cache in somebody's home.
	cat >"$1/apt.conf" <<-EOF
		Dir::Etc::sourcelist "$1/sources.sources";
		Dir::Etc::sourceparts "-";
		Dir::Etc::preferences "-";
		Dir::Etc::preferencesparts "-";
		Dir::State::lists "$1/lists";
		Dir::State::status "$1/status";
		Dir::Cache "$1/cache";
		APT::Sandbox::User "root";
		APT::Get::List-Cleanup "false";
		APT::Default-Release "";
		Acquire::Languages "none";
		Acquire::Retries "$4";
		Acquire::http::Timeout "15";
		Acquire::https::Timeout "15";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	EOF
	[ -z "${5:-}" ] || cat >>"$1/apt.conf" <<-EOF
		APT::Architecture "$5";
		#clear APT::Architectures;
		APT::Architectures "$5";
		APT::Install-Recommends "false";
	EOF
}

# Unpacks packages for programs to be run from there: no script of theirs is run,
# and documentation is left out.
unpack_packages() { # PACKAGES_DIRECTORY ROOT
	local deb link
	# Packages still name both /bin and /usr/bin, which are one directory.
	mkdir -p "$2/usr" "$2/dev" "$2/proc" "$2/sys" "$2/etc"
	for link in bin sbin lib lib64; do
		mkdir "$2/usr/$link"
		ln -s "usr/$link" "$2/$link"
	done
	for deb in "$1"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$2" --keep-directory-symlink --no-same-owner \
			--exclude=./usr/share/doc --exclude=./usr/share/locale --exclude=./usr/share/man || return
	done
}
