"""Folders that mail is to go to, and a server that cannot make them ready just now: it is waited for, the
other folders go first, and no name is altered for it. One that is full ends the run as such."""
import rig
from memserver import MemServer

MAIL = (b"Message-ID: <%s@target.example>\nFrom: a@b.example\nSubject: %s\n"
        b"Date: Mon, 1 Mar 2004 10:00:00 +0000\n\ntext\n")
PASSING = ("[UNAVAILABLE] the backend is down", "[INUSE] somebody has it locked",
           "Request is throttled. Suggested Backoff Time: 20 milliseconds",
           "The folder is temporarily unavailable")


class Troubled(MemServer):
    """So many commands of that name about the folder Work are refused with these words."""
    def __init__(self, name, words, times=3):
        super().__init__()
        self.name, self.words, self.times, self.order = name, words, times, []

    def answer(self, line, command):
        if command.name == self.name and "Work" in command.rest and self.times > 0:
            self.times -= 1
            line.say(f"{command.tag} NO {self.words}")
            return
        super().answer(line, command)

    def store(self, folder, data, flags, date):
        self.order.append(folder.name)
        return super().store(folder, data, flags, date)


class Targets(rig.ProgramTest):
    def write(self, *names):
        self.source = self.folder / "mail"
        self.source.mkdir(exist_ok=True)
        for name in names:
            (self.source / name).write_bytes(b"From a Mon Mar  1 10:00:00 2004\n" +
                                             MAIL % (name.encode(), name.encode()) + b"\n")

    def run_to(self, server, *options, status=rig.OK):
        self.state = self.folder / f"state{server.port}"
        return self.hoist("run", self.source, "--to", server.url(), "--state", self.state, *options,
                          password="x", status=status, env={"MAILHOIST_HURRY": "1"})

    def test_trouble_that_passes(self):
        self.write("Work")
        for name in ("CREATE", "STATUS", "LIST"):
            for words in PASSING:
                with self.subTest(name=name, words=words), Troubled(name, words) as server:
                    result = self.run_to(server)
                    self.assertEqual(sorted(server.folders), ["INBOX", "Work"], "no other name")
                    self.assertEqual(len(server.bodies("Work")), 1, str(result))

    def test_the_others_go_first(self):
        self.write("Work", "Zoo", "Art")
        with Troubled("CREATE", PASSING[0]) as server:
            result = self.run_to(server, "--connections", "1")
            self.assertEqual(sorted(server.order[:2]), ["Art", "Zoo"])
            self.assertEqual(server.order[2:], ["Work"])
            self.assertIn("'Work': the server refused CREATE: [UNAVAILABLE] the backend is down; trying again",
                          result.err)

    def test_trouble_that_stays(self):
        """The folder is refused for this run, under its own name; the next one makes it."""
        self.write("Work", "Zoo")
        for name in ("CREATE", "STATUS"):
            with self.subTest(name), Troubled(name, PASSING[0], 100) as server:
                result = self.run_to(server, status=rig.REFUSED)
                self.assertIn("'Work': the server refuses this folder, nothing goes there", result.err)
                self.assertEqual(server.order, ["Zoo"])
                self.assertEqual(set(server.folders) - {"Work"}, {"INBOX", "Zoo"})
                server.times = 0
                self.run_to(server)
                self.assertEqual(server.order, ["Zoo", "Work"])

    def test_what_is_to_be_filed_waits_too(self):
        self.write("Work")
        for name in ("CREATE", "STATUS"):
            with self.subTest(name), Troubled(name, PASSING[0]) as server:
                server.put("INBOX", MAIL.replace(b"\n", b"\r\n") % (b"Work", b"Work"))
                self.run_to(server, "--file", "copy")
                self.assertEqual(len(server.commands("APPEND")), 0, "it need not be sent")
                self.assertEqual(len(server.bodies("Work")), 1)

    def test_full(self):
        self.write("Work", "Zoo")
        with Troubled("CREATE", "[OVERQUOTA] no room for more folders", 100) as server:
            result = self.run_to(server, status=rig.QUOTA)
            self.assertIn("'Work': the account is full: [OVERQUOTA] no room", result.err)
            self.assertNotIn("Work", str(sorted(server.folders)))
            server.times = 0
            self.run_to(server)
            self.assertEqual(sorted(server.order), ["Work", "Zoo"])

    def test_full_before_an_empty_folder(self):
        """No mail depends on it: it is noticed."""
        self.write("Zoo")
        (self.source / "Work").write_bytes(b"")
        with Troubled("CREATE", "[OVERQUOTA] no room for more folders", 100) as server:
            result = self.run_to(server)
            self.assertIn("no room for more folders", result.out)
            self.assertEqual(server.order, ["Zoo"])
