"""A POP life, re-enacted, and what must come of it, worked out here and not by the program.

Mail arrives in INBOX; a real client (pop_clients.py) fetches all of it and leaves it there, which marks
it as read. At home it is filed into folders, read or not, answered, flagged, tagged; a third is
deleted. Some of what is at home never was on the server, some of it is not there any more, some the
owner has filed there by webmail. Meanwhile new mail arrives.

  life = Life(server, user, client, messages, folders); life.happen()
  life.before                 the account
  life.expected(moved=False)  what it must be after filing
  life.counts                 messages by what becomes of them
"""
import collections
import hashlib
import random
import re

import mailboxes
import pop_clients
import pop_life

# 20 of them; the first is the one that POP delivers into
FOLDERS = [pop_clients.INBOX, "Work", "Work/Büro Köln", "Family/Grüße", "Lists", "Lists/日本語",
           "Bills; house #2", "Old mail", "Family", "Work/Projects", "Work/Projects/Ärger & Co",
           "Travel/2009", "Travel/2010", "Reçus", "Клуб", "Years/2004", "Years/2005", "R&D",
           "Lists/C++", "Sent"]
ARRIVED_SINCE, LOCAL_ONLY = 0.04, 0.03  # shares
TAGS = ["$label1", "holiday"]
MARK = re.compile(rb"\bid ([0-9a-f]+x[0-9a-f]+);")  # gen_mail's, one for each message


def mark_of(data):
    return MARK.search(data)[1]


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Kept:
    """A message at home. `mail`: as it arrived on the server, or None; `data`: its bytes with CRLF."""

    def __init__(self, folder, flags, mail, data, date=None):
        self.folder, self.flags, self.mail, self.data, self.date = folder, flags, mail, data, date


