#!/bin/sh
# Checks the include directions of src/: which folder may include which. This map
# is the architecture; change it in the commit that needs it changed, and say why.
# (The journal stands below match and plan because both work on its tables: a
# mailbox of any size is matched by SQL, not in memory.)
set -eu
cd "$(dirname "$0")/.."
allowed() {
    case $1 in
    base) echo "base" ;;
    message) echo "base message" ;;
    worker) echo "base worker" ;;
    net) echo "base net" ;;
    mapi) echo "base mapi" ;;
    pst) echo "base message mapi pst" ;;
    mime) echo "base message mapi mime" ;;
    # who gives out tokens is no mail server: HTTPS over net, nothing of imap
    oauth) echo "base net oauth" ;;
    source) echo "base message worker mapi pst mime source" ;;
    # POP3 logs in as IMAP does: imap has SASL, the options of a connection, and echo.h
    pop3) echo "base message net imap pop3" ;;
    imap) echo "base message net imap" ;;
    journal) echo "base message journal" ;;
    match) echo "base message journal match" ;;
    plan) echo "base message journal match plan" ;;
    transfer) echo "base message source journal match plan imap pop3 transfer" ;;
    report) echo "base message journal match plan report" ;;
    cli) echo "base message source journal match plan imap transfer report cli worker oauth" ;;
    *) echo "" ;;
    esac
}
status=0
for file in $(find src -name '*.[ch]' | sort); do
    layer=$(echo "$file" | cut -d/ -f2)
    may=$(allowed "$layer")
    for target in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
        case " $may " in
        *" $target "*) ;;
        *) echo "$file: $layer/ may not include $target/" >&2; status=1 ;;
        esac
    done
done
# Libraries stay behind the files that speak their language.
only() { # HEADER-PATTERN FILE-PATTERN
    for file in $(grep -lE "^#include <($1)" -r src --include='*.[ch]' || true); do
        echo "$file" | grep -qE "^src/($2)" || { echo "$file: $1 belongs into $2" >&2; status=1; }
    done
}
only 'libetpan/' 'imap/etpan\.c'
only 'libpst/' 'pst/ndb\.c'
only 'sqlite3\.h' 'base/db\.[ch]|journal/|match/|plan/|report/'
only 'openssl/ssl\.h' 'net/'
exit $status
