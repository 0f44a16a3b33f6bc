"""Between uploading and verifying the user went on working with his mail: that is told apart from what
the server has damaged, is told once, and is not sent again."""
import json

import rig
from memserver import Hangup, MemServer

COUNT = 12


def mail(number):
    return (b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: number %d\r\n"
            b"Message-ID: <%d@since.example>\r\n\r\ntext %d\r\n" % (number, number, number))


class Cut(MemServer):
    """The line is cut for good when the first verification begins, until `back` is set."""
    capabilities = MemServer.capabilities + " CONDSTORE"
    down = back = False

    def answer(self, line, command):
        if command.name == "EXAMINE" and self.folders["INBOX"].messages and not self.back:
            self.down = True
        if self.down and not self.back:
            raise Hangup
        super().answer(line, command)

    def take(self, number):
        """The message with that number out of INBOX."""
        messages = self.folders["INBOX"].messages
        self.folders["INBOX"].modseq += 1
        return messages.pop(next(i for i, m in enumerate(messages) if m.data == mail(number)))

    def mark(self, number, flags):
        message = next(m for m in self.folders["INBOX"].messages if m.data == mail(number))
        message.flags = set(flags)
        self.folders["INBOX"].touch(message)


class Since(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)
        for number in range(COUNT):
            (self.source / "cur" / f"1078131600.M{number:04}.host:2,S").write_bytes(
                mail(number).replace(b"\r\n", b"\n"))

    def command(self, name, server, *options, status=rig.OK):
        return self.hoist(name, self.source, "--to", server.url(), "--state", self.state, *options,
                          password="x", status=status, env={"MAILHOIST_HURRY": "1"})

    def balance(self, server, report):
        self.assertTrue(report["balance"]["adds_up"])
        self.assertEqual(len(server.commands("APPEND")), self.appends, "nothing is sent again")
        return {key: report["balance"][key] for key in ("verified", "differs", "changed")}

    def cut_off(self, server):
        self.command("run", server, status=rig.CONNECT)
        self.assertEqual(len(server.bodies("INBOX")), COUNT)
        self.appends = len(server.commands("APPEND"))
        server.back = True

    def test_what_the_user_has_done_is_told_once(self):
        def read(server):
            server.mark(3, ())
            server.mark(4, ("\\Seen", "\\Flagged", "\\Deleted"))

        def move(server):
            for number in (3, 4):
                server.put("Trash", server.take(number).data)

        def delete(server):
            for number in (3, 4):
                server.take(number)

        def mark_all_unread_but_one(server):
            for number in range(1, COUNT):
                server.mark(number, ())

        cases = (
            ("flags", read, rig.OK, 2, ("flags were changed on the server since: \\Seen removed\n",
                                        "flags were changed on the server since: \\Flagged, \\Deleted added\n")),
            ("move", move, rig.OK, 2, ("has been moved on the server since, and is in 'Trash' now",)),
            ("delete", delete, rig.DIFFERS, 2, ("has been deleted or moved on the server since, or was lost there",)),
            ("unread", mark_all_unread_but_one, rig.OK, COUNT - 1, ("\\Seen removed",)),
        )
        for name, do, status, n, words in cases:
            with self.subTest(name), Cut() as server:
                self.state = self.folder / name
                self.cut_off(server)
                do(server)
                result = self.command("run", server, "--format", "json", status=status)
                key, other = ("changed", "differs") if status == rig.OK else ("differs", "changed")
                report = json.loads(result.out)
                self.assertEqual(self.balance(server, report),
                                 {"verified": COUNT - n, key: n, other: 0})
                self.assertEqual(len(report[key]), n, "each is named")
                text = self.hoist("report", "--state", self.state, "--to", server.url()).out
                for each in words:
                    self.assertIn(each, text)
                again = self.command("run", server)
                self.assertNotIn("Changed on the server", again.out)
                self.command("verify", server)
                self.assertEqual(len(server.commands("APPEND")), self.appends)

    def test_what_has_been_seen_there_is_missing_once(self):
        """On another machine, which never saw it, always."""
        with Cut() as server:
            server.back = True
            self.command("run", server)
            server.take(5)
            server.put("Trash", server.take(6).data)
            result = self.command("verify", server, status=rig.DIFFERS)
            self.assertIn("it was there when it was verified after its upload", result.out)
            result = self.command("verify", server, "--format", "json")
            report = json.loads(result.out)
            self.assertEqual(report["balance"]["excluded"], 2)
            self.assertIn({"outcome": "excluded", "reason": "stored-gone", "messages": 2},
                          [{key: r[key] for key in ("outcome", "reason", "messages")} for r in report["reasons"]])
            self.state = self.folder / "another"
            for _ in range(2):
                self.command("verify", server, status=rig.DIFFERS)

    def test_gone_while_it_is_verified(self):
        """That there is another one elsewhere is no excuse."""
        class Racing(Cut):
            back, asked = True, None

            def answer(self, line, command):
                if self.asked is not None and command.name == "STATUS":
                    self.asked += 1
                    if self.asked == 3:  # INBOX and Archive have been asked about
                        self.take(5)
                super().answer(line, command)

        with Racing() as server:
            self.command("run", server)
            server.put("Archive", mail(5))
            server.asked = 0
            result = self.command("verify", server, "--format", "json", status=rig.DIFFERS)
            report = json.loads(result.out)
            self.assertEqual(len(report["differs"]), 1)
            self.assertEqual(report["balance"]["verified"], COUNT - 1)

    def test_damage_stays_damage(self):
        def shorter(server):
            server.folders["INBOX"].messages[3].data = mail(3)[:-4]

        def other_date(server):
            server.folders["INBOX"].messages[3].date = "02-Mar-2004 09:00:00 +0000"

        def all_flags(server):
            for number in range(COUNT):
                server.mark(number, ())

        def rolled_back(server):
            """It has lost what it had acknowledged."""
            server.take(COUNT - 1)
            server.folders["INBOX"].uidnext = COUNT

        cases = (("size", shorter, "has only the first"), ("date", other_date, "date is 2004-03-02"),
                 ("dropped", all_flags, "flags are not as they were given: \\Seen removed"),
                 ("lost", rolled_back, "not on the server"))
        for name, do, words in cases:
            with self.subTest(name), Cut() as server:
                self.state = self.folder / name
                self.cut_off(server)
                do(server)
                for _ in range(2):
                    self.assertIn(words, self.command("run", server, status=rig.DIFFERS).out)

    def test_right_behind_the_upload(self):
        """Nobody can have been there yet; what the server has dropped it has dropped in the next run, too."""
        class Dropping(Cut):
            back = True

            def store(self, folder, data, flags, date):
                return super().store(folder, data, (), date)

        class Losing(Cut):
            back = True

            def store(self, folder, data, flags, date):
                message = super().store(folder, data, flags, date)
                if data == mail(COUNT - 1):
                    folder.messages.remove(message)
                return message

        for kind, words in ((Dropping, "flags are not as they were given: \\Seen removed"),
                            (Losing, "not on the server")):
            with self.subTest(kind.__name__), kind() as server:
                self.state = self.folder / kind.__name__
                for _ in range(2):
                    self.assertIn(words, self.command("run", server, status=rig.DIFFERS).out)
                if kind is Losing:
                    self.command("verify", server, status=rig.DIFFERS)