class Life:
    def __init__(self, server, user, client, messages=4000, folders=20, seed=1, server_name=None):
        self.server, self.user, self.client = server, user, client
        self.messages, self.folders = messages, FOLDERS[:folders]
        self.seed, self.rnd = seed, random.Random(seed)
        self.server_name = server_name or (lambda name: name)  # of a local folder
        self.kept, self.moved = [], set()  # moved: digests of what has another UID now

        self.uidls_known = True  # what the UIDLs of state files mean

    def on_server(self, folder):
        return "INBOX" if folder == pop_clients.INBOX else self.server_name(folder)

    # ---- what happens ----

    def happen(self):
        arrived = pop_life.new_mail(self.messages, self.seed, median=900, mean=2500)
        pop_life.arrive(self.server, self.user, arrived)
        self.fetch(arrived)
        self.read_and_file(arrived)
        self.local_only()
        self.client.close()
        self.webmail()
        pop_life.arrive(self.server, self.user, pop_life.new_mail(
            max(3, int(self.messages * ARRIVED_SINCE)), self.seed + 1, median=900, mean=2500))
        self.before = self.server.dump(self.user)
        self.sort()

    def fetch(self, arrived):
        self.fetched = {mark_of(f.data): f for f in self.client.fetch(self.server, self.user)}
        if self.fetched.keys() != {mark_of(mail.data) for mail in arrived}:
            raise AssertionError("the client has not fetched what was there")
        unread = [row for row in self.server.dump(self.user) if "\\Seen" not in row["flags"]]
        if unread and self.client.by_retr:
            raise AssertionError(f"RETR marks as read, but not {len(unread)} messages")

    def state(self):
        """Flags and tags that the owner gives at home."""
        share = (("\\Seen", 0.6), ("\\Answered", 0.1), ("\\Flagged", 0.05), ("$Forwarded", 0.04))
        flags = {name for name, chance in share if self.rnd.random() < chance}
        if self.client.tags:
            flags |= {tag for tag in TAGS if self.rnd.random() < 0.06}
        return flags

    def keep(self, fetched, mail, folder):
        flags = self.state()
        self.client.file(fetched, folder, flags)
        self.kept.append(Kept(folder, flags, mail, pop_clients.wire(fetched.data)))

    def read_and_file(self, arrived):
        self.deleted = []
        for mail in arrived:
            fetched = self.fetched[mark_of(mail.data)]
            if self.rnd.random() < 1 / 3:
                self.deleted.append(mail)
                continue
            folder = self.rnd.choice(self.folders)
            self.keep(fetched, mail, folder)
            if self.rnd.random() < 0.01:  # and in another folder, too
                self.keep(fetched, mail, self.rnd.choice([f for f in self.folders if f != folder]))

    def local_only(self):
        count = max(3, int(self.messages * 2 / 3 * LOCAL_ONLY))
        for mail in pop_life.new_mail(count, self.seed + 2, median=900, mean=2500):
            folder, flags = self.rnd.choice(self.folders), self.state()
            self.client.add(mail, folder, flags)
            self.kept.append(Kept(folder, flags, None, mail.data, mail.date))

    def webmail(self):
        """On the server the owner flags, answers and files a few, and deletes some."""
        uids = {row["sha256"]: str(row["uid"]) for row in self.server.dump(self.user)}
        client = self.server.connect(self.user)
        client.select("INBOX")
        for kept in [k for k in self.kept if k.mail]:
            uid, act = uids.get(digest(kept.mail.data)), self.rnd.random()
            if uid is None or act >= 0.05:
                continue
            if act < 0.03:
                client.uid("STORE", uid, "+FLAGS", self.rnd.choice(
                    [r"(\Flagged)", r"(\Answered)", "($Webmail)"]))
                continue
            if act < 0.04 and kept.folder != pop_clients.INBOX and "#" not in kept.folder:
                wire = mailboxes.quoted(mailboxes.encode_mutf7(self.on_server(kept.folder)))
                client.create(wire)
                client.uid("COPY", uid, wire)
                self.moved.add(digest(kept.mail.data))
            elif act < 0.04:
                continue
            client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
            del uids[digest(kept.mail.data)]
        client.expunge()
        client.logout()

    # ---- what must come of it ----

    def moved_and_back(self, account):
        """It is as it was, but what was moved out of INBOX and back has other UIDs now."""
        uids = {(row["folder"], row["sha256"]): row["uid"] for row in account}
        for row in self.before:
            now = uids[row["folder"], row["sha256"]]
            if now != row["uid"]:
                row["uid"] = now
                self.moved.add(row["sha256"])

    def sort(self):
        """What becomes of each."""
        self.there = collections.defaultdict(dict)  # digest -> folder -> row
        for row in self.before:
            self.there[row["sha256"]][row["folder"]] = row
        self.counts = collections.Counter()
        for kept in self.kept:
            copies = self.there[digest(kept.mail.data)] if kept.mail else {}
            target = self.on_server(kept.folder)
            kept.fate = ("present" if target in copies else "filed" if "INBOX" in copies else
                         "elsewhere" if copies else "uploaded")
            self.counts[kept.fate] += 1
        at_home = {digest(kept.mail.data) for kept in self.kept if kept.mail}
        self.server_only = [row for row in self.before if row["sha256"] not in at_home]
        deleted = {digest(mail.data) for mail in self.deleted}
        self.counts["deleted"] = sum(row["sha256"] in deleted for row in self.server_only)
        # one that bears the Message-ID of another that is at home may be taken for that one
        ids = {row["message_id"] for row in self.before if row["sha256"] in at_home}
        self.doubtful = sum(row["sha256"] in deleted and row["message_id"] in ids - {None}
                            for row in self.server_only)
        self.counts["server_only"] = len(self.server_only)

    def upload_octets(self):
        return sum(len(kept.data) for kept in self.kept if kept.fate == "uploaded")

    def merged(self, kept, theirs):
        """The union; but where POP is known to have falsified \\Seen, that is as at home. (A state file
        knows only what has the UID that POP fetched it by.)"""
        union = set(theirs) | kept.flags
        if self.client.traces or (self.uidls_known and digest(kept.mail.data) not in self.moved):
            union = union - {"\\Seen"} | (kept.flags & {"\\Seen"})
        return sorted(union)

    def expected(self, moved=False):
        rows = {(row["folder"], row["sha256"]): dict(row) for row in self.before}
        for kept in self.kept:
            target = self.on_server(kept.folder)
            if kept.fate == "uploaded":
                rows[target, digest(kept.data)] = {
                    "folder": target, "sha256": digest(kept.data), "size": len(kept.data),
                    "internaldate": kept.date, "flags": sorted(kept.flags)}
            elif kept.fate != "elsewhere":
                sha = digest(kept.mail.data)
                row = self.there[sha].get(target) or self.there[sha]["INBOX"]
                rows[target, sha] = row | {"folder": target,
                                           "flags": self.merged(kept, row["flags"])}
        if moved:
            filed = {digest(k.mail.data) for k in self.kept if k.fate == "filed"}
            stay = {digest(k.mail.data) for k in self.kept
                    if k.mail and k.folder == pop_clients.INBOX}
            for sha in filed - stay:
                del rows["INBOX", sha]
        return list(rows.values())
