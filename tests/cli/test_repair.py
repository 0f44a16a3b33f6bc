"""`--repair`: what a server refuses for its content goes up repaired, once, and is told."""
import email
import json
import re

import rig
from memserver import Hangup, MemServer, Refuse

PLAIN = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: plain %d\nMessage-ID: <p%d@b.example>\n\ntext %d\n"
NUL = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: nul\nMessage-ID: <nul@b.example>\n\na\0b\nc\n"
STRAY = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: stray\nno field\nX-Last: y\n\nbody\n"
EIGHT = b"From: J\xfcrgen <a@b.example>\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: Gr\xfc\xdfe\n\nbody\n"
LONG = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: long\nMessage-ID: <long@b.example>\nContent-Type: text/html; charset=utf-8\nMIME-Version: 1.0\n\n<p>" + "Gr\u00fc\u00dfe = ".encode() * 1500 + b"\n"
BOTH = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: both\nMessage-ID: <both@b.example>\nno field\n\na\0b\n"


class Strict(MemServer):
    """As Cyrus, and it takes no 8-bit header."""
    lose_answer = ()  # of messages with these octets, once
    bare = b""

    def __init__(self):
        super().__init__()
        self.lost = False

    def accept_message(self, folder, data):
        head = data.partition(b"\r\n\r\n")[0] + b"\r\n"
        if data.startswith(b"\r\n"):
            head = b""
        if b"\0" in data:
            raise Refuse("Message contains NUL characters")
        if any(not re.match(rb"[!-9;-~]+:|[ \t]", line) for line in head.split(b"\r\n")[:-1]):
            raise Refuse("Message contains invalid header")
        if any(len(row) > 9900 for row in data.split(b"\r\n")):
            raise Refuse("Command Argument Error. 11", "BAD")  # as Exchange
        if re.search(rb"[\x80-\xff]", head):
            raise Refuse("Unable to parse message: 8-bit header")
        return data

    def stored(self, line, folder, messages):
        if not self.lost and any(mark in m.data for m in messages for mark in self.lose_answer):
            self.lost = True
            raise Hangup
        return super().stored(line, folder, messages)


class Asking(Strict):
    """A BAD to octets that went unasked ends the connection, whatever was meant by it: here they never do."""
    capabilities = Strict.capabilities.replace("LITERAL+ ", "")


class Repair(rig.ProgramTest):
    def store(self, *messages):
        self.source = self.folder / "maildir"
        for part in ("cur", "new", "tmp"):
            (self.source / part).mkdir(parents=True, exist_ok=True)
        plain = [PLAIN % (i, i, i) for i in range(3)]
        for i, data in enumerate(plain[:2] + list(messages) + plain[2:]):
            (self.source / "cur" / f"{1078131600 + i}.{i}.host:2,").write_bytes(data)

    def go(self, server, *options, command="run", status=rig.OK, **more):
        return self.hoist(command, self.source, "--to", server.url(), "--state", self.state,
                          *options, password="x", status=status,
                          env={"MAILHOIST_HURRY": "1"} | more.pop("env", {}), **more)

    def notices(self, result):
        return [n["text"] for n in json.loads(result.out)["notices"] if n["kind"] == "repaired"]

    def kept(self):
        return [path.read_bytes() for path in self.state.rglob("failed/*/cur/*")
                if not path.name.endswith(".reason")]

    def assertOnce(self, server, *wanted):
        bodies = server.bodies("INBOX")
        self.assertEqual(len(bodies), 3 + len(wanted), bodies)
        for data in wanted:
            self.assertEqual(bodies.count(data.replace(b"\n", b"\r\n")), 1, bodies)

    def other_machine(self):
        self.state = self.folder / "other machine"


