#!/bin/sh
# Puts the packages of package.json beside this file into a folder of the build,
# where the tests look for them:
#
#	test/clients/install.sh BUILD
#
# Nothing happens when they are there already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || {
	echo "usage: test/clients/install.sh BUILD" >&2
	exit 2
}
folder=$1/clients

if [ -d "$folder/node_modules" ] &&
	cmp -s "$here/package.json" "$folder/installed.json"; then
	exit 0
fi
for p in node npm; do
	command -v "$p" >/dev/null || {
		echo "clients: no $p here: tools/packages.sh clients" >&2
		exit 1
	}
done
rm -rf "$folder/node_modules" "$folder/installed.json"
mkdir -p "$folder"
cp "$here/package.json" "$folder/package.json"
# No script of a package runs, and none is needed.
npm install --prefix "$folder" --loglevel=error --no-audit --no-fund \
	--no-package-lock --ignore-scripts >&2 || {
	echo "clients: npm could not install the packages of $folder/package.json" >&2
	exit 1
}
cp "$here/package.json" "$folder/installed.json"
