#!/usr/bin/env python3
"""Puts part of a Thunderbird store's mail into an account's INBOX, as if POP had left it there:

  seed_inbox.py HOST PORT USER PASSWORD FOLDER

Every other message of the mbox files found below FOLDER, those named Inbox first, at most 12; none that
is deleted but not compacted (such mail is not on the server either). A server's copy differs from
the local one as it does in life: it has one Received field more and none of Thunderbird's own fields.
"""
import pathlib
import re
import sys

import mailboxes

AT_MOST = 12
EXPUNGED = 0x0008


def stored_messages(folder):
    """A plain splitter, good for mail that has no From_ lines in its bodies."""
    for path in sorted(pathlib.Path(folder).rglob("*"), key=lambda p: (p.name != "Inbox" or "old" in p.parent.name, p)):
        if not path.is_file() or {"ImapMail", "Feeds"} & set(path.parts):
            continue
        data = path.read_bytes().replace(b"\r\n", b"\n")
        if data.startswith(b"From "):
            for part in re.split(rb"(?:^|\n)From [^\n]*\n", data)[1:]:
                status = re.search(rb"(?m)^X-Mozilla-Status: ([0-9a-f]{4})", part)
                if not (status and int(status[1], 16) & EXPUNGED):
                    yield part.rstrip(b"\n") + b"\n"


def as_served(data):
    head, _, body = data.partition(b"\n\n")
    fields = re.sub(rb"(?mi)^(X-Mozilla-|X-Account-Key|X-UIDL)[^\n]*\n?", b"", head).strip(b"\n")
    received = b"Received: by mail.example with LMTP; Mon, 1 Mar 2004 10:00:00 +0000\n"
    return (received + fields + b"\n\n" + body).replace(b"\n", b"\r\n")


def main():
    host, port, user, password, folder = sys.argv[1:]
    client = mailboxes.connect(host, int(port), user, password, tls=True)
    chosen = list(stored_messages(folder))[::2][:AT_MOST]
    for data in chosen:
        client.append("INBOX", "", None, as_served(data))
    client.logout()
    print(f"{len(chosen)} messages")


main()
