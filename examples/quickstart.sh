#!/bin/sh
# Shows sluice at work, with one command and no preparation:
#
#	examples/quickstart.sh [--for SECONDS] [--port PORT]
#
# Installs missing packages (Debian; root or sudo), builds, starts a NATS server
# and the gateway, publishes an event every second for alice, bob and carol and an
# announcement for all of them every five seconds, and follows what is alice's. Clients
# may publish to the same subjects. Ctrl-C ends everything and removes all files except
# the build, which the next run uses again.
#
#	--for SECONDS  time after which it ends by itself
#	--port PORT    port of the gateway; default 8080, or the next free one
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${SLUICE_QUICKSTART_BUILD:-$root/build-quickstart}
# The gateway would take it for an unknown option.
unset SLUICE_QUICKSTART_BUILD
port=8080
last_port=8180
seconds=
usage="usage: examples/quickstart.sh [--for SECONDS] [--port PORT]"

usage()
{
	echo "$usage" >&2
	exit 2
}

is_number()
{
	case "$1" in
	'' | *[!0-9]*) return 1 ;;
	esac
}

while [ $# -gt 0 ]; do
	if [ "$1" = --help ]; then
		echo "$usage"
		exit 0
	fi
	[ $# -ge 2 ] || usage
	case "$1" in
	--for)
		seconds=${2%s}
		is_number "$seconds" || usage
		;;
	--port)
		is_number "$2" || usage
		port=$2
		last_port=$2
		;;
	*) usage ;;
	esac
	shift 2
done

say()
{
	printf '%s\n' "$*"
}

# ---- processes, and their end -------------------------------------------
# Children run in the background and the script waits, so that it handles a signal
# at once. Each child also ends when the script does, in any way.

folder=
pids=

finish()
{
	trap '' INT TERM HUP PIPE
	trap - EXIT
	# A process may have ended already, or end by the signal.
	for p in $pids; do
		kill "$p" 2>/dev/null || true
	done
	for p in $pids; do
		wait "$p" 2>/dev/null || true
	done
	[ -z "$folder" ] || rm -rf "$folder"
	exit "$1"
}
trap 'finish $?' EXIT
trap 'finish 130' INT
trap 'finish 143' TERM
trap 'finish 129' HUP
trap 'finish 141' PIPE

# start LOG COMMAND...: sets $started to its process.
start()
{
	log=$1
	shift
	setpriv --pdeathsig TERM "$@" >"$log" 2>&1 &
	started=$!
	pids="$started $pids"
}

runs()
{
	kill -0 "$1" 2>/dev/null
}

# wait_for WHAT LOG PID COMMAND...: waits until the command succeeds.
wait_for()
{
	what=$1
	log=$2
	pid=$3
	shift 3
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if ! runs "$pid" || [ $tries -gt 300 ]; then
			say "$what did not start:" >&2
			tail -n 20 "$log" >&2
			return 1
		fi
		sleep 0.1
	done
}

# ---- steps -------------------------------------------------------------------

build()
{
	"$root/tools/packages.sh" run
	say "Building in ${build#"$root"/} ..."
	if [ ! -f "$build/build.ninja" ]; then
		meson setup "$build" "$root" -Dtests=false \
			>"$folder/build.log" 2>&1 || {
			cat "$folder/build.log" >&2
			exit 1
		}
	fi
	ninja -C "$build" sluice examples/publish >"$folder/build.log" 2>&1 || {
		cat "$folder/build.log" >&2
		exit 1
	}
}

nats_port()
{
	nats=$(sed -n 's/.*"nats:\/\/127\.0\.0\.1:\([0-9]*\)".*/\1/p' \
		"$folder/nats/"*.ports 2>/dev/null)
	[ -n "$nats" ]
}

start_nats()
{
	mkdir "$folder/nats"
	cat >"$folder/nats.conf" <<-END
		listen: "127.0.0.1:-1"
		ports_file_dir: "$folder/nats"
		jetstream { store_dir: "$folder/nats" }
	END
	start "$folder/nats.log" nats-server -c "$folder/nats.conf"
	wait_for nats-server "$folder/nats.log" "$started" nats_port
	server=nats://127.0.0.1:$nats
}

# address KIND: sets $at to the gateway's address, from its log; false: not yet.
address()
{
	at=$(sed -n "s/.*msg=listening .*address=\([^ ]*\) listener=$1.*/\1/p" \
		"$folder/sluice.log" 2>/dev/null)
	[ -n "$at" ]
}

# Tries ports in order until the gateway can listen.
start_gateway()
{
	while :; do
		start "$folder/sluice.log" "$build/sluice" --server "$server" \
			--listen "127.0.0.1:$port" --admin-listen 127.0.0.1:0 \
			--subject 'events.{id}' --subject announcements \
			--allow-pub 'events.{id}' --allow-pub announcements \
			--drain-delay 0s --drain-timeout 1s \
			--ping-interval 15s --ui
		if wait_for sluice "$folder/sluice.log" "$started" \
			address public 2>"$folder/why"; then
			break
		fi
		if [ "$port" -ge "$last_port" ] ||
			! grep -qi 'in use' "$folder/sluice.log"; then
			cat "$folder/why" >&2
			exit 1
		fi
		port=$((port + 1))
	done
	url=http://$at
	wait_for sluice "$folder/sluice.log" "$started" address admin
	admin=$at
	wait_for sluice "$folder/sluice.log" "$started" \
		curl -fso /dev/null "$url/readyz"
}

explain()
{
	cat <<-END

		sluice serves $url from $server
		alice, bob and carol get an event every second, and all of them an announcement
		every five seconds. To see alice's in a browser:

		    $url/#id=alice&deliver=all

		Try, in another terminal:

		  bob's events and the announcements, live
		    curl -N -H 'user_id: bob' $url/api/v1/events
		  the announcements alone
		    curl -N -H 'user_id: bob' '$url/api/v1/events?subject=announcements'
		  each event with its subject and its headers
		    curl -N -H 'user_id: bob' '$url/api/v1/events?format=json'
		  the whole history, then live
		    curl -N -H 'user_id: bob' '$url/api/v1/events?deliver=all'
		  the newest event of each subject, then live
		    curl -N -H 'user_id: bob' '$url/api/v1/events?deliver=last'
		  everything after an event (any id)
		    curl -N -H 'user_id: bob' -H 'Last-Event-ID: 5' $url/api/v1/events
		  publish an event of alice's, and one for all
		    curl -H 'user_id: alice' -d 'hello' $url/api/v1/events
		    curl -H 'user_id: alice' -d 'hello' '$url/api/v1/events?subject=announcements'
		  readiness and metrics
		    curl $url/readyz; curl http://$admin/metrics

		These are alice's. Ctrl-C ends everything.

	END
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/sluice-quickstart-XXXXXX")
build
start_nats
start "$folder/publish.log" "$build/examples/publish" --server "$server" \
	--tick 1s --id alice --id bob --id carol --announce announcements
publisher=$started
start_gateway
explain
setpriv --pdeathsig TERM curl -sN -H 'user_id: alice' \
	"$url/api/v1/events" &
follower=$!
pids="$follower $pids"
if [ -n "$seconds" ]; then
	start /dev/null sleep "$seconds"
	# A signal may end the wait early.
	wait "$started" || true
	say "That was $seconds seconds."
	exit 0
fi
# The log below has the reason.
wait "$follower" || true
runs "$publisher" || tail -n 5 "$folder/publish.log" >&2
say "The events ended:" >&2
tail -n 5 "$folder/sluice.log" >&2
exit 1
