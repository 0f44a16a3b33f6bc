"""`mailhoist verify`: what is on the server as it should be, and what is not."""
import re

import rig
from memserver import MemServer

HEAD = b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: %d\r\n" \
       b"Message-ID: <%d@b.example>\r\nX-Note: as it was\r\n\r\n"


def mail(number, body=b"text\r\n"):
    return HEAD % (number, number) + body


class Verify(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)

    def write(self, *messages):
        for i, data in enumerate(messages):
            (self.source / "cur" / f"1078131600.M{i:04}.host:2,").write_bytes(data.replace(b"\r\n", b"\n"))

    def command(self, name, server, *options, status=rig.OK):
        return self.hoist(name, self.source, "--to", server.url(), "--state", self.state, *options,
                          password="x", status=status, env={"MAILHOIST_HURRY": "1"})

    def full(self, server, status=rig.OK):
        return self.command("verify", server, "--verify", "full", status=status)

    def test_what_we_stored_is_compared_whole(self):
        cases = (("header", lambda d: d.replace(b"as it was", b"as it is!"), "message differs behind its first"),
                 ("body", lambda d: d.replace(b"text", b"TEXT"), "message differs behind its first"),
                 ("cut", lambda d: d[:-10], "has only the first"),
                 ("longer", lambda d: d + b"more\r\n", "octets more behind the end of the message"))
        for name, change, words in cases:
            with self.subTest(name), MemServer() as server:
                self.state = self.folder / name
                self.write(mail(1), mail(2, b"NUL \0 here\r\n"))
                self.command("run", server)
                stored = server.folders["INBOX"].messages
                stored[1].data = stored[1].data.replace(b"\0", b"\x80")  # as Dovecot does
                result = self.full(server)
                self.assertIn("NUL octets became 0x80", result.out)
                stored[0].data = change(stored[0].data)
                result = self.full(server, rig.DIFFERS)
                self.assertIn(words, result.err)

    def test_what_others_stored(self):
        """Fields of transport may differ; the body may not. Numbers are those of the body."""
        with MemServer() as server:
            self.write(mail(1))
            copy = server.put("INBOX", b"Received: from x by y; Mon, 1 Mar 2004 09:00:01 +0000\r\n" + mail(1))
            self.command("run", server)
            self.assertEqual(len(server.bodies("INBOX")), 1)
            self.full(server)
            copy.data = copy.data.replace(b"text", b"teXt")
            result = self.full(server, rig.DIFFERS)
            self.assertRegex(result.err, re.escape("the body differs behind its first 2 octets "
                                                   "(6 on the server, 6 here)"))
            self.command("run", server)
            self.assertIn(mail(1), server.bodies("INBOX"), "what differs is no reason to leave it out")

    def test_a_server_that_dates_mail_itself(self):
        """Told once for the folder, and not 30 times over on the terminal."""
        class Dating(MemServer):
            def store(self, folder, data, flags, date):
                return folder.add(data, flags, "22-Nov-2020 18:00:00 +0000")

        with Dating() as server:
            self.write(*(mail(number) for number in range(30)))
            result = self.command("run", server, status=rig.DIFFERS)
        self.assertRegex(result.out, r"INBOX: the server has not kept the dates of arrival .* \(30\)\n")
        self.assertEqual(result.out.count("date is 2020-11-22T18:00:00Z, should be 2004-03-01"), 30)
        self.assertEqual(result.err.count("date is 2020-11-22T18:00:00Z"), 20)
        self.assertIn("'INBOX': 10 more like these, see the report", result.err)

    def test_beyond_the_sample(self):
        """The first 16 KiB are equal, and so is the size."""
        body = b"x" * 70 + b"\r\n"
        with MemServer() as server:
            self.write(mail(1, body * 400))
            server.put("INBOX", mail(1, body * 399 + body.replace(b"x", b"y")))
            self.full(server, rig.DIFFERS)
            good = server.put("Other", mail(1, body * 400))
            result = self.full(server)
            self.assertNotIn("differs", result.err)
            self.assertEqual(good.data, mail(1, body * 400))
