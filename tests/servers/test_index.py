"""What the server holds, read into the journal: over several connections, beside the scan, and the
second time only what is new."""
import sqlite3
import time

import mailboxes
import providers
import rig
from faultproxy import FaultProxy
from memserver import Hangup, MemServer

PASSWORD = "hoist-test-secret"


def mail(number, size=200):
    return (b"Message-ID: <i%d@index.example>\r\nFrom: a@index.example\r\nTo: b@index.example\r\n"
            b"Subject: number %d\r\nDate: Mon, 1 Mar 2004 10:00:00 +0000\r\n\r\n%s\r\n"
            % (number, number, b"x" * size))


mails = [mail(number) for number in range(50)]


def indexed(state):
    """{folder: {uid: (size, flags)}} of the journal."""
    path, = state.glob("*/journal.sqlite")
    rows = {}
    with sqlite3.connect(path) as db:
        for folder, uid, size, flags, key in db.execute(
                "SELECT f.name, r.id & 4294967295, r.size, r.flags, length(r.key) FROM remote r"
                " JOIN folder f ON f.id = r.id >> 32 WHERE f.indexed AND f.listed"):
            assert key > 0
            rows.setdefault(folder, {})[uid] = (size, flags)
    return rows


class Slow(MemServer):
    """A row takes a while, as with servers that open a file for it."""
    capabilities = MemServer.capabilities
    most, cut = 0, ()

    def __init__(self, folders=6, messages=1000):
        super().__init__()
        self.open = self.together = self.begun = 0
        self.examined = []
        for f in range(folders):
            for m in range(messages):
                self.put(f"F{f}" if f else "INBOX", mail(f * messages + m))
        self.folders["INBOX"].name = "INBOX"

    def talk(self, line):
        with self.lock:
            self.open += 1
            self.together = max(self.together, self.open)
        try:
            super().talk(line)
        finally:
            with self.lock:
                self.open -= 1

    def do_login(self, line, command):
        if self.most and self.open > self.most:
            line.say("* BYE [UNAVAILABLE] Too many connections")
            raise Hangup
        return super().do_login(line, command)

    def do_examine(self, line, command):
        super().do_examine(line, command)
        self.examined.append(line.selected.name)

    def uid_fetch(self, line, rest):
        self.begun += 1
        mine = self.begun
        for number, message in line.selected.chosen(rest.split()[0]):
            if mine in self.cut and number == 300:
                self.cut = tuple(n for n in self.cut if n != mine)
                raise Hangup
            super().uid_fetch(line, f"{message.uid} " + rest.split(" ", 1)[1])
            if number % 10 == 0:
                time.sleep(0.002)


class Several(rig.ProgramTest):
    def plan(self, server, *options, status=rig.OK, source=None):
        if source is None:
            source = self.folder / "one.mbox"
            source.write_bytes(b"From a Mon Mar  1 10:00:00 2004\nSubject: one\nFrom: a@b.example\n\nx\n")
        return self.hoist("plan", source, "--to", server.url(), "--state", self.state, *options,
                          password=PASSWORD, status=status, env={"MAILHOIST_HURRY": "1"})

    def assertWhole(self, server, result):
        want = {name: {m.uid: (len(m.data), 0) for m in folder.messages}
                for name, folder in server.folders.items()}
        self.assertEqual(indexed(self.state), want, str(result))

    def test_a_slow_server_is_asked_over_two_connections(self):
        with Slow() as server:
            self.assertWhole(server, self.plan(server))
            self.assertEqual(server.together, 2)

    def test_but_not_more_than_the_user_wants(self):
        with Slow() as server:
            self.assertWhole(server, self.plan(server, "--connections", "1"))
            self.assertEqual(server.together, 1)

    def test_a_second_connection_is_refused(self):
        with Slow() as server:
            server.most = 1
            result = self.plan(server)
            self.assertWhole(server, result)
            self.assertIn("going on with 1 connection", result.err)

    def test_lines_are_lost(self):
        """In the middle of one folder or of two: none is half there, and nothing is read for ever."""
        for cut in ((1,), (2, 6), (3, 4, 7)):
            with self.subTest(cut=cut), Slow() as server:
                server.cut = cut
                self.state = self.folder / f"state{cut}"
                self.assertWhole(server, self.plan(server))
                self.assertEqual(server.cut, ())

    def test_killed_in_the_middle(self):
        """New messages were half there: those that went meanwhile are not taken for theirs."""
        with Slow(folders=2, messages=300) as server:
            self.plan(server)
            for name in ("INBOX", "F1"):
                for number in range(600):
                    server.put(name, mail(5000 + number))
            self.hoist("plan", self.folder / "one.mbox", "--to", server.url(), "--state", self.state,
                       password=PASSWORD, status=None,
                       env={"MAILHOIST_HURRY": "1", "MAILHOIST_FAULT": "journal-commit-after:5"})
            for name in ("INBOX", "F1"):
                del server.folders[name].messages[320:400]
            self.assertWhole(server, self.plan(server))

    def test_beside_the_scan(self):
        """While the sources are read the server's answers come in: but INBOX, for which UIDLs may speak."""
        source = self.folder / "many.mbox"
        with open(source, "wb") as out:
            for number in range(5000):
                out.write(b"From a Mon Mar  1 10:00:00 2004\nSubject: %d\nFrom: a@b.example\n\n%s\n\n"
                          % (number, b"text " * 400))
        with Slow(folders=3, messages=50) as server:
            self.assertWhole(server, self.plan(server, source=source))
            self.assertEqual(server.examined, ["F1", "F2", "INBOX"])


