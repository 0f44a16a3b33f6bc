"""Filing by servers whose COPY is peculiar, and of very many messages."""
import collections
import json

import rig
from memserver import MemServer

LINE_MAX = 8000  # octets with CRLF (RFC 7162 4)
OLD = "05-Mar-2004 10:11:12 +0000"
MAIL = b"From: a@b.example\r\nSubject: mail %d\r\nMessage-ID: <m%d@b.example>\r\n\r\ntext %d\r\n"


def mail(number):
    return MAIL % (number, number, number)


class Forgetful(MemServer):
    """COPY drops keywords."""

    def copy(self, message, folder):
        flags = {flag for flag in message.flags if flag.startswith("\\")}
        return self.store(folder, message.data, flags, message.date)


class Redating(MemServer):
    """COPY dates the copy anew."""

    def copy(self, message, folder):
        return self.store(folder, message.data, message.flags, "22-Nov-2026 01:02:03 +0000")


class Copies(rig.ProgramTest):
    def at_home(self, numbers, name="Work"):
        self.source = self.folder / "maildir"
        for part in ("cur", "new", "tmp"):
            (self.source / part).mkdir(parents=True)
            (self.source / f".{name}" / part).mkdir(parents=True)
        for number in numbers:
            path = self.source / f".{name}/cur/{1078131600 + number}.{number}.host:2,S"
            path.write_bytes(mail(number).replace(b"\r\n", b"\n"))

    def run_to(self, server, *options, status=rig.OK):
        return self.hoist("run", self.source, "--to", server.url(), "--state", self.state,
                          *options, password="x", status=status,
                          env={"MAILHOIST_HURRY": "1"})

    def report(self):
        return json.loads(self.hoist("report", "--format", "json", "--state", self.state).out)

    def found(self, server, name):
        return [(m.data, m.flags, m.date) for m in server.folders[name].messages]

    def test_what_copy_drops_is_stored(self):
        self.at_home(range(6))
        words = [("\\Seen", "$Label1", "$Forwarded"), ("\\Seen", "$Label1"), ("\\Seen",)] * 2
        for how in ("copy", "move"):
            for capabilities in (MemServer.capabilities, MemServer.capabilities + " MOVE"):
                with self.subTest(how=how, capabilities=capabilities), Forgetful() as server:
                    server.capabilities = capabilities
                    self.state = self.folder / f"{how}{len(capabilities)}"
                    for number, flags in enumerate(words):
                        server.put("INBOX", mail(number), flags, OLD)
                    expected = self.found(server, "INBOX")
                    self.run_to(server, "--file", how)
                    self.assertEqual(self.found(server, "Work"), expected)
                    self.assertEqual(self.found(server, "INBOX"), expected if how == "copy" else [])
                    self.assertEqual(self.report()["balance"]["uploaded"], 0)
                    stores = [c.rest for c in server.commands("UID")
                              if c.rest.startswith("STORE") and "$" in c.rest]
                    self.assertEqual(len(stores), 2, "equal changes go into one STORE")

    def test_date_that_copy_changes(self):
        """It cannot be repaired: the original, which still has it, is not taken away."""
        self.at_home(range(3))
        with Redating() as server:
            for number in range(3):
                server.put("INBOX", mail(number), ("\\Seen",), OLD)
            before = self.found(server, "INBOX")
            result = self.run_to(server, "--file", "move", status=rig.DIFFERS)
            self.assertIn("date is 2026-11-22T01:02:03Z, should be 2004-03-05T10:11:12Z", result.out)
            self.assertEqual(self.found(server, "INBOX"), before)
            self.run_to(server, "--file", "move", status=None)
            self.assertEqual(self.found(server, "INBOX"), before)
            self.assertEqual(sorted(server.bodies("Work")), [data for data, _, _ in before])

    def test_many_with_gaps_between_them(self):
        """Every second UID, of ten digits each, into a folder with a long name."""
        name = "Work" * 40
        self.at_home(range(0, 5000, 2), name)
        with MemServer() as server:
            server.folders["INBOX"].uidnext = 4000000001
            for number in range(5000):
                server.put("INBOX", mail(number), ("\\Seen",))
            self.run_to(server, "--file", "move")
            self.assertEqual(server.bodies(name), [mail(n) for n in range(0, 5000, 2)])
            self.assertEqual(server.bodies("INBOX"), [mail(n) for n in range(1, 5000, 2)])
            longest, count = collections.Counter(), collections.Counter()
            for tag, command, rest in server.heard:
                verb = rest.split(" ")[0] if command == "UID" else command
                octets = len(f"{tag} {command} {rest}\r\n")
                longest[verb], count[verb] = max(longest[verb], octets), count[verb] + 1
        self.assertLessEqual(max(longest.values()), LINE_MAX, longest)
        for verb in ("COPY", "STORE", "EXPUNGE"):
            self.assertGreater(longest[verb], LINE_MAX - 300, "as many as fit on a line")
            # copying begins with five messages in tests, and doubles: 7 commands, and 3 of whole lines
            self.assertLessEqual(count[verb], 10 if verb == "COPY" else 5)
