#!/bin/sh
# Makes a certificate authority and the server certificates of the TLS tests in DIR:
#   certificates.sh DIR
# good (127.0.0.1, localhost), expired (127.0.0.2), wrongname (served on 127.0.0.3, made out to
# another host), selfsigned (127.0.0.4); each as NAME.pem with NAME.key. The test servers serve
# each one on the loopback address named here.
set -eu
dir=${1:?usage: certificates.sh DIR}
mkdir -p "$dir/ca"
cd "$dir"
[ -s ca.pem ] && [ -s selfsigned.pem ] && exit 0

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }

key ca
openssl req -x509 -new -key ca.key -days 3650 -subj '/CN=mailhoist test authority' \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign -out ca.pem

: >ca/index.txt
echo 01 >ca/serial

# signed NAME SUBJECT-ALT-NAMES NOT-BEFORE NOT-AFTER
signed() {
    key "$1"
    cat >"ca/$1.cnf" <<CNF
[ca]
default_ca = test
[test]
new_certs_dir = ca
database = ca/index.txt
serial = ca/serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
unique_subject = no
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = $2
extendedKeyUsage = serverAuth
CNF
    openssl req -new -key "$1.key" -subj "/CN=mailhoist test $1" -out "ca/$1.csr"
    openssl ca -batch -notext -config "ca/$1.cnf" -startdate "$3" -enddate "$4" \
        -in "ca/$1.csr" -out "$1.pem" 2>/dev/null
}

signed good 'DNS:localhost,IP:127.0.0.1,IP:::1' 20240101000000Z 20440101000000Z
signed expired 'DNS:localhost,IP:127.0.0.2' 20200101000000Z 20210101000000Z
signed wrongname 'DNS:other.example' 20240101000000Z 20440101000000Z
key selfsigned
openssl req -x509 -new -key selfsigned.key -days 3650 -subj '/CN=mailhoist test selfsigned' \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.4' -out selfsigned.pem
chmod 644 ./*.pem
