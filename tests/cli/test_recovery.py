"""The answer to an upload is lost: what the server has then is found by what it is, not by what it is
called."""
import collections
import contextlib
import re

import rig
from memserver import LITERAL, Hangup, MemServer, Refuse

HEAD = b"From: cron@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: report\r\n"


class Losing(MemServer):
    """Closes the line instead of answering the first APPEND."""
    def __init__(self):
        super().__init__()
        self.lost = False

    def stored(self, line, folder, messages):
        if not self.lost:
            self.lost = True
            raise Hangup
        return super().stored(line, folder, messages)


class Single(Losing):
    """One message a command, several on their way."""
    capabilities = "IMAP4rev1 LITERAL+ UIDPLUS UNSELECT"


class Uploading(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)

    def write(self, *messages):
        for i, data in enumerate(messages):
            (self.source / "cur" / f"1078131600.M{i:04}.host:2,S").write_bytes(data.replace(b"\r\n", b"\n"))

    def run_to(self, server, status=rig.OK, *options):
        self.result = self.hoist("run", self.source, "--to", server.url(), "--state", self.state, *options,
                          password="x", status=status, env={"MAILHOIST_HURRY": "1"})
        return self.result

    def assertHas(self, server, *messages):
        self.assertEqual(collections.Counter(server.bodies("INBOX")), collections.Counter(messages),
                         str(self.result))


class Recovery(Uploading):
    def test_all_stored(self):
        messages = [HEAD + b"\r\ntext %03d\r\n" % i for i in range(5)]
        self.write(*messages)
        for kind in (Losing, Single):
            with self.subTest(kind=kind.__name__), kind() as server:
                self.state = self.folder / kind.__name__
                self.run_to(server)
                self.assertHas(server, *messages)

    def test_verified_before_it_is_known(self):
        """The run could not come back to see what has arrived. What did is not called missing."""
        class Gone(Single):
            back = False

            def talk(self, line):
                if self.back or not self.lost:
                    super().talk(line)

        messages = [HEAD + b"\r\ntext %03d\r\n" % i for i in range(5)]
        self.write(*messages)
        with Gone() as server:
            self.run_to(server, None)
            self.assertNotEqual(self.result.status, rig.OK, str(self.result))
            server.back = True
            verify = ("verify", self.source, "--to", server.url(), "--state", self.state)
            result = self.hoist(*verify, password="x", status=rig.DIFFERS)
            self.assertIn("it is not yet known whether it arrived", result.out)
            self.assertNotIn("is not on the server", result.out)
            self.run_to(server)
            self.assertHas(server, *messages)
            self.hoist(*verify, password="x")

    def test_the_first_is_refused(self):
        """Equal header fields and sizes: only the bodies tell that the first one is not there."""
        bad, *good = [HEAD + b"\r\ntext %03d\r\n" % i for i in range(6)]
        self.write(bad, *good)

        class Picky(Single):
            """Says nothing to any APPEND until all have come, and then closes the line."""
            def accept_message(self, folder, data):
                if b"text 000" in data:
                    raise Refuse("[CANNOT] no such mail here")
                return data

            def stored(self, line, folder, messages):
                return MemServer.stored(self, line, folder, messages)

            def answer(self, line, command):
                if command.name != "APPEND" or self.lost:
                    return super().answer(line, command)
                with contextlib.suppress(Refuse):
                    self.do_append(line, command)
                if len(self.commands("APPEND")) == 6:
                    self.lost = True
                    raise Hangup

        with Picky() as server:
            result = self.run_to(server, rig.REFUSED)
            self.assertHas(server, *good)
            self.assertIn("1 message refused", result.err)

    def test_old_mail_in_a_folder_made_anew(self):
        """The folder was made anew while nobody looked, with another message of the same Message-ID."""
        mail = HEAD + b"Message-ID: <1@b.example>\r\n\r\nours\r\n"
        other = HEAD + b"Message-ID: <1@b.example>\r\n\r\nthey\r\n"
        self.write(mail)

        class Anew(Losing):
            def stored(self, line, folder, messages):
                if not self.lost:
                    self.make("INBOX").add(other)
                return super().stored(line, folder, messages)

        with Anew() as server:
            self.run_to(server)
            self.assertHas(server, mail, other)

    def test_no_uidnext(self):
        """Nobody knows what is new in such a folder: it is refused, and nothing goes there."""
        self.write(HEAD + b"\r\ntext\r\n")

        class Mute(MemServer):
            def status_items(self, folder):
                return {k: v for k, v in super().status_items(folder).items() if k != "UIDNEXT"}

        with Mute() as server:
            result = self.run_to(server, rig.REFUSED)
            self.assertIn("UIDNEXT", result.err)
            self.assertHas(server)

    def test_empty_file(self):
        """No message: it does not become two octets on the server."""
        self.write(HEAD + b"\r\ntext\r\n", b"")
        with MemServer() as server:
            result = self.run_to(server, rig.REFUSED)
            self.assertHas(server, HEAD + b"\r\ntext\r\n")
            self.assertIn("empty", result.out)
            self.assertRegex(result.out, "2 found = 1 uploaded.* 1 failed")

    def test_no_uids_told(self):
        """Without UIDPLUS every message is found by its fields; equal ones by their bodies."""
        messages = [HEAD + b"\r\ntext %03d\r\n" % i for i in range(5)]
        self.write(*messages)

        class NoUids(Losing):
            capabilities = "IMAP4rev1 LITERAL+ UNSELECT"

        with NoUids() as server:
            self.run_to(server)
            self.assertHas(server, *messages)
            self.run_to(server)
            self.assertHas(server, *messages)

    def test_the_source_has_changed(self):
        """What cannot be told apart any more is neither sent again nor given up."""
        messages = [HEAD + b"\r\ntext %03d\r\n" % i for i in range(3)]
        self.write(*messages)

        class Gone(Losing):
            def __init__(self):
                super().__init__()
                self.away = False

            def stored(self, line, folder, messages):
                self.away = True
                raise Hangup

            def talk(self, line):
                if not self.away:
                    super().talk(line)

        with Gone() as server:
            self.run_to(server, None)
            self.assertHas(server, *messages)
            path = next((self.source / "cur").glob("*M0001*"))
            path.unlink()
            server.away = False
            server.stored = lambda *_: ""
            result = self.run_to(server, None)
            self.assertHas(server, *messages)
            self.assertIn("cannot be told", result.err)


