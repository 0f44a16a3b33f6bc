"""The limits that a technician sets to an upload: they slow it down, and nothing else."""
import calendar
import os
import re
import signal
import subprocess
import time

import gen_mail
import rig


class Pace(rig.ServerTest):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "maildir"
        gen_mail.generate(messages=120, seed=7, folders=4, median=2000, mean=6000, maildir=self.store,
                          manifest=self.folder / "manifest")
        self.expected = rig.mailboxes.read_rows(self.folder / "manifest")
        self.octets = sum(path.stat().st_size for path in self.store.rglob("*") if path.is_file())

    def assertComplete(self):
        self.assertMailboxes(self.expected, self.server.dump(self.user))

    def begin_and_stop(self, *options, words):
        """Until it says that it waits; then it is stopped."""
        process = subprocess.Popen(
            [rig.PROGRAM, "run", self.store, *map(str, self.to()), *options],
            env=os.environ | {"MAILHOIST_PASSWORD": self.server.password}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = ""
        for line in process.stderr:
            said += line
            if words in line:
                break
        self.assertIn(words, said)
        until = re.search(r"waiting until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", said)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143)
        report = self.hoist("report", "--state", self.state).out
        self.assertIn("ended before everything was done: stopped by a signal", report)
        return calendar.timegm(time.strptime(until[1], "%Y-%m-%dT%H:%M:%SZ")) - time.time()

    def test_octets_a_second(self):
        begun = time.monotonic()
        self.run_to_server("run", self.store, "--max-rate", str(self.octets // 4))
        # two seconds' worth are in the bucket when it begins
        self.assertGreater(time.monotonic() - begun, 1.5)
        self.assertComplete()

    def test_messages_a_second(self):
        begun = time.monotonic()
        self.run_to_server("run", self.store, "--max-rate", "40msg")
        self.assertGreater(time.monotonic() - begun, (120 - 2 * 40 - 40) / 40)
        self.assertComplete()

    def test_octets_a_day(self):
        half = str(self.octets // 2)
        wait = self.begin_and_stop("--max-bytes-per-day", half, words="the day's limit")
        self.assertGreater(wait, 23.9 * 3600, "it is told when there is room again")
        count = len(self.server.dump(self.user))
        self.assertTrue(0 < count < 120, count)
        # another process knows what the first one sent
        self.begin_and_stop("--max-bytes-per-day", half, words="the day's limit")
        self.assertEqual(len(self.server.dump(self.user)), count)
        self.run_to_server("run", self.store)
        self.assertComplete()

    def test_octets_a_day_of_the_provider(self):
        """Nobody has set that limit: it is told whose it is."""
        profiles = self.folder / "profiles"
        profiles.write_text("version = 1\n[small]\ntitle = Small Mail\ngreeting = Dovecot\n"
                            f"day = {self.octets // 2500}k\n")
        plan = self.run_to_server("plan", self.store, "--profile-file", profiles)
        self.assertRegex(plan.out, r"Small Mail takes at most [\d.]+ kB a day: the upload takes at least "
                                   r"2 days \(--max-bytes-per-day sets another limit\)")
        self.begin_and_stop("--profile-file", profiles,
                            words="is reached (Small Mail has it; --max-bytes-per-day sets another one)")
        self.run_to_server("run", self.store, "--profile-file", profiles, "--max-bytes-per-day", "1G")
        self.assertComplete()

    def test_hours(self):
        hour = (time.localtime().tm_hour + 3) % 24
        self.begin_and_stop("--window", f"{hour:02}:00-{(hour + 1) % 24:02}:00", words="hours that were set")
        self.assertEqual(self.server.dump(self.user), [])
        now = time.localtime().tm_hour
        self.run_to_server("run", self.store, "--window", f"{now:02}:00-{(now + 2) % 24:02}:00")
        self.assertComplete()

    def test_one_connection(self):
        self.run_to_server("run", self.store, "--connections", "1")
        self.assertComplete()
