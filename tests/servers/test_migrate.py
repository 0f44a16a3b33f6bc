"""Whole migrations to a real Dovecot, read back by another client."""
import os
import re
import signal
import subprocess
import time

import gen_mail
import rig


class Migration(rig.ServerTest):
    """What every server setup must pass; the classes below run it with others."""
    prefix = separator = None  # where they are not options of the server

    def generate(self, **options):
        settings = {"messages": 120, "seed": 5, "folders": 5, "median": 2000, "mean": 6000}
        self.stores = {kind: self.folder / kind for kind in ("maildir", "mbox", "thunderbird")}
        gen_mail.generate(**(settings | options), **self.stores, manifest=self.folder / "manifest")
        self.expected = [self.renamed(row)
                         for row in rig.mailboxes.read_rows(self.folder / "manifest")]

    def renamed(self, row):
        """Where the server shows the folder."""
        if row["folder"] != "INBOX":
            options = self.server_options
            separator = self.separator or options.get("separator", "/")
            row["folder"] = ((self.prefix or options.get("prefix", "")) +
                             row["folder"].replace("/", separator))
        return row

    def run_store(self, kind, *options, status=rig.OK):
        return self.run_to_server("run", self.stores[kind], *options, status=status)

    def account(self):
        return self.server.dump(self.user)

    def assertComplete(self):
        self.assertMailboxes(self.expected, self.account())

    def test_each_kind_of_store(self):
        self.generate()
        for kind in self.stores:
            with self.subTest(kind=kind):
                self.user = self.server.new_user()
                self.state = self.folder / f"state-{kind}"
                self.run_store(kind)
                self.assertComplete()
                before = self.account()
                self.run_store(kind)
                self.assertEqual(self.account(), before, "a second run has nothing to do")

    def test_one_store_after_the_other(self):
        """The same mail from another store, and with another journal: all of it is there."""
        self.generate()
        self.run_store("maildir")
        before = self.account()
        self.run_store("mbox")
        self.assertEqual(self.account(), before)
        self.state = self.folder / "another-machine"
        self.run_store("thunderbird")
        self.assertEqual(self.account(), before)
        self.run_to_server("verify", self.stores["thunderbird"])


