"""The computer's clock is wrong: by a day, by years, or it was never set. Mail has the dates that it brings
along, and all else goes on; only certificates cannot be judged, and then it says by which clock."""
import os
import subprocess

import gen_mail
import rig

DAY, YEAR = 86400, 365 * 86400
SINCE_1970 = 56 * YEAR


class WrongClock(rig.ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = rig.scratch()
        library = folder.__enter__() / "clock_shift.so"
        cls.addClassCleanup(folder.__exit__, None, None, None)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                        rig.TOP / "tests/tools/clock_shift.c"], check=True)
        # A sanitizer has to be the first library.
        needed = subprocess.run(["ldd", rig.PROGRAM], capture_output=True, text=True).stdout.split()
        cls.preload = ":".join([w for w in needed if w.startswith("/") and "libasan" in w]
                               + [str(library)])

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(40, seed=9, folders=3, median=900, mean=1500, maildir=self.source,
                          manifest=self.folder / "manifest")
        self.expected = rig.mailboxes.read_rows(self.folder / "manifest")

    def at(self, shift, *options, status=rig.OK, env=None):
        to = {"imap": self.server.plain_url, "imaps": self.server.url}[self.scheme](self.user)
        return self.hoist("run", self.source, "--to", to, "--state", self.state, "--tls-ca", self.server.ca,
                          *options, password=self.server.password, status=status,
                          env={"LD_PRELOAD": self.preload, "CLOCK_SHIFT": str(shift),
                               "MAILHOIST_HURRY": "1"} | (env or {}))


class Clock(WrongClock):
    server_options = {"extra": "ssl = no"}
    scheme = "imap"

    def test_all_is_there_with_its_date(self):
        for shift in -DAY, DAY, -10 * YEAR, 9 * YEAR, -SINCE_1970 + YEAR:
            with self.subTest(years=shift / YEAR):
                self.user, self.state = self.server.new_user(), self.folder / f"state{shift}"
                self.at(shift)
                self.assertMailboxes(self.expected, self.server.dump(self.user))
                result = self.at(0)  # set right meanwhile
                self.assertMailboxes(self.expected, self.server.dump(self.user))
                self.assertNotIn("uploaded  1", result.out)

    def test_it_jumps_between_a_killed_run_and_the_next(self):
        for before, after in ((0, -3 * YEAR), (3 * YEAR, 0)):
            with self.subTest(before=before, after=after):
                self.user, self.state = self.server.new_user(), self.folder / f"state{before}"
                self.at(before, status=rig.FAULT, env={"MAILHOIST_FAULT": "upload-acknowledged:1"})
                self.at(after)
                self.assertMailboxes(self.expected, self.server.dump(self.user))

    def test_the_day_s_limit(self):
        """What was sent by a clock that was years ahead does not count for years."""
        octets = sum(path.stat().st_size for path in self.source.rglob("*") if path.is_file())
        self.at(2 * YEAR, "--max-bytes-per-day", str(octets * 2))
        gen_mail.generate(40, seed=10, folders=1, median=900, mean=1500, maildir=self.folder / "more")
        self.source = self.folder / "more"
        self.at(0, "--max-bytes-per-day", str(octets * 2))
        self.assertEqual(len(self.server.dump(self.user)), 80)


class ClockAndCertificates(WrongClock):
    server_options = {}
    scheme = "imaps"

    def test_certificates(self):
        """They cannot be judged: it is said by which clock."""
        for shift, words in ((-SINCE_1970 + YEAR, "is not valid before"), (40 * YEAR, "expired on")):
            result = self.at(shift, status=rig.TLS)
            self.assertIn(words, result.err)
            self.assertRegex(result.err, r"by this computer's clock today is \d{4}-")
