"""`apply` right behind its plan takes the plan's lines over: what it does and reports is what it does and
reports when it plans anew."""
import contextlib
import json
import os
import shutil
import sqlite3
import time

import rig

OLD = time.time() - 3600
MAIL = ("From: a@b.example\r\nTo: c@d.example\r\nDate: Mon, 1 Mar 2004 10:%02d:00 +0000\r\n"
        "Subject: mail %d\r\n%s\r\n%s\r\n")
BIG = 60000  # octets
LIMIT = 40000

QUERIES = [
    # numbers of lines count from the run's first
    "SELECT l.id - :first, i.locator, f.name, copy, action, level, outcome, size, verified,"
    " iif(upload >= :first, upload - :first, upload), remote, twin, l.reason, text FROM line l"
    " JOIN item i ON i.id = l.item LEFT JOIN folder f ON f.id = l.target WHERE l.id >= :first"
    " ORDER BY l.id",
    "SELECT f.name, hex(sha256), copy, state, iif(line >= :first, line - :first, line), uid, flags,"
    " keywords, wire_len, method, origin, origin_flags, origin_gone, kept FROM upload u"
    " JOIN folder f ON f.id = u.folder ORDER BY f.name, sha256, copy",
    "SELECT remote, removed, removed_keywords, added, added_keywords, state FROM flag_change"
    " ORDER BY remote",
    "SELECT remote, flags, keywords FROM merged ORDER BY remote",
    "SELECT remote, size FROM server_only ORDER BY remote",
    "SELECT kind, count, text FROM notice WHERE run = (SELECT max(id) FROM run) ORDER BY id",
    "SELECT first_line - :first, last_line - :first, f.name FROM run_target t"
    " JOIN folder f ON f.id = t.folder WHERE first_line >= :first ORDER BY first_line",
    "SELECT hex(sha256), remote, level, verdict FROM candidate ORDER BY sha256, remote",
]


def mail(number, with_id=True, body=None):
    message_id = f"Message-ID: <m{number}@b.example>\r\n" if with_id else ""
    return (MAIL % (number % 60, number, message_id, body or f"text {number}")).encode()


class Maildir:
    def __init__(self, root):
        self.root, self.files = root, 0
        self.folder("")

    def folder(self, name):
        path = self.root / f".{name}" if name else self.root
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True, exist_ok=True)
        return path / "cur"

    def add(self, name, data, flags="S"):
        self.files += 1
        path = self.folder(name) / f"{1078131600 + self.files}.{self.files}.host:2,{flags}"
        path.write_bytes(data.replace(b"\r\n", b"\n"))
        return path

    def age(self):
        """What was changed a moment ago is read again, whatever its fingerprint says."""
        for path in [*self.root.rglob("*"), self.root]:
            os.utime(path, (OLD, OLD))