class ServerTrouble(Uploading):
    """"Internal error": for one message, or for all."""
    def trouble(self, accepts):
        class Troubled(MemServer):
            def accept_message(self, folder, data):
                if not accepts(data):
                    raise Refuse("[SERVERBUG] Internal error occurred")
                return data

        messages = [HEAD + b"\r\ntext %03d\r\n" % i for i in range(12)]
        self.write(*messages)
        return Troubled(), [m for m in messages if accepts(m)]

    def test_for_one_message(self):
        """Wherever it stands in the batch, it is found and the others go up."""
        for bad in (0, 5, 11):
            with self.subTest(bad=bad):
                self.state = self.folder / f"state-{bad}"
                server, good = self.trouble(lambda data: b"text %03d" % bad not in data)
                with server:
                    self.run_to(server, rig.REFUSED)
                    self.assertHas(server, *good)

    def test_for_all(self):
        server, _ = self.trouble(lambda data: False)
        with server:
            self.run_to(server, rig.TEMPFAIL)
            self.assertHas(server)
            self.assertLess(len(server.commands("APPEND")), 60)

    def test_a_refusal_in_the_middle_of_a_command(self):
        """Two commands are refused at once, the second while its later messages are on their way: the
        server swallows these, and says no "+" to the one that waits for it since the first refusal."""
        class Hasty(MemServer):
            owed = None  # tag of a command whose refusal is put off until another one's; "": all is well

            def answer(self, line, command):
                if command.name != "APPEND":
                    return super().answer(line, command)
                text = command.rest.encode() + b"\r\n"
                kept, refused = [], False
                while literal := LITERAL.search(text):
                    if literal[2] or not refused:
                        if not literal[2]:
                            line.say("+ go on")
                        kept.append((line.file.read(int(literal[1])), text))
                    if b"bad" in kept[-1][0] and not refused and self.owed != "":
                        refused = self.refuse(line, command.tag, b"late" in kept[-1][0])
                    text = line.file.readline()
                if refused:
                    return None
                for data, words in kept:
                    flags = re.search(rb"\((.*)\)", words)[1].decode().split()
                    self.folders["INBOX"].add(data, flags, "01-Mar-2004 09:00:00 +0000")
                line.say(f"{command.tag} OK done")

            def refuse(self, line, tag, late):
                if late:
                    self.owed = tag
                    return True
                for each in filter(None, (self.owed, tag)):
                    line.say(f"{each} NO [SERVERBUG] Internal error occurred")
                self.owed = ""
                return True

        bulk = b"x" * 70 + b"\r\n"
        words = [b"good"] * 8 + [b"bad and late", b"good", b"bad"] + [b"good"] * 5
        flags = ["S"] * 9 + ["FS"] * 7
        lines = [1] * 11 + [9000, 9000, 1, 1, 1]
        messages = [HEAD + b"\r\n%s %d\r\n" % (words[i], i) + bulk * lines[i] for i in range(len(flags))]
        self.write(*messages)
        for i, letters in enumerate(flags):
            path, = (self.source / "cur").glob(f"*M{i:04}*")
            path.rename(str(path)[:-1] + letters)
        with Hasty() as server:
            result = self.run_to(server)
            self.assertHas(server, *messages)
            self.assertNotIn("connecting again", result.err)
