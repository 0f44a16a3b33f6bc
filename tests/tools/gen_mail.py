#!/usr/bin/env python3
"""Makes mail: the same messages, from a seed, in any of several stores.

  gen_mail.py --messages N [--seed S] [--folders N] [--median BYTES] [--mean BYTES]
              [--maildir DIR] [--mbox DIR] [--thunderbird DIR] [--imap FILE] [--manifest FILE]

Sizes are lognormal (median 8 kB, mean 50 kB, at most 8 MB), as in real mailboxes; 29 in a hundred
messages have no Message-ID, a few are exact copies of another one, and a few bear a Message-ID that
another message has. Nothing depends on the clock.

--maildir      a Maildir++ tree; the file's mtime is the arrival date
--mbox         a tree of mbox files with Status fields
--thunderbird  a Thunderbird account folder with X-Mozilla-Status fields and .sbd folders
--imap         the same mail as a ready-made command stream, for the blaster: one CREATE for each
               folder, then MULTIAPPENDs of up to 100 messages or 8 MiB with LITERAL+
--manifest     what must be on the server afterwards, one JSON object a line: folder, sha256 and size
               of the bytes with CRLF, flags, internaldate
"""
import argparse
import base64
import hashlib
import json
import math
import os
import pathlib
import random
import time

FOLDERS = ["INBOX", "Sent", "Work", "Work/Projects", "Family", "Lists", "Old mail", "Travel/2009"]
WORDS = ("alpha bridge cloud delta engine field garden harbour island journey kettle lantern "
         "mountain north orange paper quiet river station travel under valley winter yellow").split()
SUBJECTS = ["Minutes of the meeting", "Re: the garden fence", "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= from the coast",
            "Invoice", "Fwd: photographs", "=?ISO-8859-1?Q?Caf=E9?= on Friday?", "Your booking", ""]
LARGEST = 8_000_000
BATCH_MESSAGES, BATCH_BYTES = 100, 8 << 20
EPOCH_2004, EPOCH_2020 = 1072915200, 1577836800


class Mail:
    """One message: its bytes with CRLF, and what a mail client knows beside them."""

    def __init__(self, folder, data, date, flags):
        self.folder, self.data, self.date, self.flags = folder, data, date, flags


def stamp(t):
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(t))


def body_text(rnd, size):
    lines = []
    while size > 0:
        line = " ".join(rnd.choices(WORDS, k=rnd.randint(1, 11)))
        lines.append(line)
        size -= len(line) + 2
    return "\r\n".join(lines).encode() + b"\r\n"


