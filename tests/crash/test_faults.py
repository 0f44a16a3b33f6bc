"""Death at every step. Each fault_point() of a run is learned from a first run; then the program dies
there, runs again, and the account must hold what the source holds: each message once, byte for byte,
with its flags and date. CRASH_LONG=1 tries every passage of a point instead of a few."""
import collections
import os
import random
import re

import gen_mail
import popbox
import rig

LONG = os.environ.get("CRASH_LONG") == "1"
PASSAGES = 60 if LONG else 3  # at most, of each point
POINTS_MIN = 18  # fewer means that steps have lost their fault points


def some_of(count):
    """Passages to die at: the first, the last, and some between."""
    if count <= PASSAGES:
        return list(range(1, count + 1))
    between = random.Random(count).sample(range(2, count), PASSAGES - 2)
    return sorted([1, count, *between])


class Faults(rig.ServerTest):
    server_options = {"extra": "ssl = no"}
    points_min = POINTS_MIN
    options = ()

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(160, seed=7, folders=3, median=900, mean=1500, maildir=self.source,
                          manifest=self.folder / "manifest")
        self.expected = rig.mailboxes.read_rows(self.folder / "manifest")
        self.log = self.folder / "passages"

    def fresh_account(self, name):
        self.user = self.server.new_user()
        self.state = self.folder / f"state-{name}"

    def run_once(self, fault=None, status=rig.OK):
        env = {"MAILHOIST_HURRY": "1"}
        if fault:
            env["MAILHOIST_FAULT"] = fault
        else:
            env["MAILHOIST_FAULT_LOG"] = str(self.log)
        return self.hoist("run", self.source, *self.options, "--to", self.server.plain_url(self.user), "--state",
                          self.state, password=self.server.password, status=status, env=env)

    def passages(self):
        count = collections.Counter(self.log.read_text().split()) if self.log.exists() else {}
        self.log.unlink(missing_ok=True)
        return count

    def assertComplete(self):
        self.assertMailboxes(self.expected, self.server.dump(self.user))

    def test_every_point(self):
        self.fresh_account("first")
        self.run_once()
        self.assertComplete()
        points = self.passages()
        self.assertGreaterEqual(len(points), self.points_min, sorted(points))
        resumed = collections.Counter()
        cases = deaths = 0
        for name, count in sorted(points.items()):
            for passage in some_of(count):
                cases += 1
                with self.subTest(point=name, passage=passage):
                    self.fresh_account(f"{name}-{passage}")
                    # How often the journal commits depends on the time that the server takes: the
                    # last passages of a point are not reached in every run.
                    died = self.run_once(f"{name}:{passage}", status=None)
                    self.assertIn(died.status, (rig.OK, rig.FAULT), str(died))
                    self.assertTrue(died.status == rig.FAULT or passage > 1, str(died))
                    deaths += died.status == rig.FAULT
                    self.run_once()
                    self.assertComplete()
                resumed |= self.passages()
        self.assertGreaterEqual(deaths, cases * 3 // 4)
        only_resumed = sorted(set(resumed) - set(points))
        print(f"     {len(points)} points, {deaths} deaths; only on resuming: "
              f"{' '.join(only_resumed) or 'none'}", flush=True)
        self.die_while_resuming(points, only_resumed)

    def die_while_resuming(self, points, only_resumed):
        """A second death, in the recovery from the first one."""
        first_deaths = [p for p in points if "upload" in p or "inflight" in p] or sorted(points)
        for name in only_resumed:
            reached = False
            for first in first_deaths:
                with self.subTest(point=name, after=first):
                    self.fresh_account(f"{first}-{name}")
                    self.run_once(f"{first}:1", status=rig.FAULT)
                    died = self.run_once(f"{name}:1", status=None)
                    self.assertIn(died.status, (rig.OK, rig.FAULT), str(died))
                    reached = reached or died.status == rig.FAULT
                    self.run_once()
                    self.assertComplete()
                if reached and not LONG:
                    break
            self.log.unlink(missing_ok=True)


class FilingFaults(Faults):
    """Death while the server files: copied once, whatever the answer was that did not come."""
    points_min = 22
    options = ("--file", "copy")
    moved = False

    def setUp(self):
        rig.ServerTest.setUp(self)
        self.life = popbox.Leftovers(messages=48, folders=4, seed=31, local_only=0.15)
        self.source = self.folder / "maildir"
        self.life.write(maildir=self.source)
        self.expected = self.life.expected(moved=self.moved)
        self.log = self.folder / "passages"

    def fresh_account(self, name):
        super().fresh_account(name)
        client = self.server.connect(self.user)
        self.life.put(client)
        client.logout()


class MoveFaults(FilingFaults):
    options = ("--file", "move")
    moved = True


class ExpungeFaults(MoveFaults):
    """A server without MOVE."""
    points_min = 26
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR UIDPLUS "
                               "MULTIAPPEND NAMESPACE UNSELECT"}


