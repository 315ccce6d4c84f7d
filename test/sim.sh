#!/bin/sh
# The simulation with many seeds: a release build, a process for each processor.
# The last line says whether all held; the exit status is 0 only when they did.
#
#	test/sim.sh [--features SET] [--from SEED] [SEEDS]
#
#	SEEDS           how many, 200000 when not given
#	--from SEED     the first one, 1 when not given
#	--features SET  as of test_sim (test/sim/test_sim.c)
#
# The build is kept in build-sim, in the project's root or below
# $SLUICE_BUILD_DIR.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
build=${SLUICE_BUILD_DIR:-$root}/build-sim
seeds=200000
from=1
features=suite

usage()
{
	echo "usage: test/sim.sh [--features SET] [--from SEED] [SEEDS]" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case "$1" in
	--features | --from)
		[ $# -ge 2 ] || usage
		[ "$1" = --from ] && from=$2 || features=$2
		shift
		;;
	*[!0-9]* | '') usage ;;
	*) seeds=$1 ;;
	esac
	shift
done

[ -f "$build/build.ninja" ] ||
	meson setup "$build" "$root" --buildtype release >/dev/null || exit 1
ninja -C "$build" test/sim/test_sim_mutations >"$build/ninja.log" 2>&1 || {
	cat "$build/ninja.log"
	exit 1
}

jobs=$(nproc)
share=$(((seeds + jobs - 1) / jobs))
status=0
pids=
n=0
while [ $n -lt "$jobs" ]; do
	"$build/test/sim/test_sim_mutations" --features "$features" \
		--from $((from + n * share)) --seeds "$share" &
	pids="$pids $!"
	n=$((n + 1))
done
for pid in $pids; do
	wait "$pid" || status=1
done
[ $status = 0 ] && held=hold || held="do not all hold"
echo "$((share * jobs)) seeds $held"
exit $status
