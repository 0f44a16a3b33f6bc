#!/usr/bin/env python3
"""Makes a large Outlook store: gen_pst.py --messages N --size BYTES OUT.pst

  --messages N     100000            --format unicode|ansi|ost4k     unicode
  --size BYTES     650M (K, M, G)    --seed S                        1
  --folders N      20                --manifest FILE                 what is in it

Mail as people keep it: most of it received, with transport headers, text and HTML; a tenth sent from
here, without; recipients, some of them of an Exchange server; one message in eight has attachments,
whose sizes bring the store to the size wanted. The same arguments give the same bytes. The manifest
has one JSON object a message: nid, folder, message_id, subject, recipients, and the names, sizes and
SHA-1 of the attachments.
"""
import argparse
import hashlib
import json
import math
import random
import sys
import time

sys.dont_write_bytecode = True
import pst_ndb  # noqa: E402
import pst_rtf  # noqa: E402
from pst_messages import *  # noqa: E402,F403

WORDS = ("alpha bridge cloud delta engine field garden harbour island journey kettle lantern mountain "
         "north orange paper quiet river station travel under valley winter yellow Grüße Straße").split()
FOLDERS = ["Inbox", "Sent Items", "Projects", "Invoices", "Family", "Lists", "Travel", "Archive 2009"]
NAMES = [f"{first} {last}" for first in ("Anna", "Ben", "Clara", "David", "Eva", "Felix", "Greta", "Hans")
         for last in ("Bauer", "Conti", "Dubois", "Evans", "Fischer", "García", "Hansen", "Ito")]
TYPES = [("pdf", "application/pdf"), ("docx", "application/vnd.ms-word"), ("jpg", "image/jpeg"),
         ("zip", "application/zip")]
ME = ("Me Myself", "me@home.example")
EPOCH_2004, SPAN = 1072915200, 500_000_000
LARGEST, LONGEST_TEXT = 12 << 20, 200_000
AT_THE_END = 400  # octets that a message takes in tables and indexes, which are written last


