"""A POP life, for tests of filing: what lies at home in folders lies in the server's INBOX as well,
unfiled; and what the account must hold afterwards, worked out here and not by the program.

A leftover has another date than the local copy (the server knows when it came), and \\Seen, which
POP's RETR has set. Some of what is at home is not on the server (any more), and the other way round.
"""
import collections
import hashlib
import imaplib
import random

import gen_mail


class Leftovers:
    """`mails`: local mail (gen_mail.Mail); `inbox`: [(data, date, flags)] as put on the server."""

    def __init__(self, messages=160, seed=21, folders=6, median=900, mean=2500, local_only=0.05):
        rnd = random.Random(seed)
        self.arguments = (messages, seed, folders, median, mean)
        self.mails = list(gen_mail.all_mail(*self.arguments))
        self.inbox, self.local_only, seen = [], set(), set()
        for mail in self.mails:
            if mail.data in seen:
                continue
            seen.add(mail.data)
            if rnd.random() < local_only:
                self.local_only.add(mail.data)
                continue
            self.inbox.append((mail.data, mail.date + 7, ["\\Seen"] + (
                ["$Label7"] if rnd.random() < 0.1 else [])))
        rnd.shuffle(self.inbox)
        self.server_only = [(b"From: new@mail.example\r\nSubject: only there %d\r\nMessage-ID: <n%d@s>"
                             b"\r\n\r\nnew\r\n" % (n, n), 1600000000 + n, []) for n in range(7)]

    def write(self, **stores):
        messages, seed, folders, median, mean = self.arguments
        gen_mail.generate(messages, seed, folders, median, mean, **stores)

    def put(self, client):
        """Into INBOX, in an order of its own."""
        for data, date, flags in self.inbox + self.server_only:
            status, answer = client.append("INBOX", f"({' '.join(flags)})",
                                           imaplib.Time2Internaldate(date), data)
            assert status == "OK", answer

    def expected(self, moved=False, gone=(), flags="union"):
        """Rows as mailboxes.compare() wants them. `gone`: contents that vanished before they could be
        filed."""
        there = {data: (date, flags) for data, date, flags in self.inbox if data not in gone}
        rows, filed = {}, set()
        for mail in self.mails:
            stays = mail.folder == "INBOX"
            if mail.data not in there:
                rows[mail.folder, mail.data] = self.row(mail.folder, mail.data, mail.date, mail.flags,
                                                        rows)
                continue
            date, theirs = there[mail.data]
            union = {"union": set(theirs) | set(mail.flags), "local": set(mail.flags),
                     "server": set(theirs)}[flags]
            rows[mail.folder, mail.data] = self.row(mail.folder, mail.data, date, union, rows)
            if not stays:
                filed.add(mail.data)
        at_home = {mail.data for mail in self.mails if mail.folder == "INBOX"}
        for data, date, theirs in self.inbox + self.server_only:
            if data in gone or (moved and data in filed and data not in at_home):
                continue
            rows.setdefault(("INBOX", data), self.row("INBOX", data, date, theirs, {}))
        return list(rows.values())

    @staticmethod
    def row(folder, data, date, flags, rows):
        before = rows.get((folder, data))  # an exact copy in the same folder: its flags count, too
        return {"folder": folder, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
                "internaldate": date,
                "flags": sorted(set(flags) | set(before["flags"] if before else ()))}

    def count_filed(self):
        """Messages that the server files, by folder."""
        there = {data for data, _, _ in self.inbox}
        pairs = {(mail.folder, mail.data) for mail in self.mails
                 if mail.folder != "INBOX" and mail.data in there}
        return collections.Counter(folder for folder, _ in pairs)