class Steps(Repair):
    def test_nothing_unless_asked(self):
        self.store(NUL)
        with Strict() as server:
            result = self.go(server, status=rig.REFUSED)
            self.assertOnce(server)
            self.assertNotIn("uploaded with a repair", result.out)
            self.assertIn("the server does not take it as it is", result.out)
            self.assertIn("INBOX: refused as it is, it may be taken with --repair: nul\n", result.out)
            result = self.go(server, "--repair", "binary", "--format", "json", status=rig.REFUSED)
            self.assertEqual([n["text"][-5:] for n in json.loads(result.out)["notices"]], [": nul"])

    def test_each_goes_up_once_on_any_machine(self):
        cases = [
            ("nul", NUL, NUL.replace(b"\0", b""), "nul"),
            ("header-block", STRAY, STRAY.replace(b"no field", b"\nno field"), "stray"),
            ("header-8bit", EIGHT,
             EIGHT.replace(b"J\xfcrgen", b"=?windows-1252?Q?J=FCrgen?=")
             .replace(b"Gr\xfc\xdfe", b"=?windows-1252?Q?Gr=FC=DFe?="), "Gr\u00fc\u00dfe"),
        ]
        for step, data, mended, subject in cases:
            with self.subTest(step), Strict() as server:
                self.state = self.folder / step
                self.source = None
                self.folder_of(step)
                self.store(data)
                result = self.go(server, "--repair", step, "--format", "json", "--verify", "full")
                self.assertOnce(server, mended)
                told = self.notices(result)
                self.assertEqual(len(told), 1, told)
                self.assertIn(f"({step})", told[0])
                self.assertIn(subject, told[0])
                self.assertEqual(self.kept(), [data.replace(b"\n", b"\r\n")])
                sent = len(server.commands("APPEND"))
                self.go(server, "--repair", step)
                self.assertEqual(len(server.commands("APPEND")), sent, "a second run")
                self.go(server, command="verify")
                self.go(server, "--verify", "full", command="verify")
                self.state = self.folder / (step + " elsewhere")
                self.go(server, "--repair", step)
                self.assertOnce(server, mended)

    def test_long_lines(self):
        self.store(LONG, LONG.replace(b"<long@", b"<other@").replace(b"text/html", b"application/x"))
        with Asking() as server:
            result = self.go(server, "--repair", "long-lines", "--format", "json", "--verify",
                             "full", status=rig.REFUSED)
            self.assertIn("(long-lines)", "".join(self.notices(result)))
            self.assertEqual(len(server.bodies("INBOX")), 4, "what is no text stays as it is")
            sent = email.message_from_bytes(max(server.bodies("INBOX"), key=len))
            self.assertEqual(sent["Content-Transfer-Encoding"], "quoted-printable")
            self.assertEqual(sent.get_payload(decode=True).replace(b"\r\n", b"\n"),
                             LONG.partition(b"\n\n")[2])
            for state in (self.state, self.folder / "elsewhere"):
                self.state = state
                self.go(server, "--repair", "long-lines", status=rig.REFUSED)
                self.assertEqual(len(server.bodies("INBOX")), 4)

    def folder_of(self, step):
        self.folder = self.folder / step
        self.folder.mkdir()

    def test_all_that_is_needed_and_no_more(self):
        self.store(BOTH, NUL)
        with Strict() as server:
            result = self.go(server, "--repair", "all", "--format", "json")
            self.assertOnce(server, NUL.replace(b"\0", b""),
                            BOTH.replace(b"\0", b"").replace(b"no field", b"\nno field"))
        told = " ".join(self.notices(result))
        self.assertIn("(nul, header-block)", told)
        self.assertIn("(nul)", told)

    def test_a_server_that_says_no_more_than_bad(self):
        """To octets that it asked for, or that went unasked: then it hangs up, for mail could be commands."""
        class Blunt(Strict):
            def accept_message(self, folder, data):
                try:
                    return super().accept_message(folder, data)
                except Refuse:
                    raise Refuse("Syntax error in parameters", "BAD") from None

        class BluntAsking(Blunt):
            capabilities = Asking.capabilities

        for kind in Blunt, BluntAsking:
            with self.subTest(kind.__name__), kind() as server:
                self.folder_of(kind.__name__)
                self.state = self.folder / "state"
                self.store(NUL, STRAY, EIGHT, LONG, BOTH)
                result = self.go(server, "--repair", "all", "--format", "json")
                self.assertEqual(len(server.bodies("INBOX")), 8)
                self.assertEqual(len(self.notices(result)), 5)
                originals = [data.replace(b"\n", b"\r\n") for data in (NUL, STRAY, EIGHT, LONG, BOTH)]
                self.assertEqual(sorted(self.kept()), sorted(originals))
                for n in range(3):
                    plain = (PLAIN % (n, n, n)).replace(b"\n", b"\r\n")
                    self.assertEqual(server.bodies("INBOX").count(plain), 1)
                self.go(server, "--repair", "all")
                self.assertEqual(len(server.bodies("INBOX")), 8)
            self.folder = self.folder.parent

    def test_bad_without_a_repair_for_it(self):
        """What no step can help is refused as before, and once."""
        class Picky(Asking):
            def accept_message(self, folder, data):
                if b"Subject: nul" in data:
                    raise Refuse("no", "BAD")
                return data

        self.store(NUL)
        with Picky() as server:
            self.go(server, "--repair", "header-8bit", status=rig.REFUSED)
            self.assertOnce(server)
            self.assertEqual(self.kept(), [NUL.replace(b"\n", b"\r\n")])

    def test_not_enough_is_allowed(self):
        self.store(BOTH)
        with Strict() as server:
            result = self.go(server, "--repair", "nul", "--format", "json", status=rig.REFUSED)
            self.assertOnce(server)
            self.assertEqual(self.notices(result), [])
            self.assertEqual(self.kept(), [BOTH.replace(b"\n", b"\r\n")])
            self.go(server, "--repair", "nul,header-block")
            self.assertOnce(server, BOTH.replace(b"\0", b"").replace(b"no field", b"\nno field"))

    def test_whole_upload_without_literal_plus(self):
        class Old(Strict):
            capabilities = "IMAP4rev1"

        self.store(NUL, STRAY, EIGHT, BOTH)
        with Old() as server:
            self.go(server, "--repair", "all")
            self.assertEqual(len(server.bodies("INBOX")), 7)
            self.go(server, "--repair", "all")
            self.assertEqual(len(server.bodies("INBOX")), 7)

    def test_wrong_step(self):
        self.store()
        with Strict() as server:
            result = self.go(server, "--repair", "nul,gold", status=rig.USAGE)
        self.assertIn("header-block", result.err)


