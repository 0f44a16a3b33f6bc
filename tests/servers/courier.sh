#!/bin/bash
# A throw-away Courier IMAP on loopback, run from its unpacked Debian packages (unpack.sh). Courier has
# its paths compiled in, so it runs in a small chroot of its own, DIR/root: that wants root, or user
# namespaces (unshare -Ur).
#   courier.sh start DIR     writes DIR/server.env and waits until a login works
#   courier.sh stop DIR      ends the server (the folder stays)
# There are 60 accounts (IMAP_USERS in server.env), all with the same password.
#
# Options by environment:
#   COURIER_QUOTA       such as 10000000S     COURIER_CONNECTIONS  for each address (20)
#   COURIER_CAPABILITY  the whole list    COURIER_POP3  yes: POP3, too; server.env then has POP3_PORT
set -eu
die() { echo "courier.sh: $*" >&2; exit 1; }
here=$(dirname "$(readlink -f "$0")")
[ $# -eq 2 ] || die "usage: courier.sh start|stop DIR"
action=$1 dir=$(readlink -m "$2") root=$(readlink -m "$2")/root
password=hoist-test-secret

stop() {
    local process
    # Sessions outlive the listener: everything whose root is this chroot.
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/root" 2>/dev/null)" = "$root" ] || continue
        kill -KILL "${process#/proc/}" 2>/dev/null || true
    done
}
case $action in
start) ;;
stop) stop; exit 0 ;;
*) die "usage: courier.sh start|stop DIR" ;;
esac

opt=$("$here/unpack.sh" courier)
if [ "$(id -u)" != 0 ]; then
    exec unshare -Ur "$0" start "$dir"
fi
mkdir -p "$root"/{etc/courier/shared,etc/gamin,run/courier/authdaemon,var/lib/courier,tmp,dev,mail,bin,usr}
mkdir -p "$root"/lib/"$(uname -m)"-linux-gnu "$root/lib64"
chmod 755 "$dir" "$root"
chmod 1777 "$root/tmp"
[ -s "$dir/certs/ca.pem" ] || "$here/certificates.sh" "$dir/certs"