class Apply(rig.ServerTest):
    maxDiff = None
    server_options = {"extra": "ssl = no", "capability": f"+APPENDLIMIT={LIMIT}"}

    def to(self, **more):
        return ["--to", self.server.plain_url(self.user, **more), "--state", self.state]

    def setUp(self):
        super().setUp()
        self.log = self.folder / "passages"
        self.source = self.folder / "maildir"

    def begin(self, name):
        self.user = self.server.new_user()
        self.state = self.folder / f"state-{name}"

    def write_first(self):
        """What an earlier run has stored, or could not store."""
        self.local = Maildir(self.source)
        for number in range(10):
            self.local.add("Work", mail(number))
        self.local.add("Work", mail(10, body="x" * BIG))
        self.local.age()

    def write_rest(self):
        add = self.local.add
        for number in range(20, 60):
            add(("Work", "Home", "Sent")[number % 3], mail(number, number % 4 != 0),
                ("S", "", "FS", "RS")[number % 4])
        for number in (21, 24, 27):  # again, with other flags
            add("Work" if number % 3 == 0 else "Home", mail(number, number % 4 != 0), "FRSa")
        for number in (30, 31, 32):  # in two folders
            add("Both", mail(number, number % 4 != 0), "")
        add("Work", mail(0), "F")  # stored, and here once more
        add("Home", mail(61), "ST")
        add("Home", mail(62, body="y" * BIG))
        add("Home", mail(63, body="same lengt1"))  # one text, two bodies
        add("Home", mail(63, body="same lengt2"))
        for number in range(70, 80):
            add("Work", mail(number), ("", "F")[number % 2])
        (self.source / ".Work/dovecot-keywords").write_text("0 not(a)keyword\n1 fine\n")
        add("Work", mail(81), "Sa")
        add("Work", mail(82), "Sb")
        self.local.folder("Empty")
        self.local.age()

    def put(self, folder, data, flags=""):
        self.server.append(self.user, folder, data, flags, '" 1-Mar-2004 10:00:00 +0000"')

    def fill_server(self):
        for number in (70, 71, 72):
            self.put("Work", mail(number), "(\\Answered)")
        for number in (73, 74):
            self.put("INBOX", mail(number), "(\\Seen)")
        self.put("Filed/Here", mail(75))
        self.put("Trash", mail(76))
        self.put("Work", mail(77), "(\\Deleted)")
        self.put("Work", mail(78, body="another text"))
        self.put("INBOX", mail(90))

    def apply(self, number):
        self.log.unlink(missing_ok=True)
        result = self.hoist("apply", number, *self.to(), password=self.server.password, status=None,
                            env={"MAILHOIST_FAULT_LOG": str(self.log), "MAILHOIST_HURRY": "1"})
        return result, "plan-adopted" in self.log.read_text().split()

    def report(self):
        """Of the last run, without what tells it from another run."""
        arguments = ["report", "--state", self.state, "--format"]
        whole = json.loads(self.hoist(*arguments, "json").out)
        for key in ("run", "started", "finished", "account"):
            whole.pop(key, None)
        return whole, self.journal()

    def journal(self):
        """What the run has left for later ones."""
        path = next(self.state.glob("*/journal.sqlite"))
        with contextlib.closing(sqlite3.connect(path)) as db:
            first, = db.execute("SELECT max(first_line) FROM run").fetchone()
            return [db.execute(query, {"first": first}).fetchall() for query in QUERIES]

    def migrate(self, name, options, again):
        self.begin(name)
        self.source = self.folder / f"maildir-{name}" / "mail"
        self.write_first()
        self.run_to_server("run", self.source, *options, status=rig.REFUSED)
        self.write_rest()
        self.fill_server()
        for _ in range(2 if again else 1):
            self.run_to_server("plan", self.source, *options, status=rig.REFUSED)
        # the first of two plans: another one lies between
        result, adopted = self.apply("2")
        text = json.dumps(self.report()).replace(f"maildir-{name}", "maildir")
        return result.status, text, self.server.dump(self.user), adopted

    def test_same_as_planned_anew(self):
        cases = {
            "default": [],
            "all copies": ["--keep-duplicates"],
            "into folders": ["--duplicate-into-folders", "--file", "off"],
            "mapped": ["--map", "Work=Job/Old", "--map", "Home=INBOX", "--flags", "local"],
            "moved": ["--file", "move", "--include-deleted", "--prefix", "From home"],
        }
        for name, options in cases.items():
            with self.subTest(name):
                taken = self.migrate(f"{name}-1", options, False)
                anew = self.migrate(f"{name}-2", options, True)
                self.assertEqual([taken[3], anew[3]], [True, False], "lines taken over")
                self.assertEqual(taken[0], anew[0])
                self.assertEqual(json.loads(taken[1].replace(f"{name}-1", name)),
                                 json.loads(anew[1].replace(f"{name}-2", name)))
                self.assertEqual(taken[2], anew[2])

    def test_killed_in_the_middle(self):
        found = []
        for fault in (None, "plan-adopted:1", "plan-commit-before:1", "plan-commit-after:1",
                      "journal-run-finish:1"):
            self.begin(f"killed-{fault}")
            self.source = self.folder / "maildir"
            shutil.rmtree(self.source, ignore_errors=True)
            self.write_first()
            self.write_rest()
            self.fill_server()
            self.run_to_server("plan", self.source, status=rig.REFUSED)
            if fault:
                self.hoist("apply", "1", *self.to(), password=self.server.password, status=86,
                           env={"MAILHOIST_FAULT": fault, "MAILHOIST_HURRY": "1"})
            result, adopted = self.apply("1")
            self.assertEqual([result.status, adopted], [rig.REFUSED, not fault], str(result))
            self.assertTrue(self.report()[0]["balance"]["adds_up"])
            found.append(self.server.dump(self.user))
            self.assertEqual(found[-1], found[0], fault)

    # What may happen between a plan and its apply.

    def mail_comes(self):
        self.put("Work", mail(20))

    def flag_changes(self):
        client = self.server.connect(self.user)
        client.select("Work")
        client.store("1", "+FLAGS", "\\Flagged")
        client.logout()

    def mail_goes(self):
        client = self.server.connect(self.user)
        client.select("Work")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
        client.logout()

    def folder_comes(self):
        client = self.server.connect(self.user)
        client.create("home")
        client.logout()

    def folder_goes(self):
        client = self.server.connect(self.user)
        client.delete("Filed/Here")
        client.logout()

    def folder_is_made_anew(self):
        client = self.server.connect(self.user)
        client.delete("Filed/Here")
        client.create("Filed/Here")
        client.logout()

    def local_mail_comes(self):
        self.local.add("Home", mail(99))

    def local_folder_goes(self):
        (self.source / ".Empty/cur").rmdir()
        (self.source / ".Empty/new").rmdir()
        (self.source / ".Empty/tmp").rmdir()
        (self.source / ".Empty").rmdir()

    def run_lies_between(self):
        self.run_to_server("verify", self.source, status=None)

    def test_planned_anew_after_changes(self):
        changes = [self.mail_comes, self.flag_changes, self.mail_goes, self.folder_comes,
                   self.folder_goes, self.folder_is_made_anew, self.local_mail_comes,
                   self.local_folder_goes, self.run_lies_between]
        for change in changes:
            with self.subTest(change.__name__):
                self.begin(change.__name__)
                self.source = self.folder / f"maildir-{change.__name__}"
                self.write_first()
                self.write_rest()
                self.fill_server()
                self.run_to_server("plan", self.source, status=rig.REFUSED)
                change()
                result, adopted = self.apply("1")
                self.assertFalse(adopted)
                self.assertEqual(result.status, rig.REFUSED, str(result))
                self.assertTrue(self.report()[0]["balance"]["adds_up"])
                found = [row for row in self.server.dump(self.user) if row["folder"] == "Work"]
                ids = [row.get("message_id") for row in found]
                self.assertEqual(len([i for i in ids if i and "m21@" in i]), 1, "exactly once")
