"""Whole POP lives, re-enacted with real clients on real servers (tests/tools/reenact.py): what is
planned is what happens, everything ends up in its folder once, nothing of it is sent again, and it can
be taken back. Here short ones; LIFE_MESSAGES=4000 LIFE_CLIENTS=all (make check-life) is the long form.
"""
import json
import os
import random
import re
import signal
import subprocess
import time

import pop_clients
import reenact
import rig
from faultproxy import FaultProxy

MESSAGES = int(os.environ.get("LIFE_MESSAGES", 160))
FOLDERS = int(os.environ.get("LIFE_FOLDERS", 8))
ALL = os.environ.get("LIFE_CLIENTS", "") == "all"
SEED = int(os.environ.get("LIFE_SEED", 1))
KILLS = int(os.environ.get("LIFE_KILLS", 3))
KILL_WITHIN = 0.6 + MESSAGES / 1000  # seconds
COMMANDS_MAX = 40_000 + 80 * MESSAGES  # octets of everything that is no message, up to the server


class Life(rig.ServerTest):
    prefix, separator = "", "/"
    clients = ()

    def setUp(self):
        super().setUp()
        self.proxy = self.enterContextOf(FaultProxy(self.server.tls_port))  # it counts octets

    def to(self):
        return super().to(port=self.proxy.port)

    def server_name(self, folder):
        return self.prefix + folder.replace("/", self.separator)

    def pop3(self):
        """What is needed to understand the server's UIDLs."""
        return []

    def live(self, name):
        kind = pop_clients.CLIENTS[name]
        if kind.missing():
            self.skipTest(f"{kind.missing()} not installed (scripts/install-deps test)")
        self.client = kind(self.folder / name)
        self.life = reenact.Life(self.server, self.user, self.client, MESSAGES, FOLDERS, SEED,
                                 self.server_name)
        begun = time.monotonic()
        self.life.happen()
        self.note(f"{name}: lived {MESSAGES} messages in {time.monotonic() - begun:.0f} s: "
                  f"{dict(self.life.counts)}")

    def note(self, text):
        if ALL:
            print(f"     {text}", flush=True)

    # ---- looking ----

    def account(self):
        return self.server.dump(self.user)

    def assertBefore(self, uids=True):
        """The account as before, message for message, flag for flag."""
        def lines(rows):
            return sorted((row["folder"], row["uid"] if uids else 0, row["sha256"],
                           row["internaldate"], tuple(row["flags"])) for row in rows)
        found, before = lines(self.account()), lines(self.life.before)
        if found != before:
            gone, more = set(before) - set(found), set(found) - set(before)
            self.fail(f"not as before: {len(gone)} missing {sorted(gone)[:5]}, {len(more)} more "
                      f"{sorted(more)[:5]}, {len(found)} for {len(before)}")

    def assertFiled(self, moved=False):
        found, expected = self.account(), self.life.expected(moved)
        # when a copy that is not on the server any more arrived, its store alone tells
        dates = {(row["folder"], row["sha256"]): row["internaldate"] for row in found}
        for row in expected:
            if row["internaldate"] is None:
                row["internaldate"] = dates.get((row["folder"], row["sha256"]))
        faults = rig.mailboxes.compare(expected, found, limit=8)
        self.assertFalse(faults, "\n" + "\n".join(faults))
        places = {(row["folder"], row["uid"], row["sha256"], row["internaldate"]) for row in found}
        for row in self.life.server_only if moved else self.life.before:
            self.assertIn((row["folder"], row["uid"], row["sha256"], row["internaldate"]), places,
                          "was touched")

    def report(self, run=None):
        out = self.hoist("report", *([str(run)] if run else []), "--format", "json", "--state",
                         self.state).out
        return json.loads(out)

    def assertReported(self, balance, filed, uploaded):
        counts = self.life.counts
        self.assertTrue(balance["adds_up"], balance)
        self.assertEqual(balance["found"], len(self.life.kept))
        self.assertEqual(balance[filed], counts["filed"], balance)
        self.assertEqual(balance[uploaded], counts["uploaded"], balance)
        self.assertEqual(balance["present"], counts["present"] + counts["elsewhere"], balance)

    # ---- doing ----

    def plan(self, *options):
        self.hoist("plan", *self.client.arguments, *self.pop3(), *options, *self.to(),
                   password=self.server.password)
        report = self.report()
        self.assertReported(report["balance"], "to-file", "open")
        deleted = self.life.counts["deleted"] if self.life.uidls_known else 0
        self.assertLessEqual(len(report["deleted_here"]), deleted)
        self.assertGreaterEqual(len(report["deleted_here"]), deleted - self.life.doubtful)
        only = report["server_only"]["messages"]
        self.assertLessEqual(only, self.life.counts["server_only"])
        self.assertGreaterEqual(only, self.life.counts["server_only"] - self.life.doubtful)
        self.note("plan: " + ", ".join(f"{row['match']}/{row['outcome']} {row['messages']}"
                                       for row in report["reasons"]))

    def run_it(self, *options, **more):
        """Run; every octet that goes to the server is counted."""
        begun, before = time.monotonic(), dict(self.proxy.moved)
        result = self.hoist("run", *self.client.arguments, *self.pop3(), *options, *self.to(),
                            password=self.server.password, **more)
        report = self.report()
        self.assertReported(report["balance"], "filed", "uploaded")
        up, down = (self.proxy.moved[way] - before[way] for way in ("up", "down"))
        commands = up - self.life.upload_octets()
        self.assertLess(commands, COMMANDS_MAX, "only what is not there is sent")
        self.note(f"run {' '.join(options)}: {time.monotonic() - begun:.1f} s, {up} octets up "
                  f"({commands} of them commands), {down} down, "
                  f"{report['balance']['filed']} filed")
        return result

    def undo(self, run, *options, status=rig.OK):
        return self.hoist("undo", str(run), *options, "--state", self.state, "--tls-ca",
                          self.server.ca, password=self.server.password, status=status,
                          timeout=1800)  # without MOVE it goes one by one

    def undo_all(self):
        for run in range(self.report()["run"], 0, -1):
            self.undo(run)

    def new_state(self):
        self.states = getattr(self, "states", 0) + 1
        self.state = self.folder / f"state{self.states}"

    # ---- whole stories ----

    def files_and_takes_back(self, *options, moved=False):
        self.new_state()
        self.run_it("--file", "move" if moved else "copy", *options)
        self.assertFiled(moved)
        self.undo(1, "--dry-run")
        self.assertFiled(moved)
        result = self.undo(1)
        self.note(f"undo: {result.out.strip()}")
        self.assertBefore(uids=not moved)
        self.life.moved_and_back(self.account())

    def whole_story(self, name):
        self.live(name)
        for how in ((), ("--no-uidl",)):
            self.life.uidls_known = not (how and self.pop3())
            self.new_state()
            self.plan(*how)
            self.assertBefore()
            self.files_and_takes_back(*how)
        for how in ((), ("--no-uidl",)):
            self.life.uidls_known = not (how and self.pop3())
            self.files_and_takes_back(*how, moved=True)


    # ---- killed ----

    def killed(self, rnd, *arguments):
        """Start it and kill it at some moment; False when it had ended by itself."""
        process = subprocess.Popen(
            [rig.PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"MAILHOIST_PASSWORD": self.server.password, "MAILHOIST_HURRY": "1"})
        try:
            process.wait(rnd.uniform(0.02, KILL_WITHIN))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        self.assertEqual(process.returncode, rig.OK)
        return False

    def killed_story(self, name, moved):
        """kill -9 while it files, and while it takes back; then again, to the end."""
        rnd = random.Random(SEED + moved)
        self.live(name)
        self.new_state()
        how = ["--file", "move" if moved else "copy"]
        kills = 0
        while kills < KILLS and self.killed(rnd, "run", *self.client.arguments, *self.pop3(), *how,
                                            *self.to()):
            kills += 1
        self.hoist("run", *self.client.arguments, *self.pop3(), *how, *self.to(),
                   password=self.server.password, env={"MAILHOIST_HURRY": "1"})
        self.assertFiled(moved)
        self.assertTrue(self.report()["balance"]["adds_up"])
        undo_kills = 0
        for run in range(self.report()["run"], 0, -1):
            while undo_kills < KILLS and self.killed(rnd, "undo", run, *self.to()[2:]):
                undo_kills += 1
            self.undo(run)
        self.assertBefore(uids=not moved)
        self.note(f"killed {kills} times while filing, {undo_kills} times while taking back")