class UndoFaults(FilingFaults):
    """Death while a run is taken back, and the undo of a run that died: the account as it was."""
    points_min = 12
    options = ("--file", "move")
    number = "1"  # of the run that is taken back

    def fresh_account(self, name):
        super().fresh_account(name)
        self.before = self.rows()

    def rows(self):
        return sorted((row["folder"], row["sha256"], row["internaldate"], *row["flags"])
                      for row in self.server.dump(self.user))

    def undo(self, fault=None, status=rig.OK, options=()):
        env = {"MAILHOIST_HURRY": "1"}
        if fault:
            env["MAILHOIST_FAULT"] = fault
        else:
            env["MAILHOIST_FAULT_LOG"] = str(self.log)
        return self.hoist("undo", self.number, *options, "--state", self.state, password=self.server.password,
                          status=status, env=env)

    @staticmethod
    def numbers(result):
        """How many messages, line by line."""
        return re.findall(r"(?m)^ *(\d+)  messages", result.out)

    def test_every_point(self):
        self.fresh_account("first")
        self.run_once()
        self.log.unlink(missing_ok=True)
        self.undo()
        self.assertEqual(self.rows(), self.before)
        points = self.passages()
        self.assertGreaterEqual(len(points), self.points_min, sorted(points))
        cases = 0
        for name, count in sorted(points.items()):
            for passage in some_of(count):
                cases += 1
                with self.subTest(point=name, passage=passage):
                    self.fresh_account(f"undo-{name}-{passage}")
                    self.run_once()
                    self.undo(f"{name}:{passage}", status=rig.FAULT)
                    self.undo()
                    self.assertEqual(self.rows(), self.before)
        print(f"     {len(points)} points, {cases} deaths", flush=True)

    DEATHS = ("file-sent:1", "file-stored:2", "flags-stored:1", "journal-stored-after:1",
              "journal-inflight-after:3", "plan-commit-after:1", "file-before-expunge:1",
              "file-expunged:1")

    def test_of_a_run_that_died(self):
        for point in self.DEATHS:
            with self.subTest(point=point):
                self.fresh_account(f"died-{point}")
                result = self.run_once(point, status=None)
                self.assertIn(result.status, (rig.FAULT, rig.OK), str(result))
                there = self.rows()
                foretold = self.undo(options=["--dry-run"])
                self.assertEqual(self.rows(), there)
                done = self.undo()
                self.assertEqual(self.rows(), self.before)
                self.assertEqual(self.numbers(foretold), self.numbers(done))


class UndoFlagsFaults(UndoFaults):
    """Death between two changes of the same message's flags."""
    options = ("--file", "copy", "--flags", "local")
    DEATHS = ("flags-before-store:1", "flags-stored:1", "flags-stored:2", "flags-stored:3",
              "file-stored:1")
    test_every_point = None


class UndoMovedFlagsFaults(UndoFlagsFaults):
    options = ("--file", "move", "--flags", "local")


class UndoExpungeFaults(UndoFaults):
    """Without MOVE the way back is COPY, \\Deleted and UID EXPUNGE."""
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR UIDPLUS "
                               "MULTIAPPEND NAMESPACE UNSELECT"}


class ClearingFaults(MoveFaults):
    """A run that moves after one that has copied: the originals of the copies go."""
    points_min = 5

    def setUp(self):
        super().setUp()
        self.life = popbox.Leftovers(messages=16, folders=3, seed=32, local_only=0.1)
        self.source = self.folder / "smaller"
        self.life.write(maildir=self.source)
        self.expected = self.life.expected(moved=True)

    def fresh_account(self, name):
        super().fresh_account(name)
        self.hoist("run", self.source, "--file", "copy", "--to", self.server.plain_url(self.user),
                   "--state", self.state, password=self.server.password)

    def passages(self):
        """Of the steps that such a run alone has."""
        return {name: count for name, count in super().passages().items()
                if name.startswith(("file-", "undo-"))}

    def die_while_resuming(self, points, only_resumed):
        pass


class UndoClearingFaults(ClearingFaults, UndoFaults):
    points_min = 5
    number = "2"
    test_of_a_run_that_died = None
    test_every_point = UndoFaults.test_every_point

    def fresh_account(self, name):
        ClearingFaults.fresh_account(self, name)
        self.before = self.rows()
