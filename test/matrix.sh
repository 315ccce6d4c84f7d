#!/bin/sh
# Builds the project and runs its suites on other releases of Debian, each in a
# folder made by debootstrap. The last line is "N passed, N failed, N skipped".
#
#	test/matrix.sh [--short] [trixie|testing|forky]...  (default: trixie testing)
#
#	--short  without the tests of the suite "long"
#
# Needs root (skipped without). The folders are kept, and used again, below
# $SLUICE_MATRIX_DIR, default /var/tmp/sluice-matrix; packages come from the
# mirror that this machine's own apt uses.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=test/debian.sh
. "$root/test/debian.sh"
short=
if [ "${1:-}" = --short ]; then
	short=--short
	shift
fi
[ $# -gt 0 ] || set -- trixie testing

if [ "$(id -u)" -ne 0 ]; then
	echo "matrix.sh: needs root for chroot: skipped"
	echo "0 passed, 0 failed, $# skipped"
	exit 0
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# "testing" is the name that every version of debootstrap knows.
suite_of()
{
	case "$1" in
	forky | testing) echo testing ;;
	*) echo "$1" ;;
	esac
}

prepare()
{
	[ -x "$2/usr/bin/apt-get" ] || bootstrap "$1" "$2" || return 1
	use_this_mirror "$2" || return 1
	rm -rf "$2/src" && mkdir -p "$2/src" &&
		tar -C "$root" --exclude='./build*' --exclude=./.git \
			--exclude=__pycache__ -cf - . | tar -C "$2/src" -xf -
}

# Own mounts and processes, which end with it.
inside()
{
	folder=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork --kill-child sh -c '
		set -e
		mount -t proc proc "$0/proc"
		mount --rbind /dev "$0/dev"
		exec chroot "$0" /usr/bin/env -i LC_ALL=C.UTF-8 TERM=dumb \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
	' "$folder" "$@"
}

run_release()
{
	release=$(suite_of "$1")
	folder=$store/$release
	log=$work/$1.prepare
	echo "== Debian $1"
	if ! prepare "$release" "$folder" >"$log" 2>&1; then
		tail -n 20 "$log"
		echo "matrix.sh: could not make $folder"
		echo "0 passed, 1 failed, 0 skipped"
		return
	fi
	# shellcheck disable=SC2086 # one word or none
	inside "$folder" SLUICE_TEST_JOBS="${SLUICE_TEST_JOBS:-2}" \
		SLUICE_BUILD_DIR=/var/tmp/sluice /src/test/run.sh --fast $short
}

# One at a time works in the folders.
mkdir -p "$store" && exec 9>"$store/lock" && flock 9 &&
	need debootstrap python3 || {
	echo "matrix.sh: cannot work in $store"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}
files=
for r in "$@"; do
	run_release "$r" 2>&1 | tee "$work/$r.out"
	files="$files $work/$r.out"
done
# shellcheck disable=SC2086 # a list of names without spaces
python3 -B "$root/test/totals.py" last $files
