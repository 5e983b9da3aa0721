#!/bin/sh
# fetch-source.sh PACKAGE FOLDER
#
# Unpacks the upstream source of a Debian package into FOLDER/PACKAGE, without Debian's changes to
# its build. Needs no root and changes nothing of the system: where the machine's package lists
# have no sources, these are read into FOLDER by a list of our own.
set -eu

package=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
[ ! -d "$folder/$package" ] || exit 0

# Tests that run beside each other share the folder.
exec 9> "$folder/lock"
flock 9
[ ! -d "$folder/$package" ] || exit 0

apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
# The sources of what this machine installs its packages from.
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
    sed 's|^|deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] |' > "$apt/sources.list"

with_sources() {
    command=$1
    shift
    "$command" -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

cd "$folder"
with_sources apt-get update
# A mirror may have dropped the newest version that its lists name.
for version in $(with_sources apt-cache showsrc --only-source "$package" | sed -n 's/^Version: //p'); do
    ! with_sources apt-get source --download-only "$package=$version" || break
done
# A half unpacked folder has another name.
rm -rf "$folder/$package.new"
dpkg-source --skip-patches --no-check -x "$package"_*.dsc "$package.new"
mv "$package.new" "$package"
