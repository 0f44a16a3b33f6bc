"""Messages that Outlook has taken apart, and of which the server still has the originals."""
import base64
import json

import pst_messages
import rig
from pst_messages import Attachment, Message, recipient

WHEN = 1_300_000_000  # 2011-03-13T07:06:40Z
DATE = "Sun, 13 Mar 2011 08:06:40 +0100"
HEADER_ONLY = (pst_messages.PSETID_COMMON, 0x8578, 0x0003)


def headers(number, subject, identity=True):
    lines = [f"Received: from mx.example by in.example; {DATE}", f"Date: {DATE}",
             'From: "Ann Example" <ann@example.org>', "To: me@home.example", f"Subject: {subject}"]
    if identity:
        lines.append(f"Message-ID: <{number}@example.org>")
    return lines


def original(number, subject, attachments=(), text="Hello", identity=True):
    """As it came, with boundaries, encodings and line lengths of its own."""
    lines = headers(number, subject, identity) + ["MIME-Version: 1.0"]
    if not attachments:
        lines += ["Content-Type: text/plain; charset=us-ascii", "", text]
        return "\r\n".join(lines + [""]).encode()
    lines += ['Content-Type: multipart/mixed; boundary="=_sender"', "", "--=_sender",
              "Content-Type: text/plain", "", text]
    for name, data in attachments:
        coded = base64.b64encode(data).decode()
        lines += ["--=_sender", f'Content-Type: application/octet-stream; name="{name}"',
                  "Content-Transfer-Encoding: base64", f'Content-Disposition: attachment; filename="{name}"',
                  ""] + [coded[at:at + 60] for at in range(0, len(coded), 60)]
    return "\r\n".join(lines + ["--=_sender--", ""]).encode()


def kept(number, subject, attachments=(), text="Hello", identity=True, **more):
    """What Outlook has kept of it."""
    block = "\r\n".join(headers(number, subject, identity) +
                        ['Content-Type: multipart/mixed; boundary="=_sender"', "", ""])
    return Message(subject, text, ("Ann Example", "ann@example.org"),
                   [recipient(pst_messages.TO, "me", "me@home.example")],
                   [Attachment(name, data, "application/octet-stream") for name, data in attachments],
                   headers=block, message_id=f"<{number}@example.org>" if identity else None,
                   when=WHEN, **more)


class Originals(rig.ServerTest):
    FILES = (("report.pdf", bytes(range(256)) * 40), ("notes 2.txt", b"a line\r\nanother\r\n"))

    def setUp(self):
        super().setUp()
        self.source = self.folder / "outlook.pst"

    def write(self, *messages):
        store = pst_messages.Store(self.source)
        inbox = store.folder("Inbox")
        store.inbox(inbox)
        for message in messages:
            store.add(inbox, message)
        store.close()

    def plan(self):
        out = self.run_to_server("plan", self.source, "--format", "jsonl").out
        return {row["message_id"]: row for row in map(json.loads, out.splitlines())}

    def test_the_original_wins(self):
        self.server.append(self.user, "INBOX", original(1, "plain"))
        self.server.append(self.user, "INBOX", original(2, "with files", self.FILES))
        before = self.server.dump(self.user)
        self.write(kept(1, "plain"), kept(2, "with files", self.FILES), kept(3, "local only"))
        rows = self.plan()
        for number in (1, 2):
            row = rows[f"<{number}@example.org>"]
            self.assertEqual((row["action"], row["match"]), ("present", "rebuilt"), row)
        self.assertEqual(rows["<3@example.org>"]["action"], "upload")
        self.run_to_server("run", self.source)
        after = self.server.dump(self.user)
        self.assertEqual(len(after), 3)
        for row in before:
            self.assertIn(row["sha256"], [found["sha256"] for found in after])
        self.run_to_server("verify", self.source, "--verify", "full")

    def test_another_message_under_the_same_id_goes_up(self):
        self.server.append(self.user, "INBOX", original(1, "with files", self.FILES))
        self.server.append(self.user, "INBOX", original(2, "another subject"))
        self.write(kept(1, "with files", self.FILES[:1]), kept(2, "a subject"))
        self.assertEqual({row["action"] for row in self.plan().values()}, {"upload"})
        self.run_to_server("run", self.source)
        self.assertEqual(len(self.server.dump(self.user)), 4)

    def test_without_a_message_id(self):
        self.server.append(self.user, "INBOX", original(1, "no identity", self.FILES, identity=False))
        self.write(kept(1, "no identity", self.FILES, identity=False))
        self.assertEqual([(row["action"], row["match"]) for row in self.plan().values()],
                         [("present", "rebuilt")])

    def test_header_only_is_no_stub(self):
        """POP never fetched its body: the server's whole message is it."""
        self.server.append(self.user, "INBOX", original(1, "whole there", self.FILES, "long " * 200))
        stub = kept(1, "whole there", text=None, named={HEADER_ONLY: 1})
        self.write(stub)
        before = self.server.dump(self.user)
        row = self.plan()["<1@example.org>"]
        self.assertEqual(row["action"], "present", row)
        self.run_to_server("run", self.source)
        after = self.server.dump(self.user)
        self.assertEqual([row["sha256"] for row in after], [row["sha256"] for row in before])
