#!/bin/sh
# A soak: 2,000 clients of all kinds on two gateways, publishers, and a fault
# every few seconds, for so many minutes. Every client checks its own sequence;
# memory, descriptors, threads and consumers must be level. The last line are
# the figures, and the exit status is 0 only when nothing was wrong.
#
#	test/soak.sh [OPTION]... MINUTES
#
#	--no-install  take the packages as they are
#	--asan        with ASan and UBSan, at a quarter of the load
#	--clients N   in place of 2000
#	--rate N      messages a second, in place of 2000
#	--seed N      the faults of an earlier run; else a new seed
#
# The builds are optimised, with every check on, and kept in build-soak and
# build-soak-asan, in the project's root or below $SLUICE_BUILD_DIR.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
build=${SLUICE_BUILD_DIR:-$root}/build-soak
sanitize=none
type=release
install=yes
clients=
rate=
seed=

usage()
{
	echo "usage: test/soak.sh [--no-install] [--asan] [--clients N]" \
		"[--rate N] [--seed N] MINUTES" >&2
	exit 2
}

number()
{
	case "$1" in
	'' | *[!0-9]*) usage ;;
	esac
	echo "$1"
}

while [ $# -gt 0 ]; do
	case "$1" in
	--no-install) install=no ;;
	--asan)
		build=${SLUICE_BUILD_DIR:-$root}/build-soak-asan
		sanitize=address,undefined
		type=debugoptimized
		;;
	--clients | --rate | --seed)
		[ $# -ge 2 ] || usage
		value=$(number "$2") || exit 2
		case "$1" in
		--clients) clients=$value ;;
		--rate) rate=$value ;;
		--seed) seed=$value ;;
		esac
		shift
		;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || usage
minutes=$(number "$1") || exit 2
[ "$minutes" -gt 0 ] || usage
if [ $sanitize = none ]; then
	: "${clients:=2000}" "${rate:=2000}"
else
	: "${clients:=500}" "${rate:=500}"
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

if [ $install = yes ]; then
	"$root/tools/packages.sh" test || exit 1
fi
again=
[ ! -f "$build/build.ninja" ] || again=--reconfigure
# shellcheck disable=SC2086 # a word or nothing
if ! { meson setup $again "$build" "$root" -Dbuildtype=$type \
	-Db_ndebug=false -Db_sanitize=$sanitize -Db_lundef=false &&
	ninja -C "$build" sluice test/soak/soak; } >"$work/log" 2>&1; then
	tail -n 60 "$work/log"
	exit 1
fi

SLUICE_PROGRAM=$build/sluice \
ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
LSAN_OPTIONS=print_suppressions=0:suppressions=$root/test/lsan.supp \
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	"$build/test/soak/soak" --seconds $((minutes * 60)) \
	--clients "$clients" --rate "$rate" ${seed:+--seed "$seed"} 2>&1
