#!/bin/sh
# Measures the gateway and other gateways in turn, on this machine, over the
# loopback, each measurement with fresh servers. Writes a table, a JSON file and
# plots to --out (default: results in the build folder).
#
#	test/bench/run.sh [OPTION]... [SCENARIO]...
#
#	--no-install   install no packages
#	--peers LIST   peers besides sluice: nchan,poc,node (default: nchan) or none
#	--rounds N     of each (default: 3)
#	--scale X      0.1: a tenth of the subscriptions, messages and time
#	--syscalls     an additional round of each under strace -c
#	--out DIR      folder for the results
#	--list         the scenarios and their cases
#
# A SCENARIO is NAME, or NAME=CASE,CASE; default: all. The build is kept in
# build-bench, in the project's root or below $SLUICE_BUILD_DIR.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${SLUICE_BUILD_DIR:-$root}/build-bench
install=yes
driver="python3 -B $root/test/bench/bench.py --build $build"

case " $* " in
*" --list "* | *" --help "* | *" -h "*)
	exec $driver "$@"
	;;
esac
case " $* " in
*" --no-install "*) install=no ;;
esac

if [ $install = yes ]; then
	"$root/tools/packages.sh" bench
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
again=
[ ! -f "$build/build.ninja" ] || again=--reconfigure
# shellcheck disable=SC2086 # a word or nothing
if ! { meson setup $again "$build" "$root" --buildtype=release -Dbench=true &&
	ninja -C "$build"; } >"$work/log" 2>&1; then
	tail -n 60 "$work/log"
	exit 1
fi
rm -rf "$work"
trap - EXIT INT TERM HUP
# The gateway rejects variables SLUICE_* that are not options.
unset SLUICE_BUILD_DIR
exec $driver "$@"
