"""kill -9 at random moments of a run over 4,000 messages, twenty times; the account must end up right.
KILL_COUNT, KILL_MESSAGES and KILL_SEED change the numbers."""
import os
import random
import signal
import subprocess
import time

import gen_mail
import rig

KILLS = int(os.environ.get("KILL_COUNT", 20))
MESSAGES = int(os.environ.get("KILL_MESSAGES", 4000))
SEED = int(os.environ.get("KILL_SEED", time.time_ns() % 1_000_000))


class Kill(rig.ServerTest):
    def test_random_kills(self):
        print(f"     KILL_SEED={SEED}", flush=True)
        rnd = random.Random(SEED)
        source = self.folder / "thunderbird"
        gen_mail.generate(MESSAGES, seed=SEED, folders=6, median=2500, mean=6000,
                          thunderbird=source, manifest=self.folder / "manifest")
        expected = rig.mailboxes.read_rows(self.folder / "manifest")
        kills = accounts = 0
        there = []  # messages on the server after each kill
        while kills < KILLS or accounts == 0:
            accounts += 1
            self.user = self.server.new_user()
            self.state = self.folder / f"state{accounts}"
            while kills < KILLS and self.killed(source, rnd.uniform(0.02, 2.5)):
                kills += 1
                there.append(self.count_messages())
            self.hoist("run", source, *self.to(), password=self.server.password,
                       env={"MAILHOIST_HURRY": "1"})
            self.assertMailboxes(expected, self.server.dump(self.user))
        again = self.hoist("run", source, *self.to(), password=self.server.password)
        print(f"     {kills} kills, {accounts} accounts of {MESSAGES} messages; on the server after "
              f"each: {' '.join(map(str, there))}", flush=True)
        self.assertEqual(again.status, rig.OK)
        self.assertMailboxes(expected, self.server.dump(self.user))

    def count_messages(self):
        client = self.server.connect(self.user)
        try:
            return rig.mailboxes.count_messages(client)
        finally:
            client.logout()

    def killed(self, source, after):
        """Start a run and kill it `after` seconds; False when it had ended by itself."""
        process = subprocess.Popen(
            [rig.PROGRAM, "run", source, *map(str, self.to())], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"MAILHOIST_PASSWORD": self.server.password, "MAILHOIST_HURRY": "1"})
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        self.assertEqual(process.returncode, rig.OK)
        return False
