#!/usr/bin/env python3
"""Outlook stores with everything that is hard, and beside each what a reader must make of it.

  pst_cases.py DIR [NAME...]      DIR/NAME.pst and DIR/NAME.json

The JSON holds, as far as it is known:

  folders   path, nid, role, class, items (that a walk of the nodes finds), and said, the count that
            the store gives, where it lies
  items     one object for each item, in the order of writing:
              case, nid, folder (path), in (its nid), class, hidden
              subject, from and rcpt ([type, name, address type, address, SMTP address]), mid
              att: name, size, sha1, method, cid; inside: the same of an embedded message
            and of the message that is composed of it:
              kind: "mail", "contact", ...; state: "whole", "partial", ...
              flags, keywords, date (INTERNALDATE, seconds since 1970), date_source
              head: {name: value} of header fields (decoded; a list of [name, address] where it
              holds addresses), lines: header lines kept octet for octet, absent: fields that must
              not be there; tree: the MIME types from the outside inwards; text, html: what they
              hold; files: names and sha1 of what is attached; fidelity: what must be reported
  problems  what the self-check must name
"""
import hashlib
import json
import pathlib
import sys

import pst_ndb
from pst_messages import *  # noqa: F403 the property names above all

T0 = 1580720400  # 2020-02-03 09:00 UTC
ME = ("Jürgen Müller", "juergen@example.org")
JANE, BOB = ("Jane Doe", "jane@example.com"), ("Bob", "bob@example.com")


def sha1(data):
    return hashlib.sha1(data).hexdigest()


def to(*people, role=TO):
    return [recipient(role, name, address) for name, address in people]


def transport(mid, subject, sender="Jane <jane@example.com>", to="juergen@example.org", extra=(),
              when="Mon, 3 Feb 2020 09:00:00 +0000"):
    """The header lines of a mail that came by SMTP, as the server stored them."""
    return ["Received: from out.example.com (out.example.com [192.0.2.7])",
            "\tby mx.example.org with ESMTPS id 4f2a; Mon, 3 Feb 2020 09:00:04 +0000",
            f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Date: {when}",
            f"Message-ID: {mid}", *extra]


MIME_LINES = ["MIME-Version: 1.0", 'Content-Type: multipart/mixed;', '\tboundary="=_stored"',
              "Content-Transfer-Encoding: 7bit"]


def blob(lines, end="\r\n", blank=True):
    return end.join(lines) + end + (end if blank else "")


