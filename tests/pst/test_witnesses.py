"""The stores that our writer makes, read by two programs that are not ours: readpst and pffexport.

What they say of our own stores is what makes these fit to test our reader with.
"""
import email
import email.header
import hashlib
import pathlib
import shutil
import subprocess
import unittest

import pst_messages as pst
import pst_ndb
import pst_rtf
import rig

# Nobody encrypts 4K OSTs, and the witnesses do not agree what comes first, that or deflating.
STORES = [(pst_ndb.OST_4K, pst_ndb.NONE)] + [
    (format, crypt) for format in (pst_ndb.UNICODE, pst_ndb.ANSI)
    for crypt in (pst_ndb.NONE, pst_ndb.PERMUTE, pst_ndb.CYCLIC)]
RTF = pst_rtf.from_text("Grüße als RTF\n" * 50)
FILES = {"small.bin": b"small", "Größe.txt": b"umlaut", "blocks.bin": bytes(range(256)) * 4000}
SENDER, READER = ("Jürgen Müller", "juergen@example.org"), ("Jane Doe", "jane@example.com")


def digest(data):
    return hashlib.sha1(data).hexdigest()


def messages(many):
    """(folder, subject, Message); each is one thing that a store can have."""
    def one(folder, subject, body="Body text\r\n", **more):
        usual = {"recipients": [pst.recipient(pst.TO, *READER)], "sender": SENDER, "when": 1580720400}
        return folder, subject, pst.Message(subject, body, **(usual | more))

    yield one("Inbox", "plain")
    yield one("Inbox", "Re: Grüße mit Umlaut")
    yield one("Inbox", "three people", recipients=[
        pst.recipient(role, f"Person {role}", f"person{role}@example.com")
        for role in (pst.TO, pst.CC, pst.BCC)])
    yield one("Inbox", "files", attachments=[pst.Attachment(*item) for item in FILES.items()])
    yield one("Inbox", "large body", body="A line of text.\r\n" * 20000)
    yield one("Inbox", "html", properties={pst.HTML: b"<html><body>HTML</body></html>",
                                           pst.INTERNET_CODE_PAGE: 28591})
    yield one("Inbox", "rtf", body=None, properties={pst.RTF: pst_rtf.compressed(RTF)})
    yield one("Inbox", "embedded", attachments=[pst.Attachment(None, pst.Message(
        "inner", "inner body", SENDER, [pst.recipient(pst.TO, *READER)], when=1500000000))])
    yield one("Sub folder", "200 people", recipients=[
        pst.recipient(pst.TO, f"Person {number}", f"person{number}@example.com")
        for number in range(200)])
    for number in range(500 if many else 0):  # more rows than one level of the index holds
        yield one("Many", f"number {number}", body=f"Number {number}\r\n")


def write(path, format, crypt):
    store = pst.Store(path, format, crypt)
    folders = {name: store.folder(name) for name in ("Inbox", "Many")}
    folders["Sub folder"] = store.folder("Sub folder", folders["Inbox"])
    for folder, _, message in messages(crypt == pst_ndb.NONE):
        store.add(folders[folder], message)
    store.close()


def run(*command):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=rig.TIMEOUT,
                          text=True, errors="replace")


class Witness(unittest.TestCase):
    program = None

    def setUp(self):
        if not shutil.which(self.program):
            self.skipTest(f"{self.program} is not installed (scripts/install-deps test)")

    def each(self, check):
        for format, crypt in STORES:
            with self.subTest(format=format.name, crypt=crypt), rig.scratch() as folder:
                write(folder / "store.pst", format, crypt)
                check(folder, crypt)


class Readpst(Witness):
    program = "readpst"

    def test_reads_every_message_in_all_formats(self):
        self.each(self.check)

    def check(self, folder, crypt):
        out = folder / "out"
        out.mkdir()
        done = run("readpst", "-e", "-D", "-j", "0", "-o", out, folder / "store.pst")
        self.assertEqual(done.returncode, 0, done.stdout)
        found = {}
        for path in out.rglob("*.eml"):
            data = path.read_bytes()
            mail = email.message_from_bytes(data)
            subject = email.header.make_header(email.header.decode_header(mail["Subject"]))
            found[path.parent.name, str(subject)] = (mail, data)
        wanted = {(name, subject): message for name, subject, message in messages(crypt == pst_ndb.NONE)}
        self.assertEqual(sorted(found), sorted(wanted))
        for key, message in wanted.items():
            self.compare(key[1], *found[key], message)

    def compare(self, subject, mail, data, message):
        self.assertIn(SENDER[1], str(mail["From"]), subject)
        parts = [part for part in mail.walk() if not part.is_multipart()]
        texts = [part.get_payload(decode=True).decode().replace("\r\n", "\n") for part in parts
                 if part.get_content_type() == "text/plain" and not part.get_filename()]
        body = message.properties.get(pst.BODY)
        if body:
            self.assertEqual(texts[0].strip("\n"), body.replace("\r\n", "\n").strip("\n"), subject)
        files = {digest(part.get_payload(decode=True)) for part in parts}
        wanted = {digest(attachment.data) for attachment in message.attachments
                  if isinstance(attachment.data, bytes)}
        if subject == "rtf":
            wanted = {digest(RTF)}
        self.assertLessEqual(wanted, files, subject)
        if subject == "embedded":
            self.assertIn(b"Subject: inner", data)
            self.assertIn(b"inner body", data)


class Pffexport(Witness):
    program = "pffexport"

    def test_reads_every_message_in_all_formats(self):
        self.each(self.check)

    def check(self, folder, crypt):
        done = run("pffexport", "-q", "-f", "all", "-t", folder / "out", folder / "store.pst")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("unable", done.stdout.lower())
        found = {}
        for path in (folder / "out.export").rglob("OutlookHeaders.txt"):
            fields = self.fields(path)
            if "Attachments" in path.parts:
                self.assertEqual(fields["Subject"], "inner")
            else:
                found[path.parent.parent.name, fields["Subject"]] = path.parent
        wanted = {(name, subject): message for name, subject, message in messages(crypt == pst_ndb.NONE)}
        self.assertEqual(sorted(found), sorted(wanted))
        for key, message in wanted.items():
            self.compare(key[1], found[key], message)

    @staticmethod
    def fields(path):
        lines = path.read_text(errors="replace").splitlines()
        return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines)
                if colon}

    def compare(self, subject, folder, message):
        text = (folder / "Recipients.txt").read_text()
        people = [line.split("\t")[-1] for line in text.splitlines() if line.startswith("Email address:")]
        self.assertEqual(people, [row[pst.ADDRESS] for row in message.recipients], subject)
        kinds = [line.split("\t")[-1] for line in text.splitlines()
                 if line.startswith("Recipient type:")]
        self.assertEqual(kinds, [("To", "CC", "BCC")[row[pst.RECIPIENT_TYPE] - 1]
                                 for row in message.recipients], subject)
        body = message.properties.get(pst.BODY)
        if body:
            found = (folder / "Message.txt").read_text().replace("\r\n", "\n")
            self.assertEqual(found.strip("\n"), body.replace("\r\n", "\n").strip("\n"), subject)
        if subject == "rtf":
            self.assertEqual((folder / "Message.rtf").read_bytes().rstrip(b"\0"), RTF)
        files = [attachment for attachment in message.attachments if isinstance(attachment.data, bytes)]
        found = {digest(path.read_bytes()) for path in pathlib.Path(folder).glob("Attachments/*")
                 if path.is_file()}
        self.assertLessEqual({digest(attachment.data) for attachment in files}, found, subject)


del Witness
