#!/bin/sh
# Installs missing Debian packages.
#
#	tools/packages.sh build     to compile the program
#	tools/packages.sh run       also to run it: nats-server, curl
#	tools/packages.sh test      also to test it
#	tools/packages.sh clients   also to test it with browsers and npm packages
#	tools/packages.sh fuzz      to fuzz it
#	tools/packages.sh bench     to measure it
#	tools/packages.sh package   to build Debian packages
#	tools/packages.sh monitoring  also to check the files for Prometheus
#
# Needs root or sudo. Without apt-get it lists what is needed.
set -eu

available()
{
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# Debian 12 has llhttp only as the sources in node-llhttp.
llhttp()
{
	if available libllhttp-dev; then
		echo libllhttp-dev
	else
		echo node-llhttp
	fi
}

wanted()
{
	echo gcc libc6-dev meson ninja-build pkg-config \
		libuv1-dev libnats-dev libjansson-dev libsodium-dev \
		libssl-dev libcurl4-openssl-dev
	llhttp
	case "$1" in
	build) ;;
	run) echo nats-server curl ;;
	test)
		echo nats-server curl git libcmocka-dev openssl python3 procps \
			nginx haproxy mandoc zsh fish valgrind strace
		# The formatter's output differs between versions; only Debian
		# 12's is the reference.
		if available clang-format-14; then
			echo clang-format-14
		fi
		;;
	clients)
		echo nats-server curl openssl nginx haproxy chromium firefox-esr
		# Debian's npm brings 400 packages along.
		command -v node >/dev/null || echo nodejs
		command -v npm >/dev/null || echo npm
		;;
	bench)
		echo nats-server curl libcmocka-dev python3 nginx \
			libnginx-mod-nchan wrk gnuplot-nox strace
		;;
	package)
		echo build-essential debhelper dpkg-dev lintian systemd \
			libcmocka-dev python3
		;;
	monitoring) echo prometheus ;;
	fuzz) echo clang libclang-rt-dev libcmocka-dev python3 ;;
	*)
		echo "usage: tools/packages.sh" \
			"build|run|test|clients|fuzz|bench|package|monitoring" >&2
		exit 2
		;;
	esac
}

is_installed()
{
	state=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)
	[ "$state" = installed ]
}

missing()
{
	for p in $(wanted "$1"); do
		is_installed "$p" || echo "$p"
	done
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "packages.sh: need root or sudo for: $*" >&2
		exit 1
	fi
}

what=${1:-build}
if ! command -v apt-get >/dev/null; then
	echo "packages.sh: no apt-get here; needed: $(wanted "$what" | xargs)" >&2
	exit 0
fi

# A fresh machine may have no package lists yet.
if ! available libuv1-dev; then
	as_root apt-get -qq update
fi
list=$(missing "$what" | xargs)
[ -n "$list" ] || exit 0
echo "installing: $list" >&2

# The tests start servers of their own, so no packaged service should start, now or at
# the next boot. While the script runs, policy-rc.d forbids it. Debian reads that file at
# this path only.
policy=/usr/sbin/policy-rc.d
mark="# Of tools/packages.sh"
held=no

hold_services()
{
	# Another program's policy stays; one left by a killed run does not.
	if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then
		return
	fi
	held=yes
	# Without the process that wrote it (kill -9, power loss) it allows everything.
	printf '%s\n' '#!/bin/sh' "$mark" \
		"kill -0 $$ 2>/dev/null && exit 101" 'exit 0' |
		as_root tee "$policy" >/dev/null
	as_root chmod +x "$policy"
}

disable_services()
{
	command -v systemctl >/dev/null || return 0
	for p in $list; do
		case "$p" in
		nats-server | nginx | haproxy | prometheus)
			# Not every machine with systemctl runs systemd.
			! is_installed "$p" ||
				as_root systemctl --quiet disable "$p" || true
			;;
		esac
	done
}

# finish STATUS. dash runs no EXIT trap on a signal, so every signal has its own.
finish()
{
	trap '' INT TERM HUP PIPE
	trap - EXIT
	disable_services
	[ $held = no ] || as_root rm -f "$policy"
	exit "$1"
}

install()
{
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o Dpkg::Use-Pty=0 install --no-install-recommends \
		$list >/dev/null
}

trap 'finish $?' EXIT
trap 'finish 130' INT
trap 'finish 143' TERM
trap 'finish 129' HUP
trap 'finish 141' PIPE
hold_services
# Outdated lists name versions that the mirror no longer has.
install || { as_root apt-get -qq update && install; }