# ---- the chroot: the packages' files, and the libraries that they need from outside ----
cp -a "$opt"/usr/{lib,bin,sbin,libexec} "$root/usr/"
cp -a "$opt"/lib/. "$root/lib/" 2>/dev/null || true
cp /usr/bin/env "$root/usr/bin/env"
cp -L /bin/sh "$root/bin/sh"
inside=$root/usr/lib:$root/usr/lib/courier-authlib:$root/usr/lib/$(uname -m)-linux-gnu:$root/lib/$(uname -m)-linux-gnu
for file in "$root"/usr/sbin/couriertcpd "$root"/usr/bin/{couriertls,imapd,env} "$root"/bin/sh \
    "$root"/usr/libexec/gam_server "$root"/usr/lib/courier/courier/{imaplogin,makedatprog,courierpop3login,courierpop3d} \
    "$root"/usr/lib/courier/courier-authlib/authdaemond "$root"/usr/lib/courier-authlib/*.so*; do
    [ ! -e "$file" ] || LD_LIBRARY_PATH=$inside ldd "$file" 2>/dev/null || true
done | awk '/=> \// { print $3 } /^[ \t]*\/lib/ { print $1 }' | sort -u | while read -r library; do
    case $library in
    "$root"/*) ;;
    /lib64/*) cp -L "$library" "$root/lib64/" ;;
    *) cp -L "$library" "$root/lib/$(uname -m)-linux-gnu/" ;;
    esac
done
[ -e "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3 || : >"$root/dev/null"
[ -e "$root/dev/urandom" ] || mknod -m 666 "$root/dev/urandom" c 1 9 || true
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/mail:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
echo 'hosts: files' >"$root/etc/nsswitch.conf"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
cp "$opt/etc/gamin/gaminrc" "$root/etc/gamin/"
ln -sfn /usr/libexec "$root/usr/lib/gamin"
cat "$dir/certs/good.pem" "$dir/certs/good.key" >"$root/etc/courier/imapd.pem"
chown 65534 "$root/etc/courier/imapd.pem" 2>/dev/null || true

environment=(PATH=/usr/sbin:/usr/bin:/bin
    LD_LIBRARY_PATH="/usr/lib:/usr/lib/$(uname -m)-linux-gnu:/lib/$(uname -m)-linux-gnu")
inside() { chroot "$root" /usr/bin/env -i "${environment[@]}" "$@"; }

# ---- accounts ----
hash=$(openssl passwd -6 "$password")
users=$(seq -s ' ' -f 'user%g' 60)
owner=65534
chown $owner:$owner "$root/mail" 2>/dev/null || owner=0
: >"$dir/userdb"
: >"$dir/shadow"
for user in $users; do
    printf '%s\tuid=%s|gid=%s|home=/mail/%s|mail=/mail/%s/Maildir%s\n' "$user" $owner $owner \
        "$user" "$user" "${COURIER_QUOTA:+|quota=$COURIER_QUOTA}" >>"$dir/userdb"
    printf '%s\tsystempw=%s\n' "$user" "$hash" >>"$dir/shadow"
    box=$root/mail/$user/Maildir
    for folder in "$box" "$box"/.{Drafts,Sent,Trash}; do mkdir -p "$folder"/{cur,new,tmp}; done
    touch "$box"/.{Drafts,Sent,Trash}/maildirfolder
    printf 'INBOX.%s\n' Drafts Sent Trash >"$box/courierimapsubscribed"
    [ -z "${COURIER_QUOTA:-}" ] || printf '%s\n' "$COURIER_QUOTA" >"$box/maildirsize"
done
chmod -R go-rwx "$root/mail"
chown -R $owner:$owner "$root/mail" 2>/dev/null || true
echo . | tee -a "$dir/userdb" >>"$dir/shadow" # the end mark that makedatprog wants
inside /usr/lib/courier/courier/makedatprog - /etc/courier/userdb.tmp /etc/courier/userdb.dat <"$dir/userdb"
inside /usr/lib/courier/courier/makedatprog - /etc/courier/shadow.tmp /etc/courier/userdbshadow.dat \
    <"$dir/shadow"
chmod 700 "$root/etc/courier"
chmod 600 "$root"/etc/courier/userdb*.dat
chmod 755 "$root/etc/courier"
cat >"$root/etc/courier/authdaemonrc" <<CONF
authmodulelist="authuserdb"
authmodulelistorig="authuserdb"
daemons=3
authdaemonvar=/run/courier/authdaemon
DEBUG_LOGIN=0
DEFAULTOPTIONS=""
LOGGEROPTS=""
CONF

# ---- the daemons ----
read -r port tls pop < <(python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(x.getsockname()[1] for x in s))')
capability=${COURIER_CAPABILITY:-IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE}
settings=(prefix=/usr IMAP_KEYWORDS=1 IMAP_ACL=1 IMAP_IDLE_TIMEOUT=60 IMAP_MAILBOX_SANITY_CHECK=1
    IMAP_CHECK_ALL_FOLDERS=0 IMAP_OBSOLETE_CLIENT=0 IMAP_USELOCKS=1 IMAP_ENHANCEDIDLE=0
    IMAP_DISABLETHREADSORT=0 IMAP_TRASHFOLDERNAME=Trash IMAP_EMPTYTRASH=Trash:7
    IMAP_MOVE_EXPUNGE_TO_TRASH=0 IMAP_SHAREDINDEXFILE=/etc/courier/shared/index
    "IMAP_CAPABILITY=$capability" "IMAP_CAPABILITY_TLS=$capability AUTH=PLAIN" MAILDIRPATH=Maildir
    COURIERTLS=/usr/bin/couriertls TLS_CERTFILE=/etc/courier/imapd.pem TLS_VERIFYPEER=NONE
    TLS_PRIORITY=NORMAL TLS_CACHEFILE= IMAP_TLS_REQUIRED=0)
daemon() { # NAME COMMAND...
    local name=$1
    shift
    setsid chroot "$root" /usr/bin/env -i "${environment[@]}" "${settings[@]}" "$@" \
        >"$dir/$name.log" 2>&1 </dev/null &
}
daemon authdaemon /usr/lib/courier/courier-authlib/authdaemond
for _ in $(seq 100); do
    [ ! -S "$root/run/courier/authdaemon/socket" ] || break
    sleep 0.05
done
listen=(/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=100 "-maxperip=${COURIER_CONNECTIONS:-20}"
    -nodnslookup -noidentlookup)
daemon imapd IMAP_STARTTLS=NO IMAP_TLS=0 "${listen[@]}" "$port" \
    /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
tls_user=(-user=nobody)
[ $owner = 65534 ] || tls_user=()
daemon imapd-ssl IMAP_STARTTLS=NO IMAP_TLS=1 "${listen[@]}" "$tls" /usr/bin/couriertls -server -tcpd \
    "${tls_user[@]}" /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
[ -z "${COURIER_POP3:-}" ] || daemon pop3d POP3_STARTTLS=NO POP3_TLS=0 "${listen[@]}" "$pop" \
    /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir

try=0
until python3 - "$port" "$password" <<'PY' 2>/dev/null; do
import imaplib, sys
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]), timeout=5)
m.login("user60", sys.argv[2])
m.logout()
PY
    try=$((try + 1))
    [ $try -lt 100 ] || { tail "$dir"/*.log >&2; stop; die "no login works"; }
    sleep 0.1
done
cat >"$dir/server.env" <<ENV
IMAP_HOST=127.0.0.1
IMAP_PORT=$port
IMAPS_PORT=$tls
${COURIER_POP3:+POP3_PORT=$pop}
IMAP_PASSWORD=$password
IMAP_USERS=$users
IMAP_CA=$dir/certs/ca.pem
IMAP_CERTS=$dir/certs
ENV
chmod 644 "$dir/server.env"
