#!/bin/sh
# Builds Debian packages of this source tree:
#
#	examples/debian/build.sh [--no-install] [FOLDER]   (default: build-debian)
#
#	--no-install  do not install the packages that the build needs
#
# The tree stays unchanged: debian/ is created in a copy. lintian checks the result; its
# errors are errors of this script.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ "${1:-}" = --no-install ]; then
	shift
else
	"$root/tools/packages.sh" package
fi
out=${1:-$root/build-debian}
mkdir -p "$out"
out=$(cd "$out" && pwd)

version=$(sed -n "s/^  version: '\(.*\)',/\1/p" "$root/meson.build" | head -n 1)
packaged=$(dpkg-parsechangelog -l "$here/changelog" -S Version)
[ "$version" = "${packaged%-*}" ] || {
	echo "build.sh: meson.build says $version, changelog $packaged" >&2
	exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
tree=$work/sluice-gateway-$version
mkdir "$tree"
tar -C "$root" --exclude='./build*' --exclude=./.git --exclude=__pycache__ \
	-cf - . | tar -C "$tree" -xf -
cp -r "$here" "$tree/debian"
rm "$tree/debian/build.sh"
(cd "$tree" && dpkg-buildpackage -b -us -uc) >"$work/log" 2>&1 || {
	tail -n 60 "$work/log" >&2
	exit 1
}
cp "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out/"
lintian --fail-on error --allow-root "$out/"*.changes
ls -l "$out/"*.deb
