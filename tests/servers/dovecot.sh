#!/bin/bash
# A throw-away Dovecot (Debian package dovecot-imapd) on loopback, all of it in one folder.
#   dovecot.sh start DIR     writes DIR/server.env and waits until a login works
#   dovecot.sh stop DIR      ends the server (the folder stays)
# Runs as the calling user; started by root it gives itself to `nobody` first, so that there is
# one configuration and nothing runs as root. Free ports are chosen. Every user name is an account
# of its own, made by its first login; the password is always the one of server.env.
#
# server.env has IMAP_HOST, IMAP_PORT (STARTTLS), IMAPS_PORT, IMAP_PASSWORD, IMAP_CA, IMAP_CERTS.
# TLS with other certificates: 127.0.0.2 expired, 127.0.0.3 wrong name, 127.0.0.4 self-signed.
#
# Options by environment:
#   DOVECOT_FORMAT     maildir (default), mdbox, sdbox
#   DOVECOT_SEPARATOR  / (default)         DOVECOT_PREFIX   "" (default), such as INBOX.
#   DOVECOT_QUOTA      such as 10M         DOVECOT_MAX_MAIL such as 5M, one message
#   DOVECOT_CAPABILITY imap_capability: "+X -Y", or the whole list
#   DOVECOT_POP3       yes: POP3, too (dovecot-pop3d); server.env then has POP3_PORT, POP3S_PORT
#   DOVECOT_OAUTH      a key in base64: XOAUTH2 and OAUTHBEARER, with JSON Web Tokens that it has
#                      signed (HS256); DOVECOT_MECHANISMS instead of all mechanisms
#   DOVECOT_EXTRA      further configuration lines
#   DOVECOT_PASSWORD   everybody's password
#   DOVECOT_MAILDIR    where the mail lies (default DIR/mail)
set -eu
die() { echo "dovecot.sh: $*" >&2; exit 1; }
usage() { die "usage: dovecot.sh start|stop DIR"; }
[ $# -eq 2 ] || usage
action=$1
password=${DOVECOT_PASSWORD:-hoist-test-secret}

command -v dovecot >/dev/null || PATH=$PATH:/usr/sbin
command -v dovecot >/dev/null || die "no dovecot here (scripts/install-deps)"

stop() {
    local pid
    [ -s "$dir/run/master.pid" ] || return 0
    pid=$(cat "$dir/run/master.pid")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 400); do # its sessions may have much to write
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

four_free_ports() {
    python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(x.getsockname()[1] for x in s))'
}

pop3() { # PORT TLS-PORT
    [ -n "${DOVECOT_POP3:-}" ] || return 0
    cat <<CONF
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = $1
  }
  inet_listener pop3s {
    port = $2
    ssl = yes
  }
}
CONF
}

# Tokens are looked at by Dovecot itself. (Without mechanisms= a refused token would be tried as a
# password.)
oauth() {
    [ -n "${DOVECOT_OAUTH:-}" ] || return 0
    mkdir -p "$dir/oauth-keys/default/HS256"
    printf %s "$DOVECOT_OAUTH" >"$dir/oauth-keys/default/HS256/default"
    cat >"$dir/oauth2.conf" <<CONF
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$dir/oauth-keys/
username_attribute = email
openid_configuration_url = https://login.example/.well-known/openid-configuration
scope = mail
CONF
    cat <<CONF
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $dir/oauth2.conf
}
CONF
}

