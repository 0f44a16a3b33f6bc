"""The line is cut while a large message is on its way, and a relay that took it from us delivers it to
the server later, at the pace of the line behind it: it is waited for, and not sent once more."""
import contextlib
import sqlite3
import threading
import time

import rig
from memserver import Hangup, MemServer

HEAD = (b"Message-ID: <%d@arrival.example>\r\nFrom: a@b.example\r\nSubject: x\r\n"
        b"Date: Mon, 1 Mar 2004 10:00:00 +0000\r\n\r\n")
SMALL, LARGE = 40_000, 300_000
HURRY_LEAST = 0.4  # the shortest wait, in tests


def mail(number, size):
    return HEAD % number + (b"x" * 78 + b"\r\n") * (size // 80)


class Relayed(MemServer):
    """Large messages are on their way for `late` seconds after the line to us is gone."""
    capabilities = "IMAP4rev1 UIDPLUS UNSELECT"  # one message after the other

    def __init__(self, late, pace=0):
        super().__init__()
        self.late, self.pace, self.cut = late, pace, False
        self.timers = []

    def store(self, folder, data, flags, date):
        time.sleep(self.pace)
        if len(data) < LARGE // 2 or self.cut:
            return super().store(folder, data, flags, date)
        self.cut = True
        timer = threading.Timer(self.late, lambda: MemServer.store(self, folder, data, flags, date))
        self.timers.append(timer)
        timer.start()
        raise Hangup


class Arrival(rig.ProgramTest):
    def upload(self, server, *messages):
        source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (source / name).mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(messages):
            (source / "cur" / f"1078131600.M{i:04}.host:2,").write_bytes(data.replace(b"\r\n", b"\n"))
        self.state = self.folder / f"state{server.port}"
        result = self.hoist("run", source, "--to", server.url(), "--state", self.state, "--connections", "1",
                            password="x", env={"MAILHOIST_HURRY": "1"})
        for timer in server.timers:
            timer.join()
        self.assertTrue(server.cut)
        self.assertEqual(sorted(server.bodies("INBOX")), sorted(messages), str(result))
        return result

    def test_before_anything_was_measured(self):
        with Relayed(late=2.5 * HURRY_LEAST) as server:
            self.upload(server, mail(1, LARGE))

    def test_at_the_pace_that_was_measured(self):
        """40 kB in 0.4 s: 300 kB may take as long as tests wait at most, 1.5 s."""
        with Relayed(late=2.5 * HURRY_LEAST, pace=0.4) as server:
            self.upload(server, *(mail(n, SMALL) for n in range(4)), mail(9, LARGE))
        # ... and the next process knows it
        with contextlib.closing(sqlite3.connect(next(self.state.glob("*/journal.sqlite")))) as db:
            rate, = db.execute("SELECT value FROM meta WHERE name = 'rate'").fetchone()
        self.assertTrue(SMALL < rate < 5 * SMALL, rate)

    def test_a_fast_line_is_not_waited_for(self):
        with Relayed(late=0) as server:
            begun = time.monotonic()
            self.upload(server, *(mail(n, SMALL * 3) for n in range(8)), mail(9, LARGE // 2 + 1000))
            self.assertLess(time.monotonic() - begun, 2.5)
