"""What the journal knows of the server: it is what the server holds now."""
import sqlite3

import rig
from memserver import Hangup, MemServer

MAIL = b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: %d\r\n" \
       b"Message-ID: <%d@b.example>\r\n\r\ntext %d\r\n"


def mail(number):
    return MAIL % (number, number, number)


class Condstore(MemServer):
    capabilities = MemServer.capabilities + " CONDSTORE"


class NoModseq(Condstore):
    """Names CONDSTORE, but refuses CHANGEDSINCE."""
    def do_uid(self, line, command):
        if "CHANGEDSINCE" in command.rest:
            command = command._replace(rest="nonsense")
        return super().do_uid(line, command)


class Words(rig.ProgramTest):
    def test_alerts_are_shown_once(self):
        """At each login, as servers do it; here the line is lost in between."""
        class Alerting(MemServer):
            greeting = "* OK [ALERT] The disk is \u202enearly full"

            def do_examine(self, line, command):
                if len(self.commands("EXAMINE")) == 1:
                    raise Hangup
                super().do_examine(line, command)

        source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (source / name).mkdir(parents=True)
        with Alerting() as server:
            server.put("INBOX", mail(1))
            result = self.hoist("plan", source, "--to", server.url(), "--state", self.state,
                                password="x", env={"MAILHOIST_HURRY": "1"})
            self.assertEqual(server.connections, 2)
            self.assertEqual(result.err.count("The disk is ?nearly full"), 1, result.err)


class Flags(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)

    def plan(self, server):
        self.hoist("plan", self.source, "--to", server.url(), "--state", self.state, password="x",
                   env={"MAILHOIST_HURRY": "1"})

    def flags(self):
        """UID: (flags, keywords) of what the journal has."""
        (path,) = self.state.glob("*/journal.sqlite")
        with sqlite3.connect(path) as db:
            rows = db.execute("SELECT id & 4294967295, flags, keywords FROM remote ORDER BY id")
            return {uid: (flags, keywords) for uid, flags, keywords in rows}

    def fetches(self, server):
        return [c.rest for c in server.commands("UID")]

    def test_changes(self):
        """Seen, deleted, a keyword, and a message more: each shows in the next run."""
        for kind, question in ((MemServer, "(UID FLAGS)"), (Condstore, "(CHANGEDSINCE 4)"),
                               (NoModseq, "(UID FLAGS)")):
            with self.subTest(server=kind.__name__), kind() as server:
                self.state = self.folder / kind.__name__
                messages = [server.put("INBOX", mail(i), ["\\Seen"]) for i in (1, 2, 3)]
                self.plan(server)
                self.assertEqual(self.flags(), {1: (1, None), 2: (1, None), 3: (1, None)})
                messages[0].flags = {"\\Deleted"}
                messages[2].flags = {"\\Seen", "$Work"}
                for message in (messages[0], messages[2]):
                    server.folders["INBOX"].touch(message)
                del server.heard[:]
                self.plan(server)
                self.assertEqual(self.flags(), {1: (8, None), 2: (1, None), 3: (1, "$Work")})
                self.assertEqual(len(self.fetches(server)), 2 if kind is NoModseq else 1)
                self.assertTrue(self.fetches(server)[-1].endswith(question), self.fetches(server))
                messages[1].flags = set()
                server.folders["INBOX"].touch(messages[1])
                server.put("INBOX", mail(4), ["\\Flagged"])
                self.plan(server)
                self.assertEqual(self.flags(), {1: (8, None), 2: (0, None), 3: (1, "$Work"),
                                                4: (4, None)})

    def test_nothing_changed(self):
        with Condstore() as server:
            server.put("INBOX", mail(1))
            self.plan(server)
            del server.heard[:]
            self.plan(server)
            self.assertEqual(self.fetches(server), [])
            self.assertEqual(server.commands("EXAMINE"), [])
