#!/bin/bash
# Unpacks mail servers that are not to be installed (their packages conflict with each other and with
# Dovecot's) below build/servers: unpack.sh cyrus|courier. Prints the folder. Packages are fetched
# with apt-get, once.
set -eu
cd "$(dirname "$0")/../.."
die() { echo "unpack.sh: $*" >&2; exit 1; }
case ${1:-} in
cyrus) packages='cyrus-imapd cyrus-pop3d cyrus-common sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db
    libclamav12 libical3 libicu72 libjansson4 libldap-2.5-0 libpcre3 libpq5 libxapian30 libxml2
    libzephyr4 libwrap0' ;;
courier) packages='courier-imap courier-pop courier-base courier-authlib courier-authdaemon
    courier-authlib-userdb libcourier-unicode4 libgamin0 gamin libgdbm6 libidn12 libltdl7 libpcre3' ;;
*) die "usage: unpack.sh cyrus|courier" ;;
esac
target=$PWD/build/servers/$1
complete() { [ "$(cat "$target/complete" 2>/dev/null)" = "$packages" ]; }
if ! complete; then
    mkdir -p build/servers
    exec 9>build/servers/lock
    flock 9
fi
if ! complete; then
    command -v apt-get >/dev/null || die "no apt-get here"
    rm -rf "$target" "$target.debs"
    mkdir -p "$target" "$target.debs"
    chmod 755 "$target.debs"
    # shellcheck disable=SC2086
    (cd "$target.debs" && apt-get -q -o DPkg::Lock::Timeout=300 download $packages >/dev/null) ||
        die "cannot fetch the packages of $1"
    for file in "$target.debs"/*.deb; do dpkg -x "$file" "$target"; done
    rm -rf "$target.debs"
    echo "$packages" >"$target/complete"
fi
echo "$target"
