#!/usr/bin/env python3
"""The second client: reads a whole account back by Python's imaplib and compares it with what must
be there. It shares no code with the program under test.

  mailboxes.py dump HOST PORT USER PASSWORD > account.jsonl        (TLS when PORT is not plain: --tls)
  mailboxes.py compare EXPECTED.jsonl ACCOUNT.jsonl

A line of either file: {"folder", "sha256", "size", "flags", "internaldate"}; a dump has "uid" and
"message_id", too. An expected message that stands in its folder several times is wanted there once.
"""
import argparse
import base64
import calendar
import collections
import hashlib
import imaplib
import json
import re
import socket
import ssl
import sys
import time

imaplib._MAXLINE = 10_000_000
FETCH_BYTES = 16 << 20  # asked for in one FETCH


def connect(host, port, user, password, tls=False):
    """A logged-in connection; certificates are the business of other tests."""
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=60)
    else:
        client = imaplib.IMAP4(host, port, timeout=60)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.login(user, password)
    return client


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def decode_mutf7(text):
    """Modified UTF-7 (RFC 3501 5.1.3)."""
    def shifted(match):
        part = match[1]
        if not part:
            return "&"
        data = part.replace(",", "/")
        return base64.b64decode(data + "=" * (-len(data) % 4)).decode("utf-16-be")
    return re.sub("&([^-]*)-", shifted, text)


def encode_mutf7(text):
    def shifted(match):
        data = base64.b64encode(match[0].encode("utf-16-be")).decode().rstrip("=")
        return "&" + data.replace("/", ",") + "-"
    return re.sub("[^\x20-\x7e]+", shifted, text.replace("&", "&-"))


def list_folders(client):
    """Selectable folders: [(wire name, UTF-8 name)]."""
    folders = []
    for line in client.list()[1]:
        if line is None:
            continue
        literal = None
        if isinstance(line, tuple):
            line, literal = line
        attributes, _, name = re.match(rb'\(([^)]*)\) (NIL|".*?") (.*)$', line, re.S).groups()
        if literal is not None:
            name = literal
        elif name.startswith(b'"'):
            name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
        if b"noselect" not in attributes.lower() and b"nonexistent" not in attributes.lower():
            folders.append((name.decode(), decode_mutf7(name.decode())))
    return sorted(folders)


def count_messages(client):
    """Messages in all folders."""
    return sum(int(client.status(quoted(wire), "(MESSAGES)")[1][0].split()[-1][:-1])
               for wire, _ in list_folders(client))


def parse_date(text):
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    day, month, year, h, m, s, sign, zh, zm = re.match(
        r" ?(\d+)-(\w+)-(\d+) (\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d)", text).groups()
    offset = (int(zh) * 3600 + int(zm) * 60) * (1 if sign == "+" else -1)
    return calendar.timegm((int(year), months.index(month) + 1, int(day), int(h), int(m),
                            int(s))) - offset


def fetch(client, folder, uids):
    """Yield (uid, flags, internaldate, size, bytes) of the selected folder."""
    status, parts = client.uid("FETCH", ",".join(map(str, uids)),
                               "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    if status != "OK":
        raise RuntimeError(f"FETCH in {folder}: {parts}")
    for index, part in enumerate(parts):
        if not isinstance(part, tuple):
            continue
        # Items may stand in front of the literal and behind it.
        behind = parts[index + 1] if index + 1 < len(parts) else b""
        text = (part[0] + (behind if isinstance(behind, bytes) else b"")).decode("latin-1")
        yield (int(re.search(r"UID (\d+)", text)[1]),
               sorted(f for f in re.search(r"FLAGS \(([^)]*)\)", text)[1].split()
                      if f.lower() != "\\recent"),
               parse_date(re.search(r'INTERNALDATE "([^"]*)"', text)[1]),
               int(re.search(r"RFC822\.SIZE (\d+)", text)[1]), part[1])


def batches(client):
    """UIDs of the selected folder in groups of bounded size."""
    status, data = client.uid("FETCH", "1:*", "(UID RFC822.SIZE)")
    group, total = [], 0
    for line in data if status == "OK" else []:
        if line is None:
            continue
        uid = int(re.search(rb"UID (\d+)", line)[1])
        size = int(re.search(rb"SIZE (\d+)", line)[1])
        if group and (total + size > FETCH_BYTES or len(group) >= 500):
            yield group
            group, total = [], 0
        group.append(uid)
        total += size
    if group:
        yield group


def dump(client, content=False):
    """Every message of the account, one dict each; with `content` its bytes under "data"."""
    for wire, name in list_folders(client):
        status, answer = client.select(quoted(wire), readonly=True)
        if status != "OK":
            raise RuntimeError(f"EXAMINE {wire}: {answer}")
        if int(answer[0]) == 0:
            continue
        for uids in batches(client):
            for uid, flags, date, size, data in fetch(client, name, uids):
                head = data.split(b"\r\n\r\n", 1)[0]
                message_id = re.search(rb"^Message-ID:[ \t]*(.*?)[ \t]*\r?$", head, re.I | re.M)
                row = {"folder": name, "uid": uid, "flags": flags, "internaldate": date,
                       "size": size, "sha256": hashlib.sha256(data).hexdigest(),
                       "message_id": message_id and message_id[1].decode("latin-1")}
                if size != len(data):
                    row["size_differs"] = len(data)
                if content:
                    row["data"] = data
                yield row


def compare(expected, found, limit=20):
    """What is wrong with the account, one line each; an empty list when nothing is."""
    want = {(row["folder"], row["sha256"]): row for row in expected}
    have = collections.defaultdict(list)
    for row in found:
        have[row["folder"], row["sha256"]].append(row)
    faults = []
    for key, row in want.items():
        copies = have.pop(key, [])
        if len(copies) != 1:
            word = "lost" if not copies else f"there {len(copies)} times"
            faults.append(f"{key[0]}: {key[1][:12]} ({row['size']} octets) is {word}")
            continue
        got = copies[0]
        if got["internaldate"] != row["internaldate"]:
            faults.append(f"{key[0]}: {key[1][:12]} is dated {stamp(got['internaldate'])}, "
                          f"not {stamp(row['internaldate'])}")
        if sorted(got["flags"]) != sorted(row["flags"]):
            faults.append(f"{key[0]}: {key[1][:12]} has flags {got['flags']}, not {row['flags']}")
    for (folder, digest), copies in have.items():
        faults.append(f"{folder}: {digest[:12]} was not expected ({len(copies)} times, "
                      f"{copies[0]['size']} octets, {copies[0].get('message_id')})")
    if len(faults) > limit:
        faults[limit:] = [f"... and {len(faults) - limit} more"]
    return faults


def stamp(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("dump")
    one.add_argument("host")
    one.add_argument("port", type=int)
    one.add_argument("user")
    one.add_argument("password")
    one.add_argument("--tls", action="store_true")
    two = commands.add_parser("compare")
    two.add_argument("expected")
    two.add_argument("found")
    o = parser.parse_args()
    if o.command == "dump":
        client = connect(o.host, o.port, o.user, o.password, o.tls)
        for row in dump(client):
            print(json.dumps(row))
        client.logout()
    else:
        faults = compare(read_rows(o.expected), read_rows(o.found))
        print("\n".join(faults) or "equal")
        sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