def compose(rnd, index, seed, folder, median, sigma):
    size = min(LARGEST, int(median * math.exp(rnd.gauss(0, sigma))))
    date = rnd.randint(EPOCH_2004, EPOCH_2020)
    sender = f"{rnd.choice(WORDS)}@{rnd.choice(WORDS)}.example"
    head = [f"Return-Path: <{sender}>",
            f"Received: from out.example ([192.0.2.{index % 250 + 1}]) by mx.example with ESMTP",
            f"\tid {seed:x}x{index:x}; {stamp(date)}",
            f"From: {rnd.choice(WORDS).title()} <{sender}>", "To: reader@home.example",
            f"Subject: {rnd.choice(SUBJECTS)} {index}".rstrip(), f"Date: {stamp(date - 30)}"]
    if rnd.random() >= 0.29:
        number = index - 1 if rnd.random() < 0.004 else index
        head.append(f"Message-ID: <{seed:x}.{number:x}@mail.example>")
    head.append("MIME-Version: 1.0")
    if size < 3000:
        head.append("Content-Type: text/plain; charset=us-ascii")
        body = body_text(rnd, max(20, size - 400))
    else:
        raw = rnd.randbytes(max(100, (size - 1200) * 57 // 78))
        head.append('Content-Type: multipart/mixed; boundary="=_part"')
        body = (b"--=_part\r\nContent-Type: text/plain\r\n\r\n" + body_text(rnd, 600) +
                b"--=_part\r\nContent-Type: application/octet-stream\r\n"
                b"Content-Transfer-Encoding: base64\r\n\r\n" +
                base64.encodebytes(raw).replace(b"\n", b"\r\n") + b"--=_part--\r\n")
    flags = [name for name, share in (("\\Seen", 0.7), ("\\Answered", 0.1), ("\\Flagged", 0.03))
             if rnd.random() < share]
    return Mail(folder, "\r\n".join(head).encode() + b"\r\n\r\n" + body, date, flags)


def all_mail(messages, seed, folders, median, mean):
    """The messages folder by folder, as stores keep them."""
    sigma = math.sqrt(2 * math.log(mean / median))
    index = 0
    for number, folder in enumerate(FOLDERS[:folders]):
        share = messages * (number + 1) // folders - messages * number // folders
        previous = None
        for _ in range(share):
            rnd = random.Random(f"{seed}:{index}")
            if previous is not None and rnd.random() < 0.003:
                mail = previous  # an exact copy, as clients make them
            else:
                mail = compose(rnd, index, seed, folder, median, sigma)
            index += 1
            previous = mail
            yield mail


class MaildirWriter:
    LETTERS = {"\\Flagged": "F", "\\Answered": "R", "\\Seen": "S"}

    def __init__(self, root):
        self.root, self.count = pathlib.Path(root), 0

    def folder(self, name):
        path = self.root if name == "INBOX" else self.root / ("." + name.replace("/", "."))
        for sub in ("cur", "new", "tmp"):
            (path / sub).mkdir(parents=True, exist_ok=True)
        return path

    def add(self, mail):
        self.count += 1
        letters = "".join(sorted(self.LETTERS[f] for f in mail.flags))
        path = self.folder(mail.folder) / "cur" / f"{mail.date}.M{self.count}P1.host:2,{letters}"
        path.write_bytes(mail.data.replace(b"\r\n", b"\n"))
        os.utime(path, (mail.date, mail.date))

    def close(self):
        pass


class MboxWriter:
    """One file a folder; `path_of` and `fields` are what other mbox stores do differently."""

    def __init__(self, root):
        self.root, self.files = pathlib.Path(root), {}
        self.root.mkdir(parents=True, exist_ok=True)

    def path_of(self, name):
        return self.root / name

    def from_line(self, mail):
        return "From sender@mail.example " + time.asctime(time.gmtime(mail.date))

    def fields(self, mail):
        status = "RO" if "\\Seen" in mail.flags else "O"
        more = "".join(c for f, c in (("\\Answered", "A"), ("\\Flagged", "F")) if f in mail.flags)
        return f"Status: {status}\n" + (f"X-Status: {more}\n" if more else "")

    def add(self, mail):
        file = self.files.get(mail.folder)
        if file is None:
            path = self.path_of(mail.folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self.files[mail.folder] = open(path, "wb", buffering=1 << 20)
        head, body = mail.data.replace(b"\r\n", b"\n").split(b"\n\n", 1)
        file.write(f"{self.from_line(mail)}\n".encode())
        self.message(file, mail, head, body)
        file.write(b"\n")

    def message(self, file, mail, head, body):
        file.write(head + b"\n" + self.fields(mail).encode() + b"\n" + body)

    def close(self):
        for file in self.files.values():
            file.close()


class KmailWriter(MboxWriter):
    """Folders inside of folders as KMail kept them."""

    def path_of(self, name):
        parts = name.split("/")
        return self.root.joinpath(*(f".{p}.directory" for p in parts[:-1]), parts[-1])


class ThunderbirdWriter(MboxWriter):
    BITS = {"\\Seen": 0x1, "\\Answered": 0x2, "\\Flagged": 0x4}

    def path_of(self, name):
        parts = name.replace("INBOX", "Inbox").split("/")
        path = self.root.joinpath(*(p + ".sbd" for p in parts[:-1]), parts[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(parts) > 1:  # a folder with subfolders has a file of its own, too
            path.parent.with_suffix("").touch()
        pathlib.Path(str(path) + ".msf").write_bytes(b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
        return path

    def from_line(self, mail):
        return "From - " + time.asctime(time.gmtime(mail.date + 600))

    def fields(self, mail):
        bits = sum(self.BITS[f] for f in mail.flags)
        return f"X-Mozilla-Status: {bits:04x}\nX-Mozilla-Status2: 00000000\n"

    def message(self, file, mail, head, body):
        file.write(self.fields(mail).encode() + head + b"\n\n" + body)


class ImapWriter:
    """The command stream of the blaster. Tags: b1, b2, ...; the last line is `bend NOOP`."""

    def __init__(self, path):
        self.file = open(path, "wb", buffering=1 << 20)
        self.batch, self.size, self.tag, self.created = [], 0, 0, set()

    def command(self, text):
        self.tag += 1
        self.file.write(f"b{self.tag} {text}".encode())

    def flush(self):
        if not self.batch:
            return
        folder = self.batch[0].folder
        if folder not in self.created and folder != "INBOX":
            self.command(f'CREATE "{folder}"\r\n')
            self.created.add(folder)
        self.command(f'APPEND "{folder}"')
        for mail in self.batch:
            date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(mail.date))
            self.file.write(f' ({" ".join(mail.flags)}) "{date}" {{{len(mail.data)}+}}\r\n'.encode())
            self.file.write(mail.data)
        self.file.write(b"\r\n")
        self.batch, self.size = [], 0

    def add(self, mail):
        if self.batch and (mail.folder != self.batch[0].folder or len(self.batch) == BATCH_MESSAGES
                           or self.size + len(mail.data) > BATCH_BYTES):
            self.flush()
        self.batch.append(mail)
        self.size += len(mail.data)

    def close(self):
        self.flush()
        self.file.write(b"bend NOOP\r\n")
        self.file.close()


class ManifestWriter:
    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")

    def add(self, mail):
        json.dump({"folder": mail.folder, "sha256": hashlib.sha256(mail.data).hexdigest(),
                   "size": len(mail.data), "flags": sorted(mail.flags),
                   "internaldate": mail.date}, self.file)
        self.file.write("\n")

    def close(self):
        self.file.close()


WRITERS = {"maildir": MaildirWriter, "mbox": KmailWriter, "thunderbird": ThunderbirdWriter,
           "imap": ImapWriter, "manifest": ManifestWriter}


def generate(messages, seed=1, folders=6, median=8000, mean=50000, **outputs):
    """Write the stores named in `outputs` (maildir=PATH, ...); returns (messages, bytes)."""
    writers = [WRITERS[kind](path) for kind, path in outputs.items() if path]
    count = size = 0
    for mail in all_mail(messages, seed, folders, median, mean):
        count += 1
        size += len(mail.data)
        for writer in writers:
            writer.add(mail)
    for writer in writers:
        writer.close()
    return count, size


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folders", type=int, default=6, choices=range(1, len(FOLDERS) + 1))
    parser.add_argument("--median", type=int, default=8000)
    parser.add_argument("--mean", type=int, default=50000)
    for kind in WRITERS:
        parser.add_argument("--" + kind)
    options = vars(parser.parse_args())
    count, size = generate(**options)
    print(f"{count} messages, {size} bytes")


if __name__ == "__main__":
    main()