configure() { # PORT TLS-PORT POP3-PORT POP3S-PORT
    local user group quota='' plugins='' sep=${DOVECOT_SEPARATOR:-/}
    user=$(id -un) group=$(id -gn)
    [ -n "${DOVECOT_QUOTA:-}${DOVECOT_MAX_MAIL:-}" ] && plugins="quota imap_quota"
    [ -n "${DOVECOT_QUOTA:-}" ] && quota="quota_rule = *:storage=$DOVECOT_QUOTA"
    cat <<CONF
base_dir = $dir/run
state_dir = $dir/state
instance_name = mailhoist-test-$1
protocols = imap${DOVECOT_POP3:+ pop3}
listen = 127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4
log_path = $dir/dovecot.log
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
first_valid_uid = 1
first_valid_gid = 1
mail_uid = $(id -u)
mail_gid = $(id -g)
mail_location = ${DOVECOT_FORMAT:-maildir}:~/mail
mail_plugins = $plugins
disable_plaintext_auth = no
auth_mechanisms = ${DOVECOT_MECHANISMS:-plain login scram-sha-1 scram-sha-256${DOVECOT_OAUTH:+ xoauth2 oauthbearer}}
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <$dir/certs/good.pem
ssl_key = <$dir/certs/good.key
ssl_dh =
${DOVECOT_CAPABILITY:+imap_capability = $DOVECOT_CAPABILITY}
passdb {
  driver = static
  mechanisms = plain login scram-sha-1 scram-sha-256
  args = password=$password
}
userdb {
  driver = static
  args = uid=$(id -u) gid=$(id -g) home=${DOVECOT_MAILDIR:-$dir/mail}/%u
}
namespace inbox {
  inbox = yes
  separator = $sep
  prefix = ${DOVECOT_PREFIX:-}
  mailbox Drafts {
    special_use = \\Drafts
    auto = subscribe
  }
  mailbox Sent {
    special_use = \\Sent
    auto = subscribe
  }
  mailbox Trash {
    special_use = \\Trash
    auto = subscribe
  }
  mailbox Junk {
    special_use = \\Junk
  }
  mailbox Archive {
    special_use = \\Archive
  }
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  $quota
  quota_max_mail_size = ${DOVECOT_MAX_MAIL:-0}
}
protocol imap {
  mail_max_userip_connections = 50
}
service imap-login {
  chroot =
  inet_listener imap {
    port = $1
  }
  inet_listener imaps {
    port = $2
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
CONF
    local address=2 name
    for name in expired wrongname selfsigned; do
        cat <<CONF
local 127.0.0.$address {
  ssl_cert = <$dir/certs/$name.pem
  ssl_key = <$dir/certs/$name.key
}
CONF
        address=$((address + 1))
    done
    pop3 "$3" "$4"
    oauth
    echo "${DOVECOT_EXTRA:-}"
}

login_works() { # PORT
    python3 - "$1" "$password" <<'PY' 2>/dev/null
import imaplib, sys
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]), timeout=5)
m.login("probe", sys.argv[2])
m.logout()
PY
}

start() {
    local port tls pop pops try
    mkdir -p "$dir/run" "$dir/state" "${DOVECOT_MAILDIR:-$dir/mail}"
    for try in 1 2 3; do # a chosen port may be taken before we have it
        read -r port tls pop pops < <(four_free_ports)
        configure "$port" "$tls" "$pop" "$pops" >"$dir/dovecot.conf"
        dovecot -c "$dir/dovecot.conf" >"$dir/start.log" 2>&1 </dev/null && break
        [ "$try" -lt 3 ] || { cat "$dir/start.log" >&2; die "dovecot does not start"; }
    done
    try=0
    until login_works "$port"; do
        try=$((try + 1))
        [ $try -lt 50 ] || { tail -20 "$dir/dovecot.log" >&2; stop; die "no login works"; }
        sleep 0.1
    done
    cat >"$dir/server.env" <<ENV
IMAP_HOST=127.0.0.1
IMAP_PORT=$port
IMAPS_PORT=$tls
POP3_PORT=$pop
POP3S_PORT=$pops
IMAP_PASSWORD=$password
IMAP_CA=$dir/certs/ca.pem
IMAP_CERTS=$dir/certs
ENV
    chmod 644 "$dir/server.env"
}

dir=$(readlink -m "$2")
case $action in
start)
    mkdir -p "$dir" "${DOVECOT_MAILDIR:-$dir/mail}"
    if [ "$(id -u)" = 0 ]; then
        "$(dirname "$0")/certificates.sh" "$dir/certs"
        chown -R nobody "$dir" "${DOVECOT_MAILDIR:-$dir/mail}"
        chmod 755 "$dir"
        nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
        "${nobody[@]}" test -w "$dir" ||
            die "'nobody' cannot enter $dir: a folder above it is closed (chmod a+x)"
        # The script travels as text: nobody may not be able to read it where it lies.
        exec "${nobody[@]}" env HOME="$dir" bash -c "$(cat "$0")" "$0" start "$dir"
    fi
    [ -s "$dir/certs/ca.pem" ] || "$(dirname "$0")/certificates.sh" "$dir/certs"
    start
    ;;
stop) stop ;;
*) usage ;;
esac
