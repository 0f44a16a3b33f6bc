#!/bin/bash
# make demo: a whole migration to look at, and nothing of it left behind.
# Installs what is missing, builds, starts a throw-away Dovecot in a temporary folder on loopback as
# an ordinary user (root gives it to nobody), puts part of a Thunderbird profile's mail into the
# server's INBOX, as POP left it there, and then: dry run, run, balance, and a second run.
set -eu
cd "$(dirname "$0")/.."
top=$PWD

server='' work=''
clean_up() {
    trap - EXIT INT TERM HUP
    [ -z "$server" ] || tests/servers/dovecot.sh stop "$server" || true
    [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
show() { # print a command as the user would type it, then run it
    local word line='$ mailhoist'
    shift
    for word; do line+=" ${word/#$work\//}"; done
    printf '%s\n' "$line"
    (cd "$work" && "$top/build/release/mailhoist" "$@")
}

# Ctrl-C goes to the whole foreground group: this script cleans up after the program has ended.
say '1. What building and the demo need'
scripts/install-deps demo && echo 'all there'
say '2. Building'
make --no-print-directory -j"$(nproc)" build/release/mailhoist
echo 'build/release/mailhoist'

say '3. A throw-away IMAP server in a temporary folder'
work=$(mktemp -d "${TMPDIR:-/tmp}/mailhoist-demo.XXXXXX")
chmod 711 "$work"
cp -r fixtures/thunderbird "$work/thunderbird"
cp -r fixtures/maildir "$work/maildir"
server=$work/server
tests/servers/dovecot.sh start "$server"
# shellcheck source=/dev/null
. "$server/server.env"
echo "Dovecot on $IMAP_HOST, port $IMAPS_PORT, in $server"
echo 'Part of the mail is in its INBOX already, as a POP client leaves it there:'
python3 tests/tools/seed_inbox.py "$IMAP_HOST" "$IMAPS_PORT" demo "$IMAP_PASSWORD" "$work/thunderbird"

export MAILHOIST_PASSWORD=$IMAP_PASSWORD
sources=(thunderbird maildir)
account=(--to "imaps://demo@$IMAP_HOST:$IMAPS_PORT" --tls-ca server/certs/ca.pem --state state)

say '4. The dry run: what would happen (this session cannot write to the server)'
show mailhoist plan "${sources[@]}" "${account[@]}"
say '5. The run, with its balance'
show mailhoist run "${sources[@]}" "${account[@]}"
say '6. Once more: there is nothing left to do'
show mailhoist run "${sources[@]}" "${account[@]}"
say '7. What the server has now (read back by another program)'
python3 tests/tools/mailboxes.py dump "$IMAP_HOST" "$IMAPS_PORT" demo "$IMAP_PASSWORD" --tls |
    python3 -c 'import collections, json, sys
count = collections.Counter(json.loads(line)["folder"] for line in sys.stdin)
for folder, n in sorted(count.items()): print(f"{n:5} {folder}")'
say 'Done; the server and all files of the demo are removed.'