class Cases:
    """A store with its expectations."""

    def __init__(self, path, **options):
        self.path = pathlib.Path(path)
        self.store = Store(self.path, **options)
        self.items, self.folders, self.problems = [], [], []
        self.number = 0
        self.place = {self.store.top.nid: []}
        self.know(self.store.trash, [self.store.trash.name], "trash")

    # ---- folders ----

    def know(self, folder, path, role=""):
        if self.store.ndb.format.ansi:
            path = self.narrowed(path)
        self.place[folder.nid] = path
        self.folders.append({"path": path, "nid": folder.nid, "role": role, "class": folder.cls})

    def folder(self, name, parent=None, role="", **options):
        folder = self.store.folder(name, parent, **options)
        self.know(folder, self.place[(parent or self.store.top).nid] + [name], role)
        return folder

    def usual_folders(self, inbox, sent, outbox, drafts, junk):
        """The folders that the store has roles for, under names in any language."""
        store = self.store
        self.inbox, self.sent = self.folder(inbox, role="inbox"), self.folder(sent, role="sent")
        self.outbox = self.folder(outbox, role="outbox")
        self.drafts, self.junk = self.folder(drafts, role="drafts"), self.folder(junk, role="junk")
        store.inbox(self.inbox)
        store.role(SENT, self.sent)
        store.role(OUTBOX, self.outbox)
        store.drafts_and_junk(self.inbox, self.drafts, self.junk)

    # ---- items ----

    def add(self, case, folder, expect=None, listed=True, hidden=False, parent=None, **message):
        """One item: `message` as for Message; times, id, sender and recipient have defaults."""
        self.number += 1
        when = T0 + 60 * self.number
        usual = {"subject": case, "body": f"This is {case}.\r\n", "sender": ME, "when": when,
                 "message_id": f"<{case}@example.org>", "recipients": to(JANE)}
        item = Message(**(usual | message))
        item.properties.setdefault(INTERNET_CODE_PAGE, 65001)
        if self.store.ndb.format.ansi:
            item.properties.setdefault(MESSAGE_CODE_PAGE, int(self.store.codec[2:]))
        nid = self.store.add(folder, item, listed, hidden, parent=parent)
        what = self.facts(item)
        what |= {"case": case, "nid": nid, "folder": self.place[folder.nid], "in": folder.nid,
                 "hidden": hidden, "kind": "mail", "state": "whole"}
        what |= self.message_facts(item, folder)
        what |= expect or {}
        if self.store.ndb.format.ansi and not what.pop("octets", False):
            what = self.narrowed(what)
        self.items.append(what)
        return nid

    def narrowed(self, value):
        """What is left of the texts where only octets of a code page can be kept."""
        if isinstance(value, str):
            return value.encode(self.store.codec, "replace").decode(self.store.codec)
        if isinstance(value, list):
            return [self.narrowed(part) for part in value]
        if isinstance(value, dict):
            return {key: self.narrowed(part) for key, part in value.items()}
        return value

    def facts(self, item):
        """What the properties say."""
        get = item.properties.get
        return {"class": get(CLASS, ""), "subject": unmarked(get(SUBJECT, "")),
                "from": [get(SENDER_NAME, ""), get(SENDER_TYPE, ""), get(SENDER_ADDRESS, ""),
                         get(SENDER_SMTP, "")],
                "mid": get(MESSAGE_ID, ""),
                "rcpt": [[row[RECIPIENT_TYPE] & 15, row.get(DISPLAY_NAME, ""), row.get(ADDRESS_TYPE, ""),
                          row.get(ADDRESS, ""), row.get(SMTP_ADDRESS, "")]
                         for row in item.recipients or ()],
                "att": [self.attachment_facts(attachment) for attachment in item.attachments]}

    def attachment_facts(self, attachment):
        get = attachment.properties.get
        what = {"name": get(ATTACH_LONG_NAME, get(ATTACH_NAME, "")), "method": get(ATTACH_METHOD),
                "cid": get(ATTACH_CID, "")}
        if isinstance(attachment.data, Message):
            what["inside"] = self.facts(attachment.data)
        elif attachment.data is not None:
            what |= {"size": len(attachment.data), "sha1": sha1(attachment.data)}
        return what

    def message_facts(self, item, folder):
        """What the composed message must be where the case says nothing else."""
        get = item.properties.get
        flags = get(FLAGS, 0)
        what = {"flags": sorted(["\\Seen"] * bool(flags & READ) + ["\\Draft"] * bool(flags & UNSENT)),
                "keywords": [], "head": {}, "absent": [], "fidelity": [],
                "files": [[facts["name"], facts["sha1"]]
                          for facts in map(self.attachment_facts, item.attachments)
                          if "sha1" in facts]}
        for tag, source in ((DELIVERED_AT, "store"), (SUBMITTED_AT, None), (CREATED_AT, None)):
            if tag in item.properties:
                what["date"] = get(tag) // 10_000_000 - 11644473600
                break
        body = get(BODY)
        if isinstance(body, str):
            what["text"] = body
        if HEADERS not in item.properties:
            ours = folder in (self.sent, self.drafts, self.outbox) or flags & FROM_ME
            what["head"] = {"Subject": self.facts(item)["subject"]} | self.people(item)
            if not ours:
                what["fidelity"].append("header-synthesised")
        return what

    @staticmethod
    def people(item):
        """The address fields of a message without transport headers: SMTP addresses only."""
        fields = {"From": [[item.properties.get(SENDER_NAME, ""), item.properties.get(SENDER_ADDRESS)]]}
        for role, name in ((TO, "To"), (CC, "Cc"), (BCC, "Bcc")):
            rows = [[row.get(DISPLAY_NAME, ""), row.get(SMTP_ADDRESS) or row.get(ADDRESS)]
                    for row in item.recipients or () if row[RECIPIENT_TYPE] & 15 == role]
            if rows:
                fields[name] = rows
        return fields

    def problem(self, what, **more):
        self.problems.append({"what": what, **more})

    def close(self):
        counts = {folder.nid: folder for folder in self.store.folders.values()}
        self.store.close()
        for entry in self.folders:
            folder = counts[entry["nid"]]
            entry["items"] = sum(item["in"] == entry["nid"] and not item["hidden"] and
                                 not item.get("orphan") for item in self.items)
            entry["said"] = folder.properties.get(CONTENT_COUNT, folder.messages)
        expectation = {"format": self.store.ndb.format.name, "uid": self.store.uid.hex(),
                       "folders": self.folders, "items": self.items, "problems": self.problems}
        self.path.with_suffix(".json").write_text(
            json.dumps(expectation, indent=1, ensure_ascii=True) + "\n")


def unmarked(subject):
    """Without the mark of the prefix."""
    return subject[2:] if isinstance(subject, str) and subject[:1] == "\1" else subject


def write_all(folder, names=()):
    """The stores of these names (all of them if none are given)."""
    import pst_case_stores
    for name, make in pst_case_stores.STORES.items():
        if not names or name in names:
            make(pathlib.Path(folder) / f"{name}.pst")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    pathlib.Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    write_all(sys.argv[1], sys.argv[2:])
