"""An account that is full, on servers that do not say so: "APPEND failed" (servers.md calls it a NO
without a code), or "unavailable". Asked, they tell."""
import json

import rig
from memserver import MemServer, Refuse

MAIL = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: s%d\nMessage-ID: <%d@b.example>\n\n%s\n"


class Full(MemServer):
    """Room for so many messages."""
    capabilities = "IMAP4rev1 LITERAL+ UIDPLUS QUOTA"
    words, room, told = "APPEND failed", 5, True

    def accept_message(self, folder, data):
        if len(folder.messages) >= self.room and b"small" not in data:
            raise Refuse(self.words)
        return data

    def do_getquotaroot(self, line, command):
        used = 1000 if self.told and len(self.folders["INBOX"].messages) >= self.room else 10
        line.say('* QUOTAROOT "INBOX" ""', f'* QUOTA "" (STORAGE {used} 1000)')


class Silent(Full):
    """Nothing can be asked."""
    capabilities = "IMAP4rev1 LITERAL+ UIDPLUS"


class WithoutLiteralPlus(Full):
    capabilities = "IMAP4rev1 UIDPLUS QUOTA"


class Accounts(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)
        for i in range(12):
            text = b"x" * 3000
            (self.source / "cur" / f"{1078131600 + i}.M{i}.host:2,S").write_bytes(MAIL % (i, i, text))

    def go(self, server, status):
        return self.hoist("run", self.source, "--to", server.url(), "--state", self.state, "--format", "json",
                          password="x", status=status, env={"MAILHOIST_HURRY": "1"})

    def test_it_is_asked(self):
        for kind in Full, WithoutLiteralPlus:
            for words in "APPEND failed", "Server Unavailable. 15":
                with self.subTest(kind=kind.__name__, words=words), kind() as server:
                    self.state = self.folder / (kind.__name__ + words)
                    server.words = words
                    result = self.go(server, rig.QUOTA)
                    self.assertIn("the account is full", result.err)
                    self.assertIn(words, result.err)
                    self.assertEqual(json.loads(result.out)["balance"]["refused"], 0)
                    server.room = 100
                    self.go(server, rig.OK)
                    self.assertEqual(len(server.bodies("INBOX")), 12)
                    self.assertEqual(len(set(server.bodies("INBOX"))), 12)

    def test_it_is_not_full(self):
        """Then it is this message."""
        for kind, told in (Full, False), (Silent, True):
            with self.subTest(kind.__name__), kind() as server:
                self.state = self.folder / kind.__name__
                server.told = told
                result = self.go(server, rig.REFUSED)
                self.assertEqual(len(server.bodies("INBOX")), 5)
                self.assertEqual(json.loads(result.out)["balance"]["refused"], 7)
