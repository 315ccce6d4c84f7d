# Folders with a Debian release, made by debootstrap: for test/matrix.sh and
# test/container.sh, which read this file. The folders are kept, and used again,
# below $SLUICE_MATRIX_DIR, default /var/tmp/sluice-matrix; packages come from the
# mirror that this machine's own apt uses.

store=${SLUICE_MATRIX_DIR:-/var/tmp/sluice-matrix}

# The first archive of Debian's own among this machine's.
mirror()
{
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$1 == "Debian" && $2 == "main" && $3 !~ /security/ {
			print $3
			exit
		}'
}

# need PROGRAM...: what the script itself runs; of packages with the same names.
need()
{
	for p in "$@"; do
		command -v "$p" >/dev/null && continue
		apt-get -qq update
		DEBIAN_FRONTEND=noninteractive apt-get -qq -y install \
			--no-install-recommends "$p" >/dev/null || return 1
	done
}

# bootstrap RELEASE FOLDER
bootstrap()
{
	from=$(mirror)
	[ -n "$from" ] || {
		apt-get -qq update && from=$(mirror)
	}
	[ -n "$from" ] || {
		echo "no Debian archive among apt's sources"
		return 1
	}
	# Made aside and moved when whole: a folder that is there is good.
	rm -rf "$2.new"
	debootstrap --variant=minbase "$1" "$2.new" "$from" && mv "$2.new" "$2"
}

# How this machine reaches its mirror holds in the folder as well: proxies, and
# whether an archive that is kept at one day may be used.
use_this_mirror()
{
	apt-config dump |
		grep -E '^Acquire::(http|https|ftp|Check-[A-Za-z-]+|Retries)\b' \
			>"$1/etc/apt/apt.conf.d/90machine"
	cp /etc/resolv.conf /etc/hosts "$1/etc/"
}
