"""What may befall a line or a server while it takes mail, one row each: afterwards every message is
there exactly once, and the user has been told what happened. The server is a real one, behind a relay."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import unittest

import gen_mail
import rig
from faultproxy import FaultProxy

FIRST_REPLY = rb"\S+ OK \[APPENDUID"
FOREIGN = b"From: else@b.example\r\nSubject: somebody else's\r\n\r\ndelivered meanwhile\r\n"


class Matrix(rig.ServerTest):
    server_options = {"extra": "ssl = no"}

    def setUp(self):
        super().setUp()
        self.generate("maildir")

    def generate(self, store, messages=60, median=900, mean=1500):
        self.source = self.folder / store
        gen_mail.generate(messages, seed=5, folders=3, median=median, mean=mean, maildir=self.source,
                          manifest=self.folder / "manifest")
        self.expected = rig.mailboxes.read_rows(self.folder / "manifest")

    def run_by(self, proxy, *options, status=rig.OK):
        return self.hoist("run", self.source, "--to", self.server.plain_url(self.user, proxy.port),
                          "--state", self.state, *options, password=self.server.password, status=status,
                          env={"MAILHOIST_HURRY": "1"}, timeout=120)

    def assertComplete(self, result, foreign=0):
        found = self.server.dump(self.user)
        others = [row for row in found if row["size"] == len(FOREIGN)]
        self.assertEqual(len(others), foreign)
        faults = rig.mailboxes.compare(self.expected, [row for row in found if row not in others])
        self.assertFalse(faults, "\n".join(faults) + str(result))

    def by_others(self, act):
        """What another client of the same account does."""
        client = self.server.connect(self.user)
        try:
            act(client)
        finally:
            client.logout()

    def sessions(self):
        """The server's processes that serve an account."""
        master = int((self.server.folder / "run/master.pid").read_text())
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                fields = (path / "stat").read_text().rpartition(")")
                if int(fields[2].split()[1]) == master and fields[0].endswith("(imap"):
                    yield int(path.name)
            except OSError:
                pass  # it has ended

    def signal_sessions(self, number):
        for pid in self.sessions():
            os.kill(pid, number)


class Lines(Matrix):
    def test_the_reply_is_lost(self):
        for how in ("rst", "fin", "stall"):
            with self.subTest(how=how):
                self.user, self.state = self.server.new_user(), self.folder / how
                with FaultProxy(self.server.port, cut_at={"down": FIRST_REPLY}, how=how) as proxy:
                    result = self.run_by(proxy, "--timeout", "2")
                    self.assertTrue(proxy.fired)
                self.assertComplete(result)
                self.assertRegex(result.err, "not answered in time|closed the connection|connection lost")

    def test_bye_instead_of_the_reply(self):
        words = "Too much mail from you, come back later"
        with FaultProxy(self.server.port, cut_at={"down": FIRST_REPLY}, how="fin",
                        inject=f"* BYE {words}\r\n".encode()) as proxy:
            result = self.run_by(proxy)
        self.assertComplete(result)
        self.assertIn(words, result.err)

    def test_bye_in_the_middle_of_a_message(self):
        self.generate("large", 30, median=60000, mean=120000)
        words = "Internal error, and good night"
        with FaultProxy(self.server.port, cut_up=200000, how="fin",
                        inject=f"* BYE {words}\r\n".encode()) as proxy:
            result = self.run_by(proxy)
        self.assertComplete(result)
        self.assertIn(words, result.err)

    def test_the_literal_goes_nowhere(self):
        """Half-open: what is sent vanishes in buffers, and nobody says so."""
        self.generate("large", 30, median=60000, mean=120000)
        with FaultProxy(self.server.port, cut_up=200000, how="stall") as proxy:
            result = self.run_by(proxy, "--timeout", "2")
            self.assertTrue(proxy.fired)
        self.assertComplete(result)

    def test_small_buffers(self):
        self.generate("large", 30, median=60000, mean=120000)
        with FaultProxy(self.server.port, buffer=2048) as proxy:
            result = self.run_by(proxy)
        self.assertComplete(result)


    def test_jitter(self):
        """All comes in pieces, now at once and now late; then the reply is lost, too."""
        for cut in (None, {"down": FIRST_REPLY}):
            with self.subTest(cut=cut):
                self.user, self.state = self.server.new_user(), self.folder / str(cut)
                with FaultProxy(self.server.port, jitter=0.03, cut_at=cut) as proxy:
                    result = self.run_by(proxy)
                    self.assertEqual(proxy.fired, cut is not None)
                self.assertComplete(result)
                if cut is None:
                    self.assertNotIn("connecting again", result.err)


