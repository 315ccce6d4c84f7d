#!/bin/sh
# Builds the project with ASan and UBSan and runs its suites; then what has
# threads again, with TSan; then the clients that people use, against the program;
# then holds what the program costs against its budget.
# The last line is "N passed, N failed, N skipped",
# and the exit status is 0 only when nothing failed and every suite ran.
#
#	test/run.sh [--no-install] [--suite NAME]... [--fast] [--short]
#
#	--no-install  take the packages as they are
#	--suite NAME  only this one: unit sim loop wire e2e lint threads
#	              clients package cost
#	--fast        without the TSan build and the suites "clients" and "package"
#	--short       without the suites "long", "clients", "package" and "cost"; requests
#	              are cut at every fifth byte
#
# Builds are kept in build-test, build-tsan and build-cost, in the project's root or below
# $SLUICE_BUILD_DIR. More for meson setup: $SLUICE_MESON_ARGS.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
builds=${SLUICE_BUILD_DIR:-$root}
install=yes
suites=
fast=no
short=no

usage()
{
	echo "usage: test/run.sh [--no-install] [--suite NAME]... [--fast]" \
		"[--short]" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case "$1" in
	--no-install) install=no ;;
	--fast) fast=yes ;;
	--short)
		short=yes
		export SLUICE_WIRE_STRIDE=5
		;;
	--suite)
		[ $# -ge 2 ] || usage
		suites="$suites $2"
		shift
		;;
	*) usage ;;
	esac
	shift
done
if [ -z "$suites" ]; then
	suites=" unit sim loop wire e2e lint"
	[ $fast = yes ] || suites="$suites threads"
	[ $fast = yes ] || [ $short = yes ] || suites="$suites clients package"
	[ $short = yes ] || suites="$suites cost"
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
summary=$work/summary
: >"$summary"

# A line of the summary: to the reader and to the totals.
say()
{
	echo "$1" | tee -a "$summary"
}

# On Debian 12, the reference, a warning is an error.
developer()
{
	# shellcheck source=/dev/null
	id=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
	[ "$id" = bookworm ] && echo true || echo false
}

# build FOLDER SANITIZERS: configures and compiles; the log only when it fails.
build()
{
	log=$work/$(basename "$1").log
	again=
	[ ! -f "$1/build.ninja" ] || again=--reconfigure
	# shellcheck disable=SC2086 # both are words or nothing
	if meson setup $again "$1" "$root" -Ddeveloper="$(developer)" \
		-Db_sanitize="$2" -Db_lundef=false ${SLUICE_MESON_ARGS:-} \
		>"$log" 2>&1 && ninja -C "$1" >>"$log" 2>&1; then
		return 0
	fi
	tail -n 60 "$log"
	return 1
}

# By how much the time-outs of tests grow: with what else runs on a processor.
patience()
{
	load=$(cut -d . -f 1 /proc/loadavg 2>/dev/null)
	n=$((1 + ${load:-0} / $(getconf _NPROCESSORS_ONLN)))
	[ $n -le 6 ] || n=6
	echo $n
}

# run_suite LABEL FOLDER SUITE [WRAPPER]
run_suite()
{
	base=testlog-$1
	without=
	[ $short = no ] || without="--no-suite long"
	rm -f "$2/meson-logs/$base".json "$2/meson-logs/$base"-*.json
	# shellcheck disable=SC2086 # a list of words
	meson test -C "$2" --no-rebuild --suite "$3" $without \
		--logbase "$base" \
		--timeout-multiplier "$(patience)" \
		--num-processes "${SLUICE_TEST_JOBS:-2}" ${4:+--wrapper "$4"} \
		>"$work/$1.out" 2>&1
	# With a wrapper its name stands in the log's.
	for log in "$2/meson-logs/$base"-*.json "$2/meson-logs/$base".json; do
		[ ! -f "$log" ] || break
	done
	python3 -B "$root/test/totals.py" suite "$1" "$log" >"$work/$1.sum"
	cat "$work/$1.sum"
	head -n 1 "$work/$1.sum" >>"$summary"
}

# Kernels that spread memory mappings wider than an older TSan expects need
# them unspread.
tsan_wrapper()
{
	setarch -R true 2>/dev/null && echo "setarch -R"
}

plain_suites()
{
	build "$builds/build-test" address,undefined || {
		say "build                0 passed, 1 failed, 0 skipped"
		clients=no
		return
	}
	for s in $suites; do
		case "$s" in
		threads | clients | package | cost) continue ;;
		esac
		run_suite "$s" "$builds/build-test" "$s"
	done
}

threads_suite()
{
	build "$builds/build-tsan" thread || {
		say "build (TSan)         0 passed, 1 failed, 0 skipped"
		return
	}
	TSAN_OPTIONS="suppressions=$root/test/tsan.supp:${TSAN_OPTIONS:-}"
	export TSAN_OPTIONS
	run_suite threads "$builds/build-tsan" threads "$(tsan_wrapper)"
}

# Browsers, and packages of npm: what can't be had is a failure.
clients_suite()
{
	if [ $clients = yes ] &&
		"$root/test/clients/install.sh" "$builds/build-test"; then
		run_suite clients "$builds/build-test" clients
	else
		say "clients              0 passed, 1 failed, 0 skipped"
	fi
}

# Debian packages: a release build of their own. And what promtool says.
package_suite()
{
	if [ $install = no ] || { "$root/tools/packages.sh" package &&
		"$root/tools/packages.sh" monitoring; }; then
		run_suite package "$builds/build-test" package
	else
		say "package              0 passed, 1 failed, 0 skipped"
	fi
}

# A release build: what it costs with a sanitizer in it is not of interest.
cost_suite()
{
	log=$work/build-cost.log
	again=
	[ ! -f "$builds/build-cost/build.ninja" ] || again=--reconfigure
	# shellcheck disable=SC2086 # words or nothing
	if ! { meson setup $again "$builds/build-cost" "$root" \
		--buildtype=release ${SLUICE_MESON_ARGS:-} &&
		ninja -C "$builds/build-cost" sluice; } >"$log" 2>&1; then
		tail -n 60 "$log"
		say "build (cost)         0 passed, 1 failed, 0 skipped"
		return
	fi
	run_suite cost "$builds/build-cost" cost
}

main()
{
	if [ $install = yes ] && ! "$root/tools/packages.sh" test; then
		say "packages             0 passed, 1 failed, 0 skipped"
		return
	fi
	clients=yes
	case " $suites " in
	*" clients "*)
		# Before meson looks for node.
		[ $install = no ] || "$root/tools/packages.sh" clients ||
			clients=no
		;;
	esac
	for s in $suites; do
		case "$s" in
		threads | cost) continue ;;
		esac
		plain_suites
		break
	done
	case " $suites " in
	*" threads "*) threads_suite ;;
	esac
	case " $suites " in
	*" clients "*) clients_suite ;;
	esac
	case " $suites " in
	*" package "*) package_suite ;;
	esac
	case " $suites " in
	*" cost "*) cost_suite ;;
	esac
}

main
python3 -B "$root/test/totals.py" sum "$summary"
