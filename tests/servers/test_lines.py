"""Uploading over several connections: they are opened at once, beside the mail that goes up; and what
the server refuses of them costs nothing."""
import threading
import time

import rig
from memserver import Hangup, MemServer, Refuse

PASSWORD = "hoist-test-secret"
FOLDERS, MESSAGES = 10, 12


def mail(folder, number):
    return (b"Message-ID: <l%d.%d@lines.example>\nFrom: a@lines.example\nTo: b@lines.example\n"
            b"Subject: number %d\nDate: Mon, 1 Mar 2004 10:00:00 +0000\n\n%s\n"
            % (folder, number, number, b"x" * 2000))


class Far(MemServer):
    """A login takes a while, and an APPEND too. `refuse`: logins that are refused, by their number."""
    capabilities = "IMAP4rev1 LITERAL+ UIDPLUS UNSELECT CONDSTORE"
    refuse = ()

    def __init__(self):
        super().__init__()
        self.logins = self.coming = self.coming_together = self.stored_meanwhile = 0
        self.mutex = threading.Lock()

    def talk(self, line):
        with self.mutex:
            self.coming += 1
            self.coming_together = max(self.coming_together, self.coming)
        line.coming = True
        time.sleep(0.1)
        try:
            super().talk(line)
        finally:
            self.arrived(line)

    def arrived(self, line):
        with self.mutex:
            self.coming -= line.coming
        line.coming = False

    def do_login(self, line, command):
        with self.mutex:
            self.logins += 1
            number = self.logins
        time.sleep(0.2)
        self.arrived(line)
        if number in self.refuse:
            line.say("* BYE [UNAVAILABLE] Too many connections")
            raise Hangup
        return super().do_login(line, command)

    def do_create(self, line, command):
        time.sleep(0.01)
        return super().do_create(line, command)

    def stored(self, line, folder, messages):
        time.sleep(0.01)
        with self.mutex:
            self.stored_meanwhile += self.coming > 0
        return super().stored(line, folder, messages)


class Lines(rig.ProgramTest):
    def upload(self, server, *options):
        source = self.folder / "mail"
        source.mkdir(exist_ok=True)
        for folder in range(FOLDERS):
            text = b"".join(b"From a Mon Mar  1 10:00:00 2004\n" + mail(folder, n) + b"\n"
                            for n in range(MESSAGES))
            (source / f"F{folder}").write_bytes(text)
        result = self.hoist("run", source, "--to", server.url(), "--state", self.state, *options,
                            password=PASSWORD, env={"MAILHOIST_HURRY": "1"})
        want = {f"F{f}": sorted(mail(f, n).replace(b"\n", b"\r\n") for n in range(MESSAGES))
                for f in range(FOLDERS)}
        have = {name: sorted(m.data for m in folder.messages)
                for name, folder in server.folders.items() if folder.messages}
        self.assertEqual(have, want, str(result))
        return result

    def test_they_are_opened_at_once(self):
        with Far() as server:
            self.upload(server)
            self.assertEqual(server.logins, 4)
            self.assertEqual(server.coming_together, 2, "the third and the fourth")
            self.assertGreater(server.stored_meanwhile, 10, "while the others work")

    def test_but_not_more_than_the_user_wants(self):
        for most in 1, 2, 3:
            with self.subTest(most=most), Far() as server:
                self.state = self.folder / f"state{most}"
                self.upload(server, "--connections", str(most))
                self.assertEqual(server.logins, most)

    def test_some_are_refused(self):
        for refuse in (2,), (3,), (4,), (3, 4):
            with self.subTest(refuse=refuse), Far() as server:
                self.state = self.folder / f"state{'-'.join(map(str, refuse))}"
                server.refuse = refuse
                result = self.upload(server)
                self.assertEqual(server.logins, 2 if refuse == (2,) else 4)
                self.assertIn(f"going on with {4 - len(refuse) if 2 not in refuse else 1} connection",
                              result.err)


class Unwilling(Far):
    """Of two names that it does not take, the same replacement comes."""

    def __init__(self):
        super().__init__()
        self.writers = []  # the connection of each message in Post_

    def check_name(self, name):
        if set(name) & set("?*"):
            raise Refuse("[CANNOT] Invalid mailbox name")
        return name

    def stored(self, line, folder, messages):
        if folder is self.folders.get("Post_"):
            self.writers += [id(line)] * len(messages)
        return super().stored(line, folder, messages)


class OneFolder(rig.ProgramTest):
    def test_is_never_written_by_two(self):
        names = ["Post?", "Other", "Post*", "More"]
        source = self.folder / "mail"
        source.mkdir()
        for number, name in enumerate(names):
            (source / name).write_bytes(b"".join(b"From a Mon Mar  1 10:00:00 2004\n" + mail(number, n) + b"\n"
                                                 for n in range(MESSAGES)))
        with Unwilling() as server:
            result = self.hoist("run", source, "--to", server.url(), "--state", self.state, "--connections",
                                "4", password=PASSWORD, env={"MAILHOIST_HURRY": "1"})
            self.assertEqual(sorted(m.data for m in server.folders["Post_"].messages),
                             sorted(mail(number, n).replace(b"\n", b"\r\n")
                                    for number in (0, 2) for n in range(MESSAGES)), str(result))
            turns = [w for w, before in zip(server.writers, [None, *server.writers]) if w != before]
            self.assertEqual(len(turns), len(set(turns)), "one after the other")
            self.assertEqual({len(server.folders[name].messages) for name in ("Other", "More")}, {MESSAGES})
            again = self.hoist("run", source, "--to", server.url(), "--state", self.state,
                               password=PASSWORD, env={"MAILHOIST_HURRY": "1"})
            self.assertEqual(len(server.folders["Post_"].messages), 2 * MESSAGES, str(again))


class Impatient(MemServer):
    """Three errors in a row, and it hangs up."""
    capabilities = Far.capabilities

    def check_name(self, name):
        if "?" in name:
            raise Refuse("[CANNOT] Invalid mailbox name")
        return name

    def do_create(self, line, command):
        try:
            super().do_create(line, command)
        except Refuse:
            line.errors = getattr(line, "errors", 0) + 1
            if line.errors == 3:
                line.say("* BYE Too many errors")
                raise Hangup from None
            raise
        line.errors = 0


class ManyErrors(rig.ProgramTest):
    def test_are_not_made_at_once_for_ever(self):
        source = self.folder / "mail"
        source.mkdir()
        for number in range(6):
            (source / f"Post{number}?").write_bytes(
                b"From a Mon Mar  1 10:00:00 2004\n" + mail(number, 0) + b"\n")
        with Impatient() as server:
            result = self.hoist("run", source, "--to", server.url(), "--state", self.state,
                                password=PASSWORD, env={"MAILHOIST_HURRY": "1"})
            self.assertEqual({name for name, folder in server.folders.items() if folder.messages},
                             {f"Post{number}_" for number in range(6)}, str(result))