class Servers(Matrix):
    def test_its_process_is_killed(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(signal=number.name):
                self.user, self.state = self.server.new_user(), self.folder / number.name
                with FaultProxy(self.server.port, before={
                        b" APPEND ": lambda: self.signal_sessions(number)}) as proxy:
                    result = self.run_by(proxy)
                self.assertComplete(result)

    def test_its_process_stands_still(self):
        with FaultProxy(self.server.port, before={
                b" APPEND ": lambda: self.signal_sessions(signal.SIGSTOP)}) as proxy:
            result = self.run_by(proxy, "--timeout", "2")
        self.signal_sessions(signal.SIGCONT)
        time.sleep(1)  # what it had been sent before is now carried out: nothing, the line is closed
        self.assertComplete(result)

    def test_it_is_started_anew(self):
        """Soon enough for this run, or for the next one: a run gives up early here."""
        old, up_again = self.server, threading.Event()

        def restart():
            old.stop()
            type(self).server = rig.Server(old.folder, **self.server_options)
            self.proxy.to = self.server.port
            up_again.set()
        with FaultProxy(self.server.port, before={b" APPEND ": restart}) as self.proxy:
            result = self.run_by(self.proxy, status=None)
            self.assertTrue(up_again.wait(60))
            if result.status != rig.OK:
                self.assertIn(result.status, (rig.TEMPFAIL, rig.CONNECT), str(result))
                result = self.run_by(self.proxy)
        self.assertComplete(result)


class OtherClients(Matrix):
    def test_mail_arrives_and_goes(self):
        """Somebody delivers into the folder and expunges what he finds, while the reply gets lost."""
        def act(client):
            client.append("INBOX", None, None, FOREIGN)
            client.select("INBOX")
            client.append("INBOX", None, None, FOREIGN.replace(b"meanwhile", b"and gone ."))
            client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
            client.uid("EXPUNGE", "2")
            client.unselect()

        with FaultProxy(self.server.port, cut_at={"down": FIRST_REPLY},
                        before={b" APPEND ": lambda: self.by_others(act)}) as proxy:
            result = self.run_by(proxy)
        self.assertComplete(result, foreign=1)

    def test_a_folder_is_deleted(self):
        """It was made by us a moment ago: it is made once more, or its mail is refused and kept."""
        with FaultProxy(self.server.port, before={
                b' APPEND "Work"': lambda: self.by_others(lambda c: c.delete("Work"))}) as proxy:
            result = self.run_by(proxy, status=None)
        if result.status != rig.OK:
            self.assertEqual(result.status, rig.REFUSED, str(result))
            self.assertIn("Work", result.out)
            result = self.hoist("run", self.source, *self.to_plain(), password=self.server.password)
        self.assertComplete(result)

    def to_plain(self):
        return ["--to", self.server.plain_url(self.user), "--state", self.state]

    def test_a_folder_is_made_anew(self):
        """Between a lost reply and the next run: nothing that was known of the folder holds any more."""
        with FaultProxy(self.server.port, cut_at={"down": FIRST_REPLY}, refuse_after=True) as proxy:
            result = self.run_by(proxy, status=None)
            self.assertIn(result.status, (rig.CONNECT, rig.TEMPFAIL), str(result))

        def anew(client):
            for name in ("Sent", "Work"):
                client.delete(name)
                client.create(name)
                client.append(name, None, None, FOREIGN)
        self.by_others(anew)
        result = self.hoist("run", self.source, *self.to_plain(), password=self.server.password)
        self.assertComplete(result, foreign=2)


class OpenFolder(Matrix):
    """Without MULTIAPPEND large folders are kept open; Dovecot hangs up on whoever has one open that
    is deleted (servers.md 2.8)."""
    server_options = {"extra": "ssl = no",
                      "capability": "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS NAMESPACE"}

    def test_it_is_deleted(self):
        self.generate("large", 3600, median=300, mean=400)
        trace = self.folder / "trace"
        with FaultProxy(self.server.port, before={
                b' APPEND "Work"': lambda: self.by_others(lambda c: c.delete("Work"))}) as proxy:
            result = self.run_by(proxy, "--trace", trace, status=None)
        self.assertTrue(re.search(r'C: \S* ?SELECT "Work"', trace.read_text(errors="replace")))
        if result.status != rig.OK:
            result = self.run_by(self.server, status=rig.OK)
        self.assertComplete(result)


class Injection(Matrix):
    """The mail is full of commands, and the server rejects the line that announces it: servers that do
    not swallow the literal then would take the mail at its word (servers.md, finding 1)."""
    COMMANDS = b"".join(b"x%d %s\r\n" % (i, words) for i, words in enumerate((
        b'DELETE INBOX', b'DELETE "Keep"', b'CREATE "PWNED"', b'SELECT INBOX',
        b'STORE 1:* +FLAGS (\\Deleted)', b'EXPUNGE')))

    def setUp(self):
        super().setUp()
        self.prefix = "INBOX." if self.server_kind == "courier" else ""
        self.source = self.folder / "commands"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)
        for i in range(20):
            data = b"From: a@b.example\r\nSubject: %d\r\n%s\r\n%s" % (i, self.COMMANDS, self.COMMANDS)
            (self.source / "cur" / f"1078131600.M{i:04}.host:2,S").write_bytes(data.replace(b"\r\n", b"\n"))
        self.server.append(self.user, self.prefix + "Keep", FOREIGN)

    def rejected(self, words, by):
        with FaultProxy(self.server.port, alter=(words, by)) as proxy:
            result = self.run_by(proxy, status=None)
        self.assertIn(result.status, (rig.REFUSED, rig.TEMPFAIL, rig.CONNECT, rig.UNAVAILABLE), str(result))
        found = self.server.dump(self.user)
        self.assertEqual([(row["folder"], row["size"]) for row in found],
                         [(self.prefix + "Keep", len(FOREIGN))], str(result))
        self.by_others(lambda client: self.assertNotIn(b"PWNED", b"".join(client.list()[1])))

    def test_a_flag_that_is_none(self):
        self.rejected(rb" \(\\Seen\) ", rb" (\\Foo) ")

    def test_a_date_that_is_none(self):
        self.rejected(rb'"[ \d]\d-Mar-2004', rb'"99-Foo-2004')

    def test_quotes_that_do_not_end(self):
        self.rejected(rb'(APPEND )"INBOX"', rb'\1"INBOX')