class Cut(Repair):
    """Killed, or the answer lost: it is there once all the same, and told."""

    def test_answer_lost(self):
        self.store(NUL, EIGHT)
        with Strict() as server:
            server.lose_answer = (b"ab\r\n", )
            self.go(server, "--repair", "all")
            self.assertTrue(server.lost)
            self.assertEqual(len(server.bodies("INBOX")), 5)
            self.go(server, "--repair", "all")
            self.assertEqual(len(server.bodies("INBOX")), 5)

    def test_killed(self):
        self.store(NUL)
        for fault in ("upload-refused", "upload-mended", "upload-sent", "upload-acknowledged",
                      "upload-after-commit", "journal-commit-before", "journal-commit-after"):
            for number in range(1, 8):
                with self.subTest(fault=fault, number=number), Strict() as server:
                    self.state = self.folder / f"{fault}-{number}"
                    done = self.go(server, "--repair", "all", status=None,
                                   env={"MAILHOIST_FAULT": f"{fault}:{number}"})
                    self.assertIn(done.status, (rig.OK, rig.FAULT), str(done))
                    self.go(server, "--repair", "all")
                    self.assertOnce(server, NUL.replace(b"\0", b""))
                if done.status == rig.OK:
                    break

    def test_killed_and_then_no_repair_wanted(self):
        self.store(NUL)
        with Strict() as server:
            self.go(server, "--repair", "nul", status=rig.FAULT,
                    env={"MAILHOIST_FAULT": "upload-mended:1"})
            self.go(server, status=rig.REFUSED)
            self.assertOnce(server)


class Early(Repair):
    def test_header_that_the_server_would_damage(self):
        """Cyrus refuses nothing, but each octet becomes an X."""
        class Munging(MemServer):
            greeting = "* OK x Cyrus IMAP y"

            def accept_message(self, folder, data):
                head, blank, body = data.partition(b"\r\n\r\n")
                return re.sub(rb"[\x80-\xff]", b"X", head) + blank + body

        self.store(EIGHT)
        with Munging() as server:
            result = self.go(server, "--repair", "header-8bit", "--format", "json")
            self.assertIn(b"=?windows-1252?Q?Gr=FC=DFe?=", b"".join(server.bodies("INBOX")))
            self.assertEqual(len(self.notices(result)), 1)
            self.go(server, "--repair", "header-8bit")
            self.other_machine()
            self.go(server, "--repair", "header-8bit")
            self.assertEqual(len(server.bodies("INBOX")), 4)
        self.state = self.folder / "third"
        with Munging() as server:
            self.go(server)
            self.assertIn(b"GrXXe", b"".join(server.bodies("INBOX")), "not unless asked for")
