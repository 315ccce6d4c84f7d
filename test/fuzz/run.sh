#!/bin/sh
# Fuzzes with libFuzzer, ASan and UBSan, beginning with the corpus in the
# repository. The last line of each target says how many inputs were run, what
# they reached, and how many findings there are; the exit status is 1 when there
# is one.
#
#	test/fuzz/run.sh [--no-install] [--keep DIR] TARGET|all SECONDS
#
#	--no-install  take the packages as they are
#	--keep DIR    leave the corpus as it has grown in DIR/TARGET
#
# The build is kept in build-fuzz, in the project's root or below
# $SLUICE_BUILD_DIR; inputs that are findings in build-fuzz/findings. What a
# finding was becomes a file of test/fuzz/corpus/TARGET, and so a test.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${SLUICE_BUILD_DIR:-$root}/build-fuzz
install=yes
keep=

usage()
{
	echo "usage: test/fuzz/run.sh [--no-install] [--keep DIR]" \
		"TARGET|all SECONDS" >&2
	echo "targets: $(targets | xargs)" >&2
	exit 2
}

# The folders of the corpora are named like the targets.
targets()
{
	for d in "$root"/test/fuzz/corpus/*/; do
		basename "$d"
	done
}

while [ $# -gt 0 ]; do
	case "$1" in
	--no-install) install=no ;;
	--keep)
		[ $# -ge 2 ] || usage
		mkdir -p "$2" && keep=$(cd "$2" && pwd) || exit 1
		shift
		;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 2 ] || usage
case "$2" in
'' | *[!0-9]* | 0*) usage ;;
esac
seconds=$2
if [ "$1" = all ]; then
	list=$(targets)
elif [ -d "$root/test/fuzz/corpus/$1" ]; then
	list=$1
else
	usage
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

build_targets()
{
	log=$work/build.log
	again=
	[ ! -f "$build/build.ninja" ] || again=--reconfigure
	programs=
	for t in $list; do
		programs="$programs test/fuzz/fuzz_$t"
	done
	# shellcheck disable=SC2086 # lists of words
	if CC=clang meson setup $again "$build" "$root" -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false \
		>"$log" 2>&1 && ninja -C "$build" $programs >>"$log" 2>&1; then
		return 0
	fi
	tail -n 60 "$log"
	return 1
}

# Longer inputs only make slower what shorter ones find as well.
max_len()
{
	case "$1" in
	request | sse) echo 2048 ;;
	jwt) echo 4096 ;;
	*) echo 1024 ;;
	esac
}

# The last number behind a word of libFuzzer's lines ("cov: 812").
figure()
{
	sed -n "s/.*$1 *\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1
}

fuzz()
{
	log=$work/$1.log
	corpus=${keep:-$work/corpus}/$1
	findings=$build/findings/$1
	mkdir -p "$corpus" "$findings" "$work/tmp" || return 1
	cp "$root/test/fuzz/corpus/$1/"* "$corpus/" || return 1
	status=0
	begin=$(date +%s)
	TMPDIR=$work/tmp \
	ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		"$build/test/fuzz/fuzz_$1" -max_total_time="$seconds" \
		-max_len="$(max_len "$1")" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$findings/" \
		"$corpus" >"$log" 2>&1 || status=1
	if [ $status -ne 0 ]; then
		tail -n 60 "$log"
		echo "inputs: $findings"
	fi
	printf '%-12s %s executions, coverage %s of %s, %s features, %s s, ' \
		"$1" "$(figure stat::number_of_executed_units: "$log")" \
		"$(figure ' cov:' "$log")" \
		"$(figure 'Loaded 1 PC tables (' "$log")" \
		"$(figure ' ft:' "$log")" "$(($(date +%s) - begin))"
	echo "$status findings"
	return $status
}

if [ $install = yes ]; then
	"$root/tools/packages.sh" fuzz || exit 1
fi
build_targets || exit 1
failed=0
for t in $list; do
	fuzz "$t" || failed=1
done
exit $failed
