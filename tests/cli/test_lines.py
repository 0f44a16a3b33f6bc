"""Several connections: how many there are, and that a further one asks nothing twice."""
import time

import rig
from memserver import MemServer, Refuse

HEAD = b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: %d\r\n" \
       b"Message-ID: <%d@b.example>\r\n\r\nhello\r\n"
FOLDERS = 30


class Far(MemServer):
    """Answers late, and lets so many connections in at a time; notes how many there are."""
    capabilities = MemServer.capabilities + " ID NAMESPACE"
    room = 99

    def __init__(self):
        super().__init__()
        self.inside = self.most = self.turned_away = 0

    def talk(self, line):
        line.inside = False
        try:
            super().talk(line)
        finally:
            with self.lock:
                self.inside -= line.inside

    def answer(self, line, command):
        time.sleep(0.01)
        super().answer(line, command)

    def do_id(self, line, command):
        line.say('* ID ("name" "far")')

    def do_login(self, line, command):
        with self.lock:
            if self.inside >= self.room:
                self.turned_away += 1
                raise Refuse("[LIMIT] Maximum number of connections from user+IP exceeded")
            line.inside = True
            self.inside += 1
            self.most = max(self.most, self.inside)
        super().do_login(line, command)


class Lines(rig.ProgramTest):
    def fill(self):
        self.source = self.folder / "mail"
        for folder in range(FOLDERS):
            for name in ("cur", "new", "tmp"):
                (self.source / f".f{folder}" / name).mkdir(parents=True)
            path = self.source / f".f{folder}" / "cur" / f"{1100000000 + folder}.M1.host:2,S"
            path.write_bytes(HEAD % (folder, folder))
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir()

    def migrate(self, server, *options):
        self.fill()
        self.hoist("run", self.source, "--to", server.url(), "--state", self.folder / "state",
                   "--verify", "none", *options, password="x", env={"MAILHOIST_HURRY": "1"})
        self.assertEqual(sum(len(f.messages) for f in server.folders.values()), FOLDERS)

    def test_one_more_when_all_have_stored_something(self):
        with Far() as server:
            self.migrate(server)
            self.assertEqual(server.most, 4)
            self.assertEqual(len(server.commands("NAMESPACE")), 1, "asked once")
            self.assertLessEqual(len(server.commands("CAPABILITY")), server.connections + 1)
            self.assertEqual(len(server.commands("ID")), server.connections, "each says who it is")
            opened = len(server.commands("SELECT")) + len(server.commands("EXAMINE"))
            self.assertLessEqual(len(server.commands("UNSELECT")), opened)

    def test_not_more_than_it_was_told(self):
        with Far() as server:
            self.migrate(server, "--connections", "3")
            self.assertEqual(server.most, 3)

    def test_a_refusal_is_the_last_for_a_while(self):
        with Far() as server:
            server.room = 3
            self.migrate(server)
            self.assertEqual((server.most, server.turned_away), (3, 1))
