#!/bin/sh
# Builds the image of Dockerfile and runs it, without a registry: the base image
# is made by debootstrap, under the name that Dockerfile asks for, and buildah
# works by chroot. The last line is "N passed, N failed, N skipped".
#
#	test/container.sh
#
# Needs root and Debian (skipped without root). What is kept for the next run
# lies below $SLUICE_MATRIX_DIR, default /var/tmp/sluice-matrix.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=test/debian.sh
. "$root/test/debian.sh"

if [ "$(id -u)" -ne 0 ]; then
	echo "container.sh: needs root for chroot: skipped"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

base=debian:13-slim
image=sluice-under-test
passed=0
failed=0
pids=
unshared=
gateway=
follower=
work=$(mktemp -d) || exit 1

finish()
{
	for p in $pids; do
		kill "$p" 2>/dev/null
	done
	umount "$work/root/dev" 2>/dev/null
	umount "$work/root" 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# case_ WHAT COMMAND...
case_()
{
	what=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		passed=$((passed + 1))
		echo "ok: $what"
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
		tail -n 20 "$work/said"
	fi
}

end()
{
	echo "$passed passed, $failed failed, 0 skipped"
	[ $failed -eq 0 ]
	exit
}

# A store of its own, apart from other images of the machine.
containers()
{
	buildah --root "$store/images" --runroot "$work/run" \
		--storage-driver vfs "$@"
}

# ---- the image ---------------------------------------------------------------

make_base()
{
	[ -d "$store/trixie-base" ] ||
		bootstrap trixie "$store/trixie-base" || return 1
	use_this_mirror "$store/trixie-base" || return 1
	containers inspect --type image "$base" >/dev/null 2>&1 && return
	c=$(containers from scratch) || return 1
	containers add -q "$c" "$store/trixie-base" / &&
		containers commit -q --rm "$c" "$base"
}

make_image()
{
	containers bud --isolation chroot --pull-never --format docker \
		--build-arg REVISION=test -t "$image" "$root"
}

# setting PATH-IN-THE-CONFIGURATION
setting()
{
	containers inspect --type image --format "{{$1}}" "$image"
}

is_set()
{
	said=$(setting "$1") && echo "$1 is $said, not $2" && [ "$said" = "$2" ]
}

# Every runtime makes this device (OCI runtime specification, "Default devices"), and
# a library of libcurl's ends the process without it.
mount_null()
{
	mount -t tmpfs -o size=64k,mode=755 none "$1" &&
		mknod -m 666 "$1/null" c 1 3
}

mount_image()
{
	# A working container's folder, read-only from here on.
	container=$(containers from --pull-never "$image") &&
		at=$(containers mount "$container") &&
		mkdir -p "$work/root" "$at/dev" &&
		mount --bind "$at" "$work/root" &&
		mount -o remount,ro,bind "$work/root" &&
		mount_null "$work/root/dev" &&
		! touch "$work/root/x" 2>/dev/null
}

# ---- running it --------------------------------------------------------------

# The image's variables and user, an own process tree, and no shell anywhere: it
# is process 1, as in a container. In place of the shell that calls it.
run_image()
{
	exec unshare --mount --pid --fork --kill-child env -i \
		PATH="$PATH" SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt "$@"
}

in_image()
{
	chroot --userspec=65532:65532 "$work/root" /usr/bin/sluice "$@"
}

says_version()
{
	label='index .Docker.Config.Labels "org.opencontainers.image.version"'
	version=$(in_image --version) && echo "$version" &&
		[ "$version" = "sluice $(setting "$label")" ]
}

nothing_else()
{
	find "$work/root" -type f -perm /111 ! -path '*/lib*' >"$work/programs"
	cat "$work/programs"
	[ "$(wc -l <"$work/programs")" -eq 1 ] &&
		[ -z "$(find "$work/root" -xdev -perm /6000)" ] &&
		[ -s "$work/root/etc/ssl/certs/ca-certificates.crt" ] &&
		[ -s "$work/root/var/lib/dpkg/status.d/libuv1t64" ]
}

# until COMMAND...: within ten seconds.
until_()
{
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

start_nats()
{
	mkdir "$work/nats"
	cat >"$work/nats.conf" <<-END
		listen: "127.0.0.1:-1"
		ports_file_dir: "$work/nats"
		jetstream { store_dir: "$work/nats" }
	END
	nats-server -c "$work/nats.conf" >"$work/nats.log" 2>&1 &
	pids="$pids $!"
	until_ find_nats
}

find_nats()
{
	nats=$(sed -n 's/.*"nats:\/\/127\.0\.0\.1:\([0-9]*\)".*/\1/p' \
		"$work/nats/"*.ports 2>/dev/null)
	[ -n "$nats" ]
}

# What there is to say to NATS, in its protocol: PUB SUBJECT LENGTH, and the rest.
tell_nats()
{
	python3 - "$nats" "$1" "$2" <<-END
		import socket, sys
		port, subject, text = sys.argv[1:]
		s = socket.create_connection(("127.0.0.1", int(port)))
		s.sendall(f"CONNECT {{\"verbose\":false}}\r\nPUB {subject} _REPLY "
		          f"{len(text)}\r\n{text}\r\nPING\r\n".encode())
		got = b""
		while b"PONG" not in got:
		    got += s.recv(4096) or sys.exit("nats-server hung up")
	END
}

fails()
{
	! "$@"
}

# address KIND: by the log.
address()
{
	sed -n "s/.*msg=listening .*address=\([^ ]*\) listener=$1.*/\1/p" \
		"$work/sluice.log"
}

ready()
{
	curl -fs "http://$(address public)/readyz"
}

starts()
{
	start_nats || return 1
	run_image SLUICE_SERVER="nats://127.0.0.1:$nats" \
		SLUICE_LISTEN=127.0.0.1:0 SLUICE_ADMIN_LISTEN=127.0.0.1:0 \
		SLUICE_DRAIN_DELAY=100ms SLUICE_DRAIN_TIMEOUT=1s \
		chroot --userspec=65532:65532 "$work/root" /usr/bin/sluice \
		>"$work/sluice.log" 2>&1 &
	unshared=$!
	pids="$pids $unshared"
	tell_nats '$JS.API.STREAM.CREATE.Events' \
		'{"name": "Events", "subjects": ["events.*"]}'
	until_ ready || {
		cat "$work/sluice.log"
		return 1
	}
	gateway=$(pgrep -P "$unshared") && [ -n "$gateway" ]
}

is_first_process()
{
	grep '^NSpid:.*[^0-9]1$' "/proc/$gateway/status" &&
		grep '^Uid:.65532' "/proc/$gateway/status" &&
		grep '^CapEff:.0*$' "/proc/$gateway/status"
}

follows()
{
	curl -sN --max-time 20 -H 'user_id: alice' \
		"http://$(address public)/api/v1/events" >"$work/events" &
	follower=$!
	pids="$pids $follower"
	until_ grep '^id:' "$work/events" && tell_nats events.alice hello &&
		until_ grep '^data: hello' "$work/events"
}

# From outside, with the same variables, as a container runtime does it.
healthcheck()
{
	env -i PATH="$PATH" SLUICE_LISTEN="$(address public)" SLUICE_ADMIN_LISTEN="$1" \
		chroot --userspec=65532:65532 "$work/root" \
		/usr/bin/sluice "$2"
}

drains()
{
	[ -n "$gateway" ] && kill -TERM "$gateway" || return 1
	wait "$unshared"
	status=$?
	wait "$follower"
	cat "$work/events" "$work/sluice.log"
	echo "status $status"
	[ $status -eq 0 ] && tail -n 2 "$work/events" | grep '^retry:'
}

size()
{
	du -sb "$work/root" | cut -f 1 >"$work/size"
	gzip_size=$(tar -C "$work/root" -cf - . | gzip -6 | wc -c)
	[ "$gzip_size" -lt 30000000 ]
}

# ---- all of it ---------------------------------------------------------------

mkdir -p "$store" && exec 9>"$store/container-lock" && flock 9 &&
	need debootstrap buildah python3 &&
	"$root/tools/packages.sh" run || {
	echo "container.sh: cannot work in $store"
	failed=1
	end
}
case_ "a base image" make_base
case_ "Dockerfile builds" make_image
[ $failed -eq 0 ] || end
case_ "a user with a number" is_set .Docker.Config.User 65532:65532
case_ "exec form" is_set .Docker.Config.Entrypoint "[/usr/bin/sluice]"
case_ "ends by SIGTERM" is_set .Docker.Config.StopSignal SIGTERM
case_ "asks after its health" is_set .Docker.Config.Healthcheck.Test \
	"[CMD /usr/bin/sluice --healthcheck]"
case_ "its root can be read-only" mount_image
case_ "its version is its label" says_version
case_ "one program, no shell" nothing_else
case_ "it becomes ready" starts
case_ "process 1, without rights" is_first_process
case_ "an event arrives" follows
case_ "--healthcheck: 0" healthcheck "$(address admin)" --healthcheck
case_ "--healthcheck=ready: 0" healthcheck "$(address admin)" --healthcheck=ready
case_ "SIGTERM drains it, status 0" drains
case_ "--healthcheck: 1" fails healthcheck 127.0.0.1:1 --healthcheck
case_ "small" size
echo "$(($(cat "$work/size") / 1024)) KiB in $(find "$work/root" -type f |
	wc -l) files, $((gzip_size / 1024)) KiB compressed"
end
