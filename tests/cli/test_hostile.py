"""A server that wants to harm its client: a clear error or a whole migration, in time, in little memory."""
import os
import random
import subprocess
import time

import rig
from memserver import MemServer, Refuse

SANITIZED = "asan" in str(rig.PROGRAM)  # has memory of its own, and takes several times as long
RSS_MAX = 64 << 10  # KiB
IN_TIME = 400 if SANITIZED else 60  # seconds; the program is told to wait for two
CALM = (rig.OK, rig.REFUSED, rig.DIFFERS, rig.UNAVAILABLE, rig.TEMPFAIL, rig.PROTOCOL, rig.CONNECT, rig.LOGIN)
ENDLESS = 1 << 30  # octets: more than anybody would read


class Hostile(MemServer):
    """Says `nonsense` once before each answer to the command `to`."""
    def __init__(self, to, nonsense, flood=b""):
        super().__init__()
        self.to, self.nonsense, self.flood = to, nonsense, flood
        self.put("INBOX", b"Message-ID: <here@b.example>\r\nSubject: x\r\n\r\ny\r\n")

    def answer(self, line, command):
        if self.to in (command.name, command.name + " " + command.rest.split(" ")[0]):
            line.raw(self.nonsense)
            sent = 0
            while self.flood and sent < ENDLESS:
                line.raw(self.flood)
                sent += len(self.flood)
        super().answer(line, command)


class HostileServers(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)
        for i in range(5):
            data = b"Message-ID: <%d@b.example>\nSubject: s%d\n\ntext\n" % (i, i)
            (self.source / "cur" / f"1078131600.M{i:04}.host:2,S").write_bytes(data)
        self.number = 0

    def meet(self, server, statuses=CALM):
        """One run against it: exit status and what it said. It ends in time and stays small."""
        self.number += 1
        path = self.folder / f"said-{self.number}"
        with server, open(path, "wb") as said:
            process = subprocess.Popen(
                [rig.PROGRAM, "run", self.source, "--to", server.url(), "--timeout", "2", "--state",
                 self.folder / f"state-{self.number}"],
                env=os.environ | {"MAILHOIST_PASSWORD": "x", "MAILHOIST_HURRY": "1", "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
            peak = self.wait(process)
        out = path.read_text(errors="replace")
        if not SANITIZED:
            self.assertLess(peak, RSS_MAX)
        self.assertIn(process.returncode, statuses, out)
        self.assertEqual(rig.report_of_breaking(out), "")
        self.assertNotRegex(out, "[\x00-\x08\x0b-\x1f\x7f]")
        return out

    def wait(self, process):
        """Until it ends: the most memory that it had, in KiB."""
        end = time.monotonic() + IN_TIME
        while time.monotonic() < end:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return usage.ru_maxrss
            time.sleep(0.02)
        process.kill()
        process.wait()
        return self.fail("it does not end")

    def each(self, commands, nonsense, flood=b""):
        for to in commands:
            with self.subTest(to=to):
                yield self.meet(Hostile(to, nonsense, flood))

    ALL = ("CAPABILITY", "LOGIN", "LIST", "STATUS", "EXAMINE", "UID FETCH", "APPEND", "LOGOUT")

    def test_a_line_without_end(self):
        for words in self.each(self.ALL[:-1], b"* LIST (", b"A" * 65536):
            self.assertIn("a line longer than", words)

    def test_a_literal_without_end(self):
        for _ in self.each(self.ALL, b"* 1 FETCH (BODY[] {4294967296}\r\n", b"A" * 65536):
            pass

    def test_answers_without_end(self):
        for nonsense in (b"* 7 EXISTS\r\n", b"* OK [ALERT] Look here\r\n", b"* 1 FETCH (UID 1 FLAGS ())\r\n",
                         b"* LIST () \"/\" \"same\"\r\n"):
            for words in self.each(("UID FETCH", "APPEND") if b"LIST" not in nonsense else ("LIST",), b"",
                               nonsense * 1000):
                self.assertIn("answers nothing", words)

    def test_deep_nesting(self):
        for _ in self.each(self.ALL, b"* LIST " + b"(" * 500000 + b"\r\n* 1 FETCH (X " + b"(" * 500000 + b"\r\n"):
            pass

    def test_folders_without_end(self):
        class Many(MemServer):
            def do_list(self, line, command):
                super().do_list(line, command)
                for i in range(300):
                    line.raw(b"".join(b'* LIST () "/" "folder %d %d %s"\r\n' % (i, k, b"x" * 60)
                                      for k in range(1000)))

            def do_status(self, line, command):
                if "folder" in command.rest:
                    raise Refuse("no such folder")
                super().do_status(line, command)
        self.assertIn("answers nothing", self.meet(Many()))

    def test_numbers_that_lie(self):
        for words in (b"* 4294967295 EXISTS\r\n", b"* 99999999999999999999 EXISTS\r\n",
                      b"* 1 FETCH (UID 0 RFC822.SIZE 1)\r\n", b"* 1 FETCH (UID 4294967296)\r\n",
                      b"* 1 FETCH (UID -1)\r\n", b"* OK [UIDVALIDITY 0] x\r\n", b"* OK [UIDNEXT 0] x\r\n",
                      b"* 0 EXPUNGE\r\n", b"* 5000 EXPUNGE\r\n", b"* 3 FETCH (UID 3 UID 2 UID 1)\r\n"):
            for _ in self.each(("EXAMINE", "UID FETCH", "APPEND"), words):
                pass

    def test_uids_that_lie(self):
        for code in ("APPENDUID 0 1:5", "APPENDUID 1 0", "APPENDUID 1 1:4294967295", "APPENDUID 1 5:1",
                     "APPENDUID 1 1,1,1,1,1", "APPENDUID 99 7:11", "APPENDUID 1 x", "APPENDUID"):
            class Lying(MemServer):
                def stored(self, line, folder, messages):
                    return f"[{code}] "

            with self.subTest(code=code):
                server = Lying()
                self.meet(server)
                self.assertEqual(len(set(server.bodies("INBOX"))), 5)
                self.assertEqual(len(server.bodies("INBOX")), 5)

    def test_garbage(self):
        rnd = random.Random(3)
        for to in self.ALL:
            with self.subTest(to=to):
                self.meet(Hostile(to, rnd.randbytes(3000)))
                self.meet(Hostile(to, b"* " + rnd.randbytes(300).replace(b"\n", b"") + b"\r\n"))

    def test_answers_to_nothing(self):
        for words in (b"a1 OK what you never asked\r\n", b"+ go on\r\n" * 3, b"* BYE\r\n", b"* PREAUTH x\r\n"):
            for _ in self.each(self.ALL, words):
                pass