def stories(cls):
    """A test for each client of the class."""
    for name in pop_clients.CLIENTS if ALL else cls.clients:
        def story(self, name=name):
            self.whole_story(name)
        setattr(cls, "test_" + name.replace("-", "_"), story)
    return cls


@stories
class OnDovecot(Life):
    server_options = {"pop3": "yes"}
    clients = ("mpop-maildir", "getmail")


    def test_killed_copying(self):
        self.killed_story("thunderbird", moved=False)

    def test_killed_moving(self):
        self.killed_story("thunderbird", moved=True)


class Adversity(Life):
    """The server was restored from a backup, or its index rebuilt: the UIDLs at home mean nothing, or
    other messages than they did."""
    server_options = {"pop3": "yes"}

    def rewrite(self, change):
        """Bend Dovecot's list of UIDs: its header, and [UID, file] of each message."""
        box = self.server.folder / "mail" / self.user / "mail"
        path = box / "dovecot-uidlist"
        header, *lines = path.read_text().splitlines()
        rows = [line.split(" ", 1) for line in lines]
        header, rows = change(header, rows)
        rows.sort(key=lambda row: int(row[0]))
        path.write_text("\n".join([header, *(" ".join(row) for row in rows), ""]))
        for index in box.glob("dovecot.index*"):
            index.unlink()
        before = {(row["folder"], row["sha256"]) for row in self.life.before}
        self.life.before = self.account()
        self.assertEqual({(row["folder"], row["sha256"]) for row in self.life.before}, before)
        self.life.sort()

    def check(self, change, words, believed):
        self.live("thunderbird")
        self.rewrite(change)
        self.new_state()
        self.life.uidls_known = believed is not False
        if believed is None:  # as the sample falls
            self.life.doubtful = self.life.counts["deleted"]
        self.plan()
        result = self.run_it("--file", "move", "--verify", "full")
        self.assertIn(words, result.out)
        self.assertFiled(moved=True)
        self.undo(self.report()["run"])
        self.assertBefore(uids=False)

    def test_another_uidvalidity(self):
        def change(header, rows):
            return re.sub(r"V\d+", lambda m: f"V{int(m[0][1:]) + 1}", header), rows
        self.check(change, "UIDVALIDITY", believed=False)

    def test_uids_given_to_other_mail(self):
        def change(header, rows):
            uids = [row[0] for row in rows]
            return header, [[uids[n - 7], row[1]] for n, row in enumerate(rows)]
        self.check(change, "were not believed", believed=False)

    def test_two_exchanged(self):
        """Too few for the sample, perhaps: then their sizes tell."""
        def change(header, rows):
            filed = {reenact.digest(k.mail.data) for k in self.life.kept if k.fate == "filed"}
            cur = self.server.folder / "mail" / self.user / "mail/cur"
            by_name = {path.name.split(",")[0]: reenact.digest(pop_clients.wire(
                path.read_bytes())) for path in cur.iterdir()}
            a, b = [row for row in rows
                    if by_name.get(row[1].split(":")[-1].split(",")[0]) in filed][20:22]
            a[0], b[0] = b[0], a[0]
            return header, rows
        self.check(change, "UIDLs", believed=None)


@stories
class OnCyrus(Life):
    server_kind = "cyrus"
    server_options = {"pop3": "yes", "extra": "popuseimapflags: yes"}
    prefix, separator = "INBOX.", "."
    clients = ("thunderbird",)

    def server_name(self, folder):
        """Without what this server does not have in names."""
        return super().server_name(folder.replace(";", "_").replace("#", "_"))


@stories
class OnCourier(Life):
    server_kind = "courier"
    server_options = {"pop3": "yes"}
    prefix, separator = "INBOX.", "."
    clients = ("mpop-mbox",)

    def pop3(self):
        """Its POP3 server numbers messages for itself."""
        return ["--pop3", f"pop3://{self.server.host}:{self.server.pop3_port}"]
