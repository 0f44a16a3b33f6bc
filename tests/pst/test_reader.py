"""The reader against the stores of tests/tools/pst_cases.py: what pst_dump says of each is compared with
what was written. How mail is made of it is another test's."""
import json
import subprocess
import unittest

import pst_case_stores
import rig

DUMP = rig.PROGRAM.parent / "tools/pst_dump"


class Dumped:
    """A store of the cases, read by pst_dump."""

    def __init__(self, folder, name):
        path = folder / f"{name}.pst"
        pst_case_stores.STORES[name](path)
        self.expected = json.loads(path.with_suffix(".json").read_text())
        self.done = subprocess.run([DUMP, path], capture_output=True, text=True, timeout=rig.TIMEOUT)
        lines = [json.loads(line) for line in self.done.stdout.splitlines()]
        self.folders = {line["nid"]: line for line in lines if "folder" in line}
        self.items = {line["nid"]: line for line in lines if "path" in line}
        self.damage = [line for line in lines if "damage" in line]


class Reader(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not DUMP.exists():
            raise FileNotFoundError(f"{DUMP} is not built")

    def dumped(self, name):
        with rig.scratch() as folder:
            found = Dumped(folder, name)
        self.assertEqual(rig.report_of_breaking(found.done.stderr), "")
        return found

    def check(self, name):
        store = self.dumped(name)
        self.assertEqual(store.done.returncode, 0, store.done.stderr)
        self.check_folders(store)
        for wanted in store.expected["items"]:
            if wanted["hidden"]:
                self.assertNotIn(wanted["nid"], store.items, wanted["case"])
                continue
            with self.subTest(case=wanted["case"]):
                self.check_item(wanted, store.items[wanted["nid"]])
        visible = [item for item in store.expected["items"] if not item["hidden"]]
        self.assertEqual(len(store.items), len(visible))
        self.check_problems(store)
        return store

    def check_folders(self, store):
        for wanted in store.expected["folders"]:
            found = store.folders[wanted["nid"]]
            self.assertEqual(found["folder"], "".join("/" + part for part in wanted["path"]))
            self.assertEqual((found["role"], found["cls"], found["nbtmsgs"], found["count"]),
                             (wanted["role"], wanted["class"], wanted["items"], wanted["said"]),
                             wanted["path"])

    def check_item(self, wanted, found):
        self.assertEqual(found["cls"], wanted["class"] or "")
        if wanted["subject"] is not None:
            self.assertEqual(found["subject"], wanted["subject"])
        self.assertEqual(found["from"], wanted["from"])
        self.assertEqual(found["mid"], wanted["mid"])
        self.assertEqual([[kind & 15, *rest] for kind, *rest in found["rcpt"]], wanted["rcpt"])
        self.check_attachments(wanted["att"], found["att"])
        for key in ("err", "rcpterr", "atterr", "readerr"):
            self.assertNotIn(key, found)

    def check_attachments(self, wanted, found):
        self.assertEqual(len(found), len(wanted))
        for want, have in zip(wanted, found):
            self.assertEqual((have["fn"], have["meth"], have["cid"]),
                             (want["name"], want["method"], want["cid"]))
            if want.get("size"):
                self.assertEqual((have["len"], have["sha"]), (want["size"], want["sha1"][:12]))
            if "inside" in want:
                self.check_item(want["inside"], have["emb"])

    def check_problems(self, store):
        """Each contradiction is named, and nothing else is."""
        for problem in store.expected["problems"]:
            if problem["what"] in ("unlisted", "phantom"):
                self.assertIn(problem["nid"], [line["nid"] for line in store.damage], problem)
        if not store.expected["problems"]:
            self.assertEqual(store.damage, [])

    def test_everything_in_unicode(self):
        self.check("everything")

    def test_everything_in_ansi(self):
        self.check("everything-ansi")

    def test_everything_in_4k_pages(self):
        self.check("everything-ost4k")

    def test_every_encryption(self):
        for name in ("plain", "permute", "cyclic", "cyclic-ansi"):
            with self.subTest(name):
                self.check(name)

    def test_password_needs_no_asking(self):
        self.check("password")

    def test_japanese_store(self):
        self.check("japanese")

    def test_large_attachment_and_large_folder(self):
        self.check("large")

    def test_protected_store_is_refused(self):
        store = self.dumped("wip")
        self.assertNotEqual(store.done.returncode, 0)
        self.assertIn("Windows Information Protection", store.done.stderr)