class InMaildirs(Migration):
    """The plain case, and everything that need not be tried with every setup."""

    def test_dry_run_changes_nothing(self):
        self.generate()
        self.server.append(self.user, "INBOX", b"From: a@b.example\r\n\r\nthere before\r\n")
        before, folders = self.account(), self.folders()
        self.run_to_server("plan", self.stores["maildir"])
        self.assertEqual(self.account(), before)
        self.assertEqual(self.folders(), folders)

    def folders(self):
        client = self.server.connect(self.user)
        try:
            return [client.list()[1], client.lsub()[1]]
        finally:
            client.logout()

    def test_empty_folders_are_made_once(self):
        """They are part of what the user had; but one that the user deletes stays away."""
        self.generate(messages=5)
        for part in ("cur", "new", "tmp"):
            (self.stores["maildir"] / ".Later.Bills" / part).mkdir(parents=True)
        self.run_to_server("plan", self.stores["maildir"])
        self.assertNotIn(b"Later/Bills", b"".join(self.folders()[0]))
        self.run_store("maildir")
        self.assertIn(b"Later/Bills", b"".join(self.folders()[0]))
        self.assertIn(b"Later/Bills", b"".join(self.folders()[1]), "subscribed, too")
        self.run_store("maildir")
        client = self.server.connect(self.user)
        client.delete("Later/Bills")
        client.logout()
        self.run_store("maildir")
        self.assertNotIn(b"Later/Bills", b"".join(self.folders()[0]))

    def test_server_copies_with_one_received_field_more(self):
        """What POP left on the server is the same mail, though it came another way."""
        self.generate(messages=60)
        self.put_into_inbox(lambda data: b"Received: from a.example by b.example; "
                                         b"Mon, 1 Mar 2004 10:00:00 +0000\r\n" + data)
        before = self.account()
        self.run_store("maildir", "--file", "off")
        after = self.account()
        self.assertEqual([row for row in after if row["folder"] != "INBOX"], [])
        self.assertEqual(len(after), len(before), "nothing was uploaded")

    def put_into_inbox(self, change):
        client = self.server.connect(self.user)
        seen = set()
        for mail in gen_mail.all_mail(60, 5, 5, 2000, 6000):
            if mail.data not in seen:
                seen.add(mail.data)
                client.append("INBOX", "", None, change(mail.data))
        client.logout()

    def test_duplicate_into_folders(self):
        self.generate(messages=60)
        self.put_into_inbox(lambda data: data)
        self.run_store("maildir", "--duplicate-into-folders")
        wanted = {(row["folder"], row["sha256"]) for row in self.expected}
        have = {(row["folder"], row["sha256"]) for row in self.account()}
        self.assertFalse(wanted - have)

    def test_folders_that_have_the_mail_already(self):
        self.generate(messages=60)
        self.run_store("maildir")
        before = self.account()
        self.state = self.folder / "new-state"
        self.run_store("thunderbird")
        self.assertEqual(self.account(), before)

    def test_what_the_user_deletes_later_is_not_sent_again(self):
        self.generate(messages=40)
        self.run_store("maildir")
        client = self.server.connect(self.user)
        client.select("Sent")
        client.store("1:3", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.logout()
        before = self.account()
        self.run_store("maildir")
        self.assertEqual(self.account(), before)

    def test_a_copy_that_is_marked_deleted_stands_for_nothing(self):
        """It goes with the next EXPUNGE, and with it would go the only copy."""
        self.generate(messages=20)
        self.run_store("maildir")
        client = self.server.connect(self.user)
        client.select("Family")
        client.store("1:*", "+FLAGS", "(\\Deleted)")
        client.logout()
        self.state = self.folder / "another-machine"
        self.run_store("maildir")
        client = self.server.connect(self.user)
        client.select("Family")
        client.expunge()
        client.logout()
        self.assertComplete()

    def test_same_id_with_another_body_goes_up(self):
        folder = self.folder / "maildir" / "cur"
        for sub in ("cur", "new", "tmp"):
            (folder.parent / sub).mkdir(parents=True)
        head = (b"Received: by mx.example; Mon, 1 Mar 2004 10:00:00 +0000\r\nFrom: a@b.example\r\n"
                b"Date: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: x\r\nMessage-ID: <1@b.example>\r\n"
                b"\r\n")
        self.server.append(self.user, "INBOX", head + b"first body\r\n")
        for number, body in enumerate((b"first body\r\n", b"other body\r\n")):
            (folder / f"107813520{number}.M1P1.h:2,").write_bytes(head + body)
        self.run_to_server("run", folder.parent)
        self.assertEqual(sorted(row["size"] for row in self.account()), [len(head) + 12] * 2)
        self.assertEqual(len({row["sha256"] for row in self.account()}), 2)

    def test_one_text_to_many_without_an_id_is_many_messages(self):
        """A mail merge: who it went to tells the messages apart, where no Message-ID does."""
        maildir = self.folder / "maildir"
        for sub in ("cur", "new", "tmp"):
            (maildir / sub).mkdir(parents=True)
        head = (b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: x\r\n"
                b"To: %s@b.example\r\n")
        text = b"\r\nthe same to all\r\n"
        self.server.append(self.user, "INBOX",
                           head % b"one" + b"Message-ID: <1@b.example>\r\n" + text)
        for number, name in enumerate((b"one", b"two")):
            (maildir / "cur" / f"107813520{number}.M1P1.h:2,").write_bytes(head % name + text)
        self.run_to_server("run", maildir)
        self.assertEqual(len(self.account()), 2, "one was there; two was not")

    def test_a_file_that_is_rewritten_in_place(self):
        """Nothing in its directory shows it; the next run but one must know."""
        maildir = self.folder / "maildir"
        for sub in ("cur", "new", "tmp"):
            (maildir / sub).mkdir(parents=True)
        mail = maildir / "cur" / "1078135200.M1P1.h:2,"
        mail.write_bytes(b"Subject: x\r\n\r\nbefore\r\n")
        for path in (maildir / "cur", maildir / "new", maildir):
            os.utime(path, (1078135200, 1078135200))
        self.run_to_server("plan", maildir)
        mail.write_bytes(b"Subject: x\r\n\r\nafter all\r\n")
        self.run_to_server("run", maildir, status=rig.REFUSED)
        self.assertEqual(self.account(), [])
        self.run_to_server("run", maildir)
        self.assertEqual([row["size"] for row in self.account()], [25])

    def test_full_verification_of_odd_messages(self):
        """Without a header, without a body, without an empty line: what is there is there."""
        maildir = self.folder / "maildir"
        for sub in ("cur", "new", "tmp"):
            (maildir / sub).mkdir(parents=True)
        odd = (b"no header at all\r\n", b"\r\nbody alone\r\n", b"Subject: no body\r\n\r\n",
               b"Subject: no empty line\r\n", b"no header\r\n\r\nbut a body\r\n")
        for number, data in enumerate(odd):
            (maildir / "cur" / f"107813520{number}.M1P1.h:2,").write_bytes(data)
        self.run_to_server("run", maildir, "--verify", "full")
        self.assertEqual(len(self.account()), len(odd))
        self.run_to_server("verify", maildir, "--verify", "full")
        self.state = self.folder / "another-machine"
        self.run_to_server("verify", maildir, "--verify", "full")

    def test_map_and_prefix(self):
        self.generate(messages=40)
        self.run_store("maildir", "--prefix", "Old mail", "--map", "Work=Büro & mehr")
        folders = {row["folder"] for row in self.account()}
        self.assertIn("Old mail/Büro & mehr", folders | {f"Old mail/{f}" for f in folders})
        self.assertEqual({row["sha256"] for row in self.account()},
                         {row["sha256"] for row in self.expected})

    def test_verify_finds_what_is_missing(self):
        self.generate(messages=40)
        self.run_store("maildir")
        self.run_to_server("verify", self.stores["maildir"])
        client = self.server.connect(self.user)
        client.select("Work")
        client.store("2", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.logout()
        result = self.run_to_server("verify", self.stores["maildir"], status=rig.DIFFERS)
        self.assertIn("Work", result.out + result.err)

    def test_full_verification(self):
        self.generate(messages=40)
        self.run_store("maildir", "--verify", "full")
        self.assertComplete()

    def test_two_at_once(self):
        """The second one is told that the first is at work."""
        self.generate(messages=400)
        first = subprocess.Popen(
            [rig.PROGRAM, "run", self.stores["maildir"], *map(str, self.to())],
            env=os.environ | {"MAILHOIST_PASSWORD": self.server.password},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first.send_signal(signal.SIGSTOP)
        try:
            while not list(self.state.rglob("journal.sqlite")):
                first.send_signal(signal.SIGCONT)
                time.sleep(0.02)
                first.send_signal(signal.SIGSTOP)
                self.assertIsNone(first.poll())
            result = self.run_store("maildir", status=rig.TEMPFAIL)
            self.assertIn("another", result.err)
        finally:
            first.send_signal(signal.SIGCONT)
        self.assertEqual(first.wait(60), rig.OK)
        self.assertComplete()

    def test_stopped_by_a_signal_and_resumed(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number.name):
                self.user = self.server.new_user()
                self.state = self.folder / f"state-{status}"
                self.generate(messages=1500, median=4000, mean=20000)
                process = subprocess.Popen(
                    [rig.PROGRAM, "run", self.stores["maildir"], *map(str, self.to())],
                    env=os.environ | {"MAILHOIST_PASSWORD": self.server.password},
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                while not list(self.state.rglob("journal.sqlite")):
                    time.sleep(0.01)
                    self.assertIsNone(process.poll())
                process.send_signal(number)
                error = process.communicate(timeout=60)[1].decode()
                self.assertEqual(process.returncode, status, error)
                self.assertIn("resume", error.lower() + " resume" * ("again" in error.lower()))
                self.run_store("maildir")
                self.assertComplete()


class WithNamespacePrefix(Migration):
    server_options = {"prefix": "INBOX.", "separator": "."}


class OnCyrus(Migration):
    server_kind = "cyrus"
    prefix, separator = "INBOX.", "."


class OnCyrusBesideInbox(Migration):
    server_kind = "cyrus"
    server_options = {"layout": "alternative"}


class OnCourier(Migration):
    server_kind = "courier"
    prefix, separator = "INBOX.", "."


class InOneFileStorage(Migration):
    server_options = {"format": "mdbox"}


class WithoutMultiappend(Migration):
    server_options = {"capability": "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS NAMESPACE SPECIAL-USE"}

    def run_traced(self, **mail):
        """The folders that were opened for writing, and how many APPENDs there were."""
        self.generate(**mail, median=300, mean=400)
        trace = self.folder / "trace"
        trace.unlink(missing_ok=True)
        self.run_store("maildir", "--trace", trace)
        self.assertComplete()
        text = trace.read_text(errors="replace")
        return re.findall(r"C: \S* ?SELECT (\S+)", text), text.count("C: APPEND")

    def test_a_large_folder_is_kept_open(self):
        """Dovecot reads a maildir in anew for each message, unless it is open."""
        folders, appends = self.run_traced(messages=1100, folders=1)
        self.assertEqual(len(folders), 1)
        self.assertGreater(appends, 1000)
        folders, appends = self.run_traced(messages=1105, folders=1)
        self.assertEqual(len(folders), 1, "for five messages more, too")

    def test_small_ones_are_not(self):
        folders, _ = self.run_traced(messages=900, folders=3)
        self.assertEqual(folders, [])


class WithSmallLiteralsOnly(Migration):
    server_options = {"extra": "imap_literal_minus = yes"}


class WithNothing(Migration):
    """IMAP4rev1 and no extension at all: one synchronising APPEND after the other."""
    server_options = {"capability": "IMAP4rev1"}


class WithReadOnlyFolder(Migration):
    """The server refuses one folder: its messages are refused and listed, all others arrive."""
    test_one_store_after_the_other = test_each_kind_of_store = None

    @classmethod
    def setUpClass(cls):
        folder = rig.scratch()
        rules = folder.__enter__() / "acl"
        cls.addClassCleanup(folder.__exit__, None, None, None)
        rules.write_text("Work owner lrwsk\n")
        cls.server_options = {"extra": f"mail_plugins = acl\nplugin {{\n  acl = vfile:{rules}\n}}"}
        super().setUpClass()

    def test_folder_that_may_not_be_written(self):
        self.generate(messages=60)
        client = self.server.connect(self.user)
        client.create("Work")
        client.logout()
        for _ in range(2):
            result = self.run_store("maildir", status=rig.REFUSED)
            self.assertIn("Work", result.out)
            self.assertRegex(result.out, "(?i)permission")
            self.assertMailboxes([row for row in self.expected if row["folder"] != "Work"],
                                 self.account())


class Limits(rig.ServerTest):
    server_options = {"max_mail": "100k"}

    def test_messages_that_are_too_large_are_refused_and_kept(self):
        source = self.folder / "maildir"
        gen_mail.generate(60, seed=9, folders=2, median=8000, mean=60000, maildir=source,
                          manifest=self.folder / "manifest")
        expected = rig.mailboxes.read_rows(self.folder / "manifest")
        small = [row for row in expected if row["size"] <= 100 * 1024]
        large = {row["sha256"] for row in expected if row["size"] > 100 * 1024}
        self.assertTrue(large)
        result = self.run_to_server("run", source, status=rig.REFUSED)
        self.assertMailboxes(small, self.server.dump(self.user))
        self.assertRegex(result.out + result.err, "(?i)size")
        kept = [path for path in self.state.rglob("failed/*/*") if path.is_file()]
        self.assertEqual(len(kept), len(large))
        self.run_to_server("run", source, status=rig.REFUSED)
        self.assertMailboxes(small, self.server.dump(self.user))


class Apply(rig.ServerTest):
    def test_what_has_vanished_since_the_plan_is_told(self):
        source = self.folder / "maildir"
        gen_mail.generate(30, seed=9, folders=2, median=2000, mean=3000, maildir=source)
        self.run_to_server("plan", source)
        files = sorted(path for path in source.rglob("*") if path.is_file())
        files[0].unlink()
        result = self.run_to_server("apply", "1", status=rig.REFUSED)
        self.assertIn("no longer in their sources", result.out)
        self.assertEqual(len(self.server.dump(self.user)), 29)


class Quota(rig.ServerTest):
    server_options = {"quota": "400k"}

    def test_full_account_stops_the_run(self):
        source = self.folder / "maildir"
        gen_mail.generate(200, seed=9, folders=2, median=4000, mean=6000, maildir=source)
        result = self.run_to_server("run", source, status=rig.QUOTA)
        self.assertRegex(result.err, "(?i)quota|full")
        found = self.server.dump(self.user)
        self.assertTrue(found)
        self.assertEqual(len({row["sha256"] for row in found}), len(found))

    def test_the_plan_says_so_beforehand(self):
        source = self.folder / "maildir"
        gen_mail.generate(200, seed=9, folders=2, median=4000, mean=6000, maildir=source)
        result = self.run_to_server("plan", source, status=rig.QUOTA)
        self.assertRegex(result.out, r"does not fit by \d.* [kM]B")
        self.assertEqual(self.server.dump(self.user), [])
        small = self.folder / "small"
        gen_mail.generate(10, seed=9, folders=2, median=4000, mean=6000, maildir=small)
        self.assertNotIn("does not fit", self.run_to_server("plan", small).out)

    def test_the_plan_says_how_long_limits_make_it_last(self):
        source = self.folder / "maildir"
        gen_mail.generate(50, seed=9, folders=2, median=2000, mean=3000, maildir=source)
        result = self.run_to_server("plan", source, "--profile", "exchange")
        self.assertNotIn("takes at least", result.out)
        result = self.run_to_server("plan", source, "--max-bytes-per-day", "10k")
        self.assertRegex(result.out, r"takes at least \d+ days")


del Migration  # only its descendants are tests