class InjectionOnCourier(Injection):
    server_kind = "courier"
    server_options = {}


class ServersDisk(Matrix):
    """The server's disk is full, and later it is not."""

    @classmethod
    def setUpClass(cls):
        scratch = rig.scratch()
        cls.disk = scratch.__enter__()
        cls.addClassCleanup(scratch.__exit__, None, None, None)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", cls.disk],
                          capture_output=True).returncode != 0:
            raise unittest.SkipTest("mounting a small disk is not permitted here")
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.disk])
        cls.server_options = {**cls.server_options, "maildir": cls.disk / "mail"}
        super().setUpClass()

    def test_is_full_and_then_larger(self):
        self.generate("large", 60, median=60000, mean=120000)
        with FaultProxy(self.server.port) as proxy:
            result = self.run_by(proxy, status=None)
            self.assertIn(result.status, (rig.TEMPFAIL, rig.QUOTA, rig.REFUSED), str(result))
            self.assertRegex(result.err, "(?i)no space|not enough disk|disk space|internal error|quota")
            subprocess.run(["mount", "-o", "remount,size=100m", self.disk], check=True)
            result = self.run_by(proxy)
        self.assertComplete(result)


class TornJournal(Matrix):
    """The program was killed, and its journal lost its end, or all of it."""

    def test_at_many_lengths(self):
        self.generate("small", 24)
        for file in ("journal.sqlite", "journal.sqlite-wal"):
            for part in (0.0, 0.02, 0.3, 0.5, 0.8, 0.99):
                with self.subTest(file=file, part=part):
                    self.user, self.state = self.server.new_user(), self.folder / f"{file}-{part}"
                    self.torn(file, part)

    def torn(self, file, part):
        arguments = ("run", self.source, "--to", self.server.plain_url(self.user), "--state", self.state)
        self.hoist(*arguments, password=self.server.password, status=rig.FAULT,
                   env={"MAILHOIST_HURRY": "1", "MAILHOIST_FAULT": "upload-sent:1"})
        path, = self.state.rglob(file)
        os.truncate(path, int(path.stat().st_size * part))
        again = {"password": self.server.password, "env": {"MAILHOIST_HURRY": "1"}}
        result = self.hoist(*arguments, status=None, **again)
        if result.status != rig.OK:
            self.assertIn("journal", result.err)
            for left in self.state.rglob("journal.sqlite*"):
                left.unlink()
            result = self.hoist(*arguments, **again)
        self.assertComplete(result)