class Pool:
    """Text and octets to cut pieces from: making them anew for each message would take most of the time."""

    def __init__(self, rnd):
        lines = (" ".join(rnd.choices(WORDS, k=rnd.randint(3, 11))) for _ in range(20000))
        self.text = "\r\n".join(lines)
        self.octets = rnd.randbytes(1 << 20)

    def cut_text(self, rnd, size):
        at = rnd.randrange(len(self.text) - LONGEST_TEXT)
        return self.text[at:at + size]

    def cut_octets(self, rnd, size):
        at = rnd.randrange(len(self.octets))
        short = at + size - len(self.octets)
        if short <= 0:
            return self.octets[at:at + size]
        return (self.octets[at:] + self.octets * (short // len(self.octets) + 1))[:size]


def address(name):
    return name.lower().replace(" ", ".").encode("ascii", "replace").decode().replace("?", "x") + "@mail.example"


def person(rnd, role):
    name = rnd.choice(NAMES)
    if rnd.random() < 0.1:
        cn = f"/o=Example/ou=AG/cn=Recipients/cn={address(name)[:-13]}"
        return recipient(role, name, cn, "EX", address(name))
    return recipient(role, name, address(name))


def transport_headers(mid, subject, sender, when):
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when))
    return (f"Received: from out.mail.example (out.mail.example [192.0.2.1])\r\n"
            f"\tby mx.home.example with ESMTP id {when:x}; {stamp}\r\n"
            f"From: {sender} <{address(sender)}>\r\nTo: {ME[0]} <{ME[1]}>\r\nSubject: {subject}\r\n"
            f"Date: {stamp}\r\nMessage-ID: {mid}\r\nX-Mailer: Example 1.0\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="=_{when:x}"\r\n\r\n')


def compose(rnd, pool, index, seed, sent):
    mid = f"<{seed:x}.{index:x}@mail.example>"
    when = EPOCH_2004 + rnd.randrange(SPAN)
    sender = rnd.choice(NAMES)
    subject = rnd.choice(("", "", "Re: ", "Fwd: ")) + " ".join(rnd.choices(WORDS, k=4)) + f" {index}"
    size = min(LONGEST_TEXT, int(700 * math.exp(rnd.gauss(0, 1))))
    body = pool.cut_text(rnd, size)
    properties = {INTERNET_CODE_PAGE: 65001, MESSAGE_CODE_PAGE: 1252, SEARCH_KEY:
                  hashlib.md5(mid.encode()).digest()}
    kind = rnd.random()
    if kind < 0.5:
        paragraphs = body.replace("\r\n", "</p>\r\n<p>")
        properties[HTML] = f"<html><body><p>{paragraphs}</p></body></html>".encode()
    if kind > 0.95:
        properties[RTF] = pst_rtf.compressed(pst_rtf.from_text(body.replace("\r\n", "\n")))
        properties[BODY] = None
    people = [person(rnd, TO)] + [person(rnd, rnd.choice((TO, CC)))
                                  for _ in range(rnd.choice((0, 0, 0, 1, 1, 2, 5)))]
    if sent:
        return Message(subject, body, ME, people, when=when, message_id=mid, properties=properties,
                       flags=READ | FROM_ME | SUBMITTED)
    return Message(subject, body, (sender, address(sender)), people, when=when, message_id=mid,
                   properties=properties, flags=READ if rnd.random() < 0.8 else 0,
                   headers=transport_headers(mid, "mail", sender, when))


def attach(rnd, pool, index, message, size):
    count = rnd.choice((1, 1, 1, 2, 3))
    for number in range(count):
        extension, mime = rnd.choice(TYPES)
        message.attachments.append(Attachment(f"file {index}-{number}.{extension}",
                                              pool.cut_octets(rnd, max(100, size // count)), mime))
    message.properties[FLAGS] |= HAS_ATTACHMENT


def manifest_line(nid, folder, message):
    return json.dumps({
        "nid": nid, "folder": folder.name, "message_id": message.properties[MESSAGE_ID],
        "subject": message.properties[SUBJECT][2:],
        "recipients": [[row[RECIPIENT_TYPE], row[DISPLAY_NAME], row.get(SMTP_ADDRESS, row[ADDRESS])]
                       for row in message.recipients],
        "attachments": [[one.properties[ATTACH_LONG_NAME], len(one.data),
                         hashlib.sha1(one.data).hexdigest()] for one in message.attachments]}) + "\n"


def generate(path, messages, size, seed=1, folders=20, format="unicode", manifest=None):
    """Write the store; its folders are filled one after the other."""
    crypt = pst_ndb.NONE if format == "ost4k" else pst_ndb.PERMUTE
    store = Store(path, pst_ndb.FORMATS[format], crypt, name=f"Bulk {seed}")
    rnd = random.Random(seed)
    pool = Pool(rnd)
    index = 0
    lines = open(manifest, "w") if manifest else None
    for number in range(folders):
        name = FOLDERS[number] if number < len(FOLDERS) else f"Folder {number}"
        folder = store.folder(name)
        if number == 0:
            store.inbox(folder)
        if number == 1:
            store.role(SENT, folder)
        for _ in range(messages * (number + 1) // folders - messages * number // folders):
            message = compose(rnd, pool, index, seed, number == 1)
            written = store.ndb.space.start + len(store.ndb.space.data)
            # What is missing to a steady growth is made up by the next attachments.
            missing = (size - AT_THE_END * messages) * (index + 1) // messages - written
            if rnd.random() < 0.125 and missing > 4096:
                attach(rnd, pool, index, message, min(LARGEST, int(missing * rnd.uniform(0.5, 1.5))))
            nid = store.add(folder, message)
            if lines:
                lines.write(manifest_line(nid, folder, message))
            index += 1
    store.close()
    if lines:
        lines.close()


def octets(text):
    factor = {"K": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:].upper(), 1)
    return int(float(text[:-1] if factor > 1 else text) * factor)


def main():
    parser = argparse.ArgumentParser(description="Makes a large Outlook store.")
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--size", type=octets, default=octets("650M"))
    parser.add_argument("--folders", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=sorted(pst_ndb.FORMATS), default="unicode")
    parser.add_argument("--manifest")
    parser.add_argument("out")
    options = parser.parse_args()
    generate(options.out, options.messages, options.size, options.seed, options.folders, options.format,
             options.manifest)


if __name__ == "__main__":
    main()
