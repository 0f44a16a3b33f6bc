"""What the journal knows of the server: it is what the server holds now."""
import io
import re
import select
import sqlite3

import rig
from memserver import Hangup, MemServer, Refuse

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


    def test_a_trace_that_cannot_be_written(self):
        """It ends, which is said once; the work goes on."""
        source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (source / name).mkdir(parents=True)
        with MemServer() as server:
            result = self.hoist("plan", source, "--to", server.url(), "--state", self.state, "--trace", "/dev/full",
                                password="x")
            self.assertEqual(result.err.count("--trace '/dev/full' ends here: No space left"), 1, result.err)

    def test_check_shows_an_alert_once(self):
        class Alerting(MemServer):
            def do_status(self, line, command):
                line.say("* OK [ALERT] The disk is full")
                super().do_status(line, command)

        with Alerting() as server:
            for name in "abc":
                server.make(name)
            result = self.hoist("check", "--to", server.url(), "--probe", "--state", self.state, password="x")
            self.assertEqual((result.out + result.err).count("The disk is full"), 1, str(result))


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


class Patient(io.RawIOBase):
    """Reads from a socket, and counts how often the other side had nothing more to say."""
    def __init__(self, sock, server):
        super().__init__()
        self.sock, self.server = sock, server

    def readable(self):
        return True

    def readinto(self, buffer):
        if not select.select([self.sock], [], [], 0.03)[0]:
            self.server.turns += 1
        return self.sock.recv_into(buffer)


class Turns(MemServer):
    """Counts round trips."""
    turns = 0

    def talk(self, line):
        line.file = io.BufferedReader(Patient(line.sock, self))
        super().talk(line)


class ListStatus(Turns):
    capabilities = Turns.capabilities + " SPECIAL-USE LIST-EXTENDED LIST-STATUS CONDSTORE"

    def do_list(self, line, command):
        super().do_list(line, command)
        if "RETURN" in command.rest and "STATUS (" in command.rest:
            for name in self.folders:
                self.do_status(line, command._replace(rest=f'"{name}"'))


class ManyFolders(rig.ProgramTest):
    """The number of folders costs no round trips, and what is asked ahead is right in the end."""
    FOLDERS = 40
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)

    def fill(self, server):
        for number in range(self.FOLDERS):
            server.make(f"folder {number}")
            for message in range(number % 3):
                server.put(f"folder {number}", mail(100 * number + message))
        return {name: [m.uid for m in f.messages] for name, f in server.folders.items()}

    def plan(self, server, status=rig.OK):
        server.turns = 0
        return self.hoist("plan", self.source, "--to", server.url(), "--state", self.state,
                          password="x", env={"MAILHOIST_HURRY": "1"}, status=status)

    def indexed(self):
        (path,) = self.state.glob("*/journal.sqlite")
        with sqlite3.connect(path) as db:
            rows = {name: [] for name, in db.execute("SELECT wire_name FROM folder WHERE listed")}
            for name, uid in db.execute("SELECT wire_name, r.id & 4294967295 FROM folder f JOIN "
                                        "remote r ON r.id >> 32 = f.id ORDER BY r.id"):
                rows[name].append(uid)
            return rows

    def check(self, server):
        self.assertEqual(self.indexed(), {name: [m.uid for m in folder.messages]
                                          for name, folder in server.folders.items()})

    def test_round_trips(self):
        for kind, again in ((ListStatus, 12), (Turns, 20)):
            with self.subTest(server=kind.__name__), kind() as server:
                self.state = self.folder / kind.__name__
                self.fill(server)
                self.plan(server)
                self.check(server)
                self.assertLess(server.turns, 30)
                self.plan(server)
                self.check(server)
                self.assertLess(server.turns, again)

    def test_changes_in_between(self):
        """What LIST told is old when the folder is opened: more mail, less, another folder."""
        class Busy(ListStatus):
            busy = True

            def do_list(self, line, command):
                super().do_list(line, command)
                if self.busy and "STATUS (" in command.rest:
                    self.put("folder 4", mail(9001))
                    self.put("folder 30", mail(9002))
                    del self.folders["folder 5"].messages[0]
                    self.folders["folder 8"].uidvalidity = 777
                    self.put("folder 9", mail(9003))

        with Busy() as server:
            self.fill(server)
            self.plan(server)
            self.check(server)
            self.plan(server)  # what happens behind LIST to a folder as it was is for the next run
            server.busy = False
            self.plan(server)
            self.check(server)

    def test_refused(self):
        """One folder cannot be opened; its neighbours are read all the same."""
        class Closed(ListStatus):
            def do_examine(self, line, command):
                if "folder 7" in command.rest:
                    line.selected = None
                    raise Refuse("[NOPERM] not you")
                super().do_examine(line, command)

        with Closed() as server:
            self.fill(server)
            result = self.plan(server)
            self.assertIn("'folder 7' cannot be read on the server", result.err)
            want = {name: [m.uid for m in f.messages] for name, f in server.folders.items()}
            want["folder 7"] = []
            self.assertEqual(self.indexed(), want)
            self.assertLess(server.turns, 40)

    def test_one_command_at_a_time(self):
        """A server that hangs up on whoever does not wait: then each question waits for its answer."""
        class Strict(Turns):
            def talk(self, line):
                self.line = line
                super().talk(line)

            def answer(self, line, command):
                if command.name == "EXAMINE" and re.search(rb"\r\n", line.file.peek(1)[:2000] if
                                                           select.select([line.sock], [], [], 0)[0]
                                                           else b""):
                    raise Hangup
                super().answer(line, command)

        with Strict() as server:
            self.fill(server)
            self.plan(server)
            self.check(server)
            self.assertLessEqual(server.connections, 4)

    def test_lost_lines(self):
        """Cut at the n-th command of the index, each time another one."""
        for nth in (7, 45, 90):
            class Cut(ListStatus):
                left = nth

                def answer(self, line, command):
                    if command.name in ("EXAMINE", "UID", "STATUS"):
                        type(self).left -= 1
                        if type(self).left == 0:
                            raise Hangup
                    super().answer(line, command)

            with self.subTest(nth=nth), Cut() as server:
                self.state = self.folder / f"cut{nth}"
                self.fill(server)
                self.plan(server)
                self.check(server)
                self.assertLessEqual(server.connections, 2)
