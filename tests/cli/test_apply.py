"""`apply`, when the sources are not any more what they were for the plan."""
import json

import rig
from memserver import MemServer

MAIL = (b"From a Mon Mar  1 10:00:00 2004\nMessage-ID: <%d@apply.example>\nFrom: a@b.example\n"
        b"Subject: number %d\nDate: Mon, 1 Mar 2004 10:00:00 +0000\n\ntext %d\n\n")


class Apply(rig.ProgramTest):
    def write(self, folder, *numbers):
        self.source = self.folder / "mail"
        self.source.mkdir(exist_ok=True)
        (self.source / folder).write_bytes(b"".join(MAIL % (n, n, n) for n in numbers))

    def command(self, server, *words, status=rig.OK):
        self.state = self.folder / f"state{server.port}"
        return self.hoist(*words, "--to", server.url(), "--state", self.state, password="x",
                          status=status, env={"MAILHOIST_HURRY": "1"})

    def test_what_is_gone_is_named(self):
        cases = (("some", lambda: self.write("Work", 2, 3), (1, 4)),
                 ("a file", (lambda: (self.source / "Work").unlink()), (1, 2, 3, 4)),
                 ("one edited", lambda: (self.write("Work", 1, 2, 3, 4), (self.source / "Work").write_bytes(
                     (self.source / "Work").read_bytes().replace(b"text 3", b"TEXT 3"))), (3,)))
        for name, change, gone in cases:
            with self.subTest(name), MemServer() as server:
                self.write("Work", 1, 2, 3, 4)
                self.write("Zoo", 5)
                self.command(server, "plan", self.source)
                change()
                result = self.command(server, "apply", "1", status=rig.REFUSED)
                named = [line for line in result.out.splitlines() if " is gone from " in line]
                self.assertEqual(len(named), len(gone), result.out)
                for line, number in zip(named, gone):
                    self.assertRegex(line, rf'^  Work: "number {number}" from a@b.example is gone from '
                                           rf'.*/mail/Work \(Work@\d+')
                self.assertIn("no longer in their sources", result.out)
                self.assertIn("make a new plan", result.out)
                report = json.loads(self.command(server, "report", "--format", "json").out)
                self.assertTrue(report["balance"]["adds_up"])
                counts = {n["kind"]: n["count"] for n in report["notices"]}
                self.assertEqual(counts["lost"], len(gone))
                self.assertEqual(len(server.bodies("Work")) if "Work" in server.folders else 0, 4 - len(gone))
                self.assertEqual(len(server.bodies("Zoo")), 1)

    def test_what_is_only_elsewhere_now_is_not_gone(self):
        with MemServer() as server:
            self.write("Work", 1, 2)
            self.write("Zoo", 5)
            self.command(server, "plan", self.source)
            self.write("Work", 1)
            self.write("Zoo", 2, 5)
            self.assertNotIn("no longer in their sources", self.command(server, "apply", "1").out)

    def test_what_has_gone_up_may_go(self):
        """Carried out in two goes, and what the first has done is tidied away in between."""
        with MemServer() as server:
            self.write("Work", 1, 2)
            self.command(server, "plan", self.source)
            self.command(server, "apply", "1")
            self.write("Work", 2)
            self.assertNotIn("no longer in their sources", self.command(server, "apply", "1").out)

    def test_nothing_has_changed(self):
        with MemServer() as server:
            self.write("Work", 1, 2)
            self.command(server, "plan", self.source)
            self.command(server, "verify", self.source, status=rig.DIFFERS)  # the lines are made anew
            self.assertNotIn("no longer", self.command(server, "apply", "1").out)