class AllMail(rig.ProgramTest):
    """Gmail has every message once more: headers are asked for once."""

    def plan(self, server):
        source = self.folder / "one.mbox"
        source.write_bytes(b"From a Mon Mar  1 10:00:00 2004\nSubject: one\nFrom: a@b.example\n\nx\n")
        server.heard.clear()
        self.hoist("plan", source, "--to", server.url(), "--state", self.state, password=PASSWORD,
                   env={"MAILHOIST_HURRY": "1"})
        asked, name = [], None
        for command in server.heard:
            if command.name == "EXAMINE":
                name = command.rest.strip('"')
            elif command.name == "UID" and "BODY.PEEK" in command.rest and name == server.all_mail:
                asked.append(command.rest.split()[1])
        want = {name: {m.uid: len(m.data) for m in folder.messages}
                for name, folder in server.folders.items() if folder.messages}
        self.assertEqual({name: {uid: size for uid, (size, _) in rows.items()}
                          for name, rows in indexed(self.state).items()}, want)
        return asked

    def store(self, server, numbers, *names):
        for number in numbers:
            for name in names:
                server.store(server.folders[name], mails[number], set(), "01-Mar-2004 10:00:00 +0000")

    def test_headers_of_what_has_no_label(self):
        with providers.Gmail() as server:
            server.throttle_after = 0
            server.make("Work")
            self.store(server, range(0, 20), "INBOX", "Work")
            self.store(server, range(20, 23), server.all_mail)
            self.store(server, range(23, 40), "Work")
            self.assertEqual(self.plan(server), ["21:23"])
            self.assertEqual(self.plan(server), [])
            self.store(server, range(40, 45), "INBOX")
            self.store(server, range(45, 47), server.all_mail)
            self.assertEqual(self.plan(server), ["46:47"])
            # taken away as a whole: read anew, and labels that have not changed are not read again
            del server.folders["Work"].messages[-1], server.folders[server.all_mail].messages[39]
            self.plan(server)


class Kept:
    """An index that was read before: what came, what went, and other flags."""
    again = 0.1  # of the octets of the first time

    def fill(self, client, folder, numbers):
        for number in numbers:
            status, words = client.append(mailboxes.quoted(self.wire(folder)), None, None, mail(number))
            self.assertEqual(status, "OK", words)

    def held(self):
        client = self.server.connect(self.user)
        rows = {}
        for folder in ("INBOX", "Work"):
            name = self.wire(folder)
            client.select(mailboxes.quoted(name), readonly=True)
            _, answer = client.uid("FETCH", "1:*", "(UID FLAGS RFC822.SIZE)")
            rows[folder] = {}
            for line in answer:
                if line:
                    words = line.decode()
                    uid = int(words.split("UID ")[1].split()[0].rstrip(")"))
                    size = int(words.split("RFC822.SIZE ")[1].split()[0].rstrip(")"))
                    rows[folder][uid] = (size, 1 if "\\Seen" in words else 0)
        client.logout()
        return rows

    def wire(self, folder):
        return folder

    def compare(self, moved_at_most=None):
        source = self.folder / "one.mbox"
        source.write_bytes(b"From a Mon Mar  1 10:00:00 2004\nSubject: one\nFrom: a@b.example\n\nx\n")
        before = self.proxy.moved["down"]
        result = self.hoist("plan", source, "--to", self.server.url(self.user, port=self.proxy.port),
                            "--tls-ca", self.server.ca, "--state", self.state,
                            password=self.server.password)
        moved = self.proxy.moved["down"] - before
        have = {name.rsplit(".")[-1].rsplit("/")[-1]: rows for name, rows in indexed(self.state).items()}
        want = self.held()
        self.assertEqual({name: {uid: (size, flags & 1) for uid, (size, flags) in rows.items()}
                          for name, rows in have.items() if rows}, want, str(result))
        if moved_at_most is not None:
            self.assertLess(moved, moved_at_most)
        return moved

    def test_what_has_changed_is_seen(self):
        self.proxy = self.enterContextOf(FaultProxy(self.server.tls_port))
        client = self.server.connect(self.user)
        client.create(mailboxes.quoted(self.wire("Work")))
        self.fill(client, "INBOX", range(0, 150))
        self.fill(client, "Work", range(150, 300))
        first = self.compare()
        least = self.compare(first * self.again)
        self.fill(client, "Work", range(300, 303))
        self.compare(least + 10000)  # three headers
        client.select(mailboxes.quoted(self.wire("Work")))
        client.uid("STORE", "2,4,6", "+FLAGS", "(\\Seen)")
        self.compare(least + 10000)
        client.uid("STORE", "5", "+FLAGS", "(\\Deleted)")
        client.expunge()
        self.compare()
        # as many came as went
        self.fill(client, "Work", range(400, 402))
        client.uid("STORE", "7:8", "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.uid("STORE", "9", "+FLAGS", "(\\Seen)")
        client.logout()
        self.compare()
        self.compare(least + 10000)


class OnDovecot(Kept, rig.ServerTest):
    pass


class OnCyrus(Kept, rig.ServerTest):
    server_kind = "cyrus"

    def wire(self, folder):
        return folder if folder == "INBOX" else "INBOX." + folder


class OnCourier(Kept, rig.ServerTest):
    """It has no CONDSTORE: all flags come again."""
    server_kind = "courier"
    again = 0.4

    def wire(self, folder):
        return folder if folder == "INBOX" else "INBOX." + folder
