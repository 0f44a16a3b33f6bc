#!/bin/bash
# A throw-away Cyrus IMAP on loopback, run from its unpacked Debian packages (unpack.sh).
#   cyrus.sh start DIR       writes DIR/server.env and waits until a login works
#   cyrus.sh stop DIR        ends the server (the folder stays)
# Runs as the calling user; started by root it gives itself to `nobody` first. There are 60 accounts
# (IMAP_USERS in server.env), all with the same password.
#
# Options by environment:
#   CYRUS_LAYOUT   classic (default: INBOX.folder), alternative (folders beside INBOX, separator /)
#   CYRUS_QUOTA    KiB                   CYRUS_MAX_MAIL   octets of one message
#   CYRUS_POP3     yes: POP3, too; server.env then has POP3_PORT
#   CYRUS_EXTRA    further lines for imapd.conf
set -eu
die() { echo "cyrus.sh: $*" >&2; exit 1; }
here=$(dirname "$(readlink -f "$0")")
[ $# -eq 2 ] || die "usage: cyrus.sh start|stop DIR"
action=$1 dir=$(readlink -m "$2")
password=hoist-test-secret
users=$(seq -s ' ' -f 'user%g' 60)

stop() {
    local pid
    [ -s "$dir/run/master.pid" ] || return 0
    pid=$(cat "$dir/run/master.pid")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    # its children, which may outlive it
    pkill -KILL -s "$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
}
[ "$action" = stop ] && { stop; exit 0; }
[ "$action" = start ] || die "usage: cyrus.sh start|stop DIR"

opt=${CYRUS_UNPACKED:-$("$here/unpack.sh" cyrus)}
mkdir -p "$dir"
[ -s "$dir/certs/ca.pem" ] || "$here/certificates.sh" "$dir/certs"
if [ "$(id -u)" = 0 ]; then
    nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
    if ! "${nobody[@]}" test -x "$opt/usr/lib/cyrus/bin/imapd"; then
        cp -a "$opt" "$dir/unpacked" # where nobody can read it
        opt=$dir/unpacked
    fi
    chown -R nobody "$dir"
    chmod 755 "$dir"
    # The script travels as text: nobody may not be able to read it where it lies.
    exec "${nobody[@]}" env HOME="$dir" CYRUS_UNPACKED="$opt" \
        bash -c "$(cat "$0")" "$0" start "$dir"
fi
libraries=$opt/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH=$libraries SASL_PATH=$libraries/sasl2
bin=$opt/usr/lib/cyrus/bin
read -r port tls pop < <(python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(x.getsockname()[1] for x in s))')
mkdir -p "$dir"/run/proc "$dir"/run/lock "$dir"/conf "$dir"/spool
alternative=no
[ "${CYRUS_LAYOUT:-classic}" = alternative ] && alternative=yes

cat >"$dir/imapd.conf" <<CONF
cyrus_user: $(id -un)
cyrus_group: $(id -gn)
configdirectory: $dir/conf
proc_path: $dir/run/proc
mboxname_lockpath: $dir/run/lock
defaultpartition: default
partition-default: $dir/spool
idlesocket: $dir/run/idle
lmtpsocket: $dir/run/lmtp
notifysocket: $dir/run/notify
servername: localhost
admins: cyrus
altnamespace: $alternative
unixhierarchysep: $alternative
virtdomains: off
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $dir/conf/sasldb2
sasl_mech_list: PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256
tls_server_cert: $dir/certs/good.pem
tls_server_key: $dir/certs/good.key
tls_session_timeout: 0
autocreate_users: anyone
autocreate_post: no
autocreate_quota: ${CYRUS_QUOTA:-0}
autocreate_inbox_folders: Drafts|Sent|Trash|Junk|Archive
autocreate_subscribe_folders: Drafts|Sent|Trash|Junk|Archive
xlist-drafts: Drafts
xlist-sent: Sent
xlist-trash: Trash
xlist-junk: Junk
xlist-archive: Archive
maxmessagesize: ${CYRUS_MAX_MAIL:-0}
syslog_prefix: mailhoist-test
${CYRUS_EXTRA:-}
CONF
pop3=''
[ -z "${CYRUS_POP3:-}" ] ||
    pop3="  pop3  cmd=\"$bin/pop3d -C $dir/imapd.conf -U 30\" listen=\"127.0.0.1:$pop\" prefork=0 maxchild=50"
cat >"$dir/cyrus.conf" <<CONF
START {
  recover cmd="$bin/ctl_cyrusdb -C $dir/imapd.conf -r"
}
SERVICES {
  imap  cmd="$bin/imapd -C $dir/imapd.conf -U 30" listen="127.0.0.1:$port" prefork=1 maxchild=50
  imaps cmd="$bin/imapd -C $dir/imapd.conf -s -U 30" listen="127.0.0.1:$tls" prefork=0 maxchild=50
$pop3
}
EVENTS {
  checkpoint cmd="$bin/ctl_cyrusdb -C $dir/imapd.conf -c" period=30
}
CONF
for user in cyrus $users; do
    printf %s "$password" |
        "$opt/usr/sbin/saslpasswd2" -c -p -f "$dir/conf/sasldb2" -u localhost "$user" ||
        die "cannot make the user $user"
done
setsid "$bin/master" -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/run/master.pid" \
    >"$dir/start.log" 2>&1 </dev/null &
try=0
until python3 - "$port" "$password" <<'PY' 2>/dev/null; do
import imaplib, sys
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]), timeout=5)
m.login("user60", sys.argv[2])
m.logout()
PY
    try=$((try + 1))
    [ $try -lt 100 ] || { cat "$dir/start.log" >&2; stop; die "no login works"; }
    sleep 0.1
done
cat >"$dir/server.env" <<ENV
IMAP_HOST=127.0.0.1
IMAP_PORT=$port
IMAPS_PORT=$tls
${CYRUS_POP3:+POP3_PORT=$pop}
IMAP_PASSWORD=$password
IMAP_USERS=$users
IMAP_CA=$dir/certs/ca.pem
IMAP_CERTS=$dir/certs
ENV
chmod 644 "$dir/server.env"
