"""Outlook stores, carried to a real Dovecot: whole, twice, interrupted, damaged."""
import calendar
import json
import time

import pst_cases
import rig


def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


class PstServer(rig.ServerTest):
    store = "everything"

    def setUp(self):
        super().setUp()
        pst_cases.write_all(self.folder, [self.store])
        self.source = self.folder / f"{self.store}.pst"

    def planned(self, *options, status=None):
        """What `plan` says of every message."""
        result = self.run_to_server("plan", self.source, "--format", "jsonl", *options,
                                    status=status)
        return [json.loads(line) for line in result.out.splitlines()]

    def expected(self, rows):
        """What must then be on the server."""
        return [{"folder": row["target"], "sha256": row["sha256"], "size": row["size"],
                 "flags": row["flags"] + row["keywords"], "internaldate": seconds(row["internaldate"])}
                for row in rows if row["action"] == "upload"]

    def account(self):
        return self.server.dump(self.user)

    def assertCarried(self, rows):
        """All that was planned, in the folders that the server has made of the wanted ones."""
        report = json.loads(self.hoist("report", "--format", "json", "--state", self.state).out)
        made = {row["wanted"]: row["made"] for row in report["renamed"]}
        self.assertMailboxes([row | {"folder": made.get(row["folder"], row["folder"])}
                              for row in self.expected(rows)], self.account())


class Everything(PstServer):
    def test_run_twice(self):
        rows = self.planned()
        self.assertGreater(len(rows), 200)
        # Its tables disagree with its nodes on purpose: done, but not without a word.
        first = self.run_to_server("run", self.source, status=rig.REFUSED)
        self.assertIn("is lost", first.out)
        self.assertIn("Fidelity:", first.out)
        self.assertCarried(rows)
        before = self.account()
        second = self.run_to_server("run", self.source, "--format", "json", status=rig.REFUSED)
        report = json.loads(second.out)
        self.assertEqual(report["balance"]["uploaded"], 0)
        self.assertTrue(report["balance"]["adds_up"])
        self.assertEqual(self.account(), before)
        # What was noticed the first time is still told: the folders were not read again.
        self.assertIn("lost", [notice["kind"] for notice in report["notices"]])
        self.run_to_server("verify", self.source, "--verify", "full", status=rig.REFUSED)

    def test_from_another_machine(self):
        """Composed anew, the messages are the same octets: nothing goes up twice."""
        self.run_to_server("run", self.source, status=rig.REFUSED)
        before = self.account()
        self.state = self.folder / "another-machine"
        moved = self.folder / "moved.pst"
        self.source.rename(moved)
        self.run_to_server("run", moved, status=rig.REFUSED)
        self.assertEqual(self.account(), before)

    def test_fidelity_is_reported(self):
        self.run_to_server("run", self.source, status=rig.REFUSED)
        report = json.loads(self.hoist("report", "--format", "json", "--state", self.state).out)
        lines = report["fidelity"]["lines"]
        self.assertEqual(len(lines), report["fidelity"]["messages"])
        for name in ("header-only", "attachment-referenced", "address-unresolved", "rtf-to-text"):
            self.assertEqual(sum(name in line["fidelity"] for line in lines),
                             report["fidelity"]["classes"][name], name)

    def test_orphans(self):
        self.assertNotIn("Recovered", {row["folder"][0] for row in self.planned()})
        rows = self.planned("--recovered")
        self.assertIn("Recovered", {row["folder"][0] for row in rows})
        self.run_to_server("run", self.source, "--recovered", status=rig.REFUSED)
        self.assertCarried(rows)


class Roles(PstServer):
    store = "japanese"

    def test_folders_go_to_their_roles(self):
        """Whatever the language of the store."""
        targets = {tuple(row["folder"]): row["target"] for row in self.planned(status=rig.OK)}
        self.assertEqual(targets[("受信トレイ",)], "INBOX")
        self.assertEqual(targets[("送信済みアイテム",)], "Sent")


class Crashes(PstServer):
    store = "permute"

    def run_once(self, fault=None, status=rig.OK):
        env = {"MAILHOIST_HURRY": "1"}
        env |= {"MAILHOIST_FAULT": fault} if fault else {
            "MAILHOIST_FAULT_LOG": str(self.folder / "log")}
        self.run_to_server("run", self.source, status=status, env=env)

    def test_every_point(self):
        rows = self.planned(status=rig.OK)
        self.run_once()
        self.assertMailboxes(self.expected(rows), self.account())
        points = sorted(set((self.folder / "log").read_text().split()))
        self.assertGreater(len(points), 10)
        for point in points:
            with self.subTest(point=point):
                self.user = self.server.new_user()
                self.state = self.folder / f"state-{point}"
                self.run_once(f"{point}:1", status=rig.FAULT)
                self.run_once()
                self.assertMailboxes(self.expected(rows), self.account())
