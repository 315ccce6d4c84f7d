#!/bin/sh
# Creates the root folder of a container image: a program with its libraries, certificate
# authorities and user names, all from Debian.
#
#	tools/image-root.sh PROGRAM FOLDER
#
# Licences are in usr/share/doc, and the source packages in var/lib/dpkg/status.d, where
# vulnerability scanners look.
set -eu

[ $# -eq 2 ] || {
	echo "usage: tools/image-root.sh PROGRAM FOLDER" >&2
	exit 2
}
program=$1
folder=$2
authorities=/etc/ssl/certs/ca-certificates.crt

# The program's libraries, as the loader names them.
libraries()
{
	ldd "$1" | sed -n 's/^\t\(.* => \)\{0,1\}\(\/[^ ]*\) (.*/\2/p'
}

# The package of a file. Some are found only behind symbolic links of folders.
package_of()
{
	for path in "$(readlink -f "$1")" "$1" "/usr$1"; do
		dpkg-query -S "$path" 2>/dev/null | sed 's/: \/.*//' && return
	done
	echo "image-root.sh: no package has $1" >&2
	return 1
}

# First line only: of two architectures one would be enough.
note_package()
{
	package=$(package_of "$1" | head -n 1)
	[ -n "$package" ] || return 1
	name=${package%%:*}
	mkdir -p "$folder/var/lib/dpkg/status.d" "$folder/usr/share/doc/$name"
	dpkg-query -s "$package" >"$folder/var/lib/dpkg/status.d/$name"
	cp -L "/usr/share/doc/$name/copyright" "$folder/usr/share/doc/$name/"
}

copy_library()
{
	mkdir -p "$folder$(dirname "$1")"
	cp -L "$1" "$folder$1"
	note_package "$1"
}

mkdir -p "$folder/usr/bin" "$folder/etc/ssl/certs"
cp "$program" "$folder/usr/bin/"
strip "$folder/usr/bin/$(basename "$program")"
for library in $(libraries "$program"); do
	copy_library "$library"
done

cp -L "$authorities" "$folder$authorities"
note_package /usr/sbin/update-ca-certificates
cp -L /etc/os-release "$folder/etc/"
echo 'root:x:0:0:root:/:/sbin/nologin
sluice:x:65532:65532:sluice:/:/sbin/nologin' >"$folder/etc/passwd"
echo 'root:x:0:
sluice:x:65532:' >"$folder/etc/group"
echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
