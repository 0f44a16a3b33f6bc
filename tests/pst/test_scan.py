"""`mailhoist scan` of the stores of tests/tools/pst_cases.py: folder, flags, keywords, date and state of
each message, and what is said of everything that is not carried."""
import collections
import datetime
import json

import pst_case_stores
import rig

# Added to what a case says: from importance and from the role of the folder.
OWN_KEYWORDS = {"$Important", "$Junk"}
KINDS = {"contact": "contacts", "appointment": "appointments", "task": "tasks", "note": "notes",
         "journal": "journal entries", "list": "distribution lists"}


class Scan(rig.ProgramTest):
    maxDiff = None

    def scan(self, name, *options, status):
        store = self.folder / f"{name}.pst"
        pst_case_stores.STORES[name](store)
        result = self.hoist("scan", f"pst:{store}", "--format", "jsonl", *options, status=status)
        rows = {}
        for line in result.out.splitlines():
            row = json.loads(line)
            nid = row["locator"].split(":")[1]
            rows[int(nid, 16)] = row
        self.assertEqual(len(rows), len(result.out.splitlines()), "locators are unique")
        expected = json.loads(store.with_suffix(".json").read_text())
        self.assertTrue(all(row["locator"].startswith(expected["uid"]) for row in rows.values()))
        return rows, expected, result

    def check(self, name, *options, status=rig.OK, orphans=False):
        rows, expected, result = self.scan(name, *options, status=status)
        left = dict(rows)
        others = collections.Counter()
        for item in expected["items"]:
            row = left.pop(item["nid"], None)
            with self.subTest(case=item["case"]):
                if item["hidden"] or item.get("orphan") and not orphans:
                    self.assertIsNone(row)
                elif item["kind"] == "mail":
                    self.assertIsNotNone(row)
                    self.check_row(item, row)
                elif item["kind"]:
                    self.assertIsNone(row)
                    others["/".join(item["folder"]), item["class"], KINDS[item["kind"]]] += 1
        self.assertEqual(left, {}, "nothing but what was written")
        for (folder, cls, kind), count in others.items():
            line = f"{folder}: {kind} (class {cls}): not mail, left out"
            self.assertIn(line + (f" ({count})" if count > 1 else "") + "\n", result.err)
        for problem in expected["problems"]:
            if problem["what"] == "phantom":
                self.assertIn(f"item {problem['item']:x} is lost ('never written')", result.err)
            if problem["what"] == "unlisted":
                self.assertIn("1 items are not in its table", result.err)
        return result

    def check_row(self, item, row):
        if not item.get("orphan"):
            self.assertEqual(row["folder"], item["folder"])
        if item["flags"] is not None:
            self.assertEqual(sorted(row["flags"]), item["flags"])
        if "categories" not in item:
            self.assertEqual(set(row["keywords"]) - OWN_KEYWORDS, set(item["keywords"]) - OWN_KEYWORDS)
        self.assertEqual(row["state"], item["state"])
        if item["mid"]:
            self.assertEqual(row["message_id"], item["mid"])
        self.assertLessEqual(set(item["fidelity"]), set(row["fidelity"]))
        if item.get("date"):
            when = datetime.datetime.fromtimestamp(item["date"], datetime.timezone.utc)
            self.assertEqual(row["internaldate"], when.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def test_everything_in_unicode(self):
        result = self.check("everything", status=rig.REFUSED)
        self.assertIn("items whose folder is gone; --recovered carries them", result.err)

    def test_orphans_on_demand(self):
        self.check("everything", "--recovered", status=rig.REFUSED, orphans=True)

    def test_everything_in_ansi(self):
        self.check("everything-ansi", status=rig.REFUSED)

    def test_everything_in_4k_pages(self):
        self.check("everything-ost4k", status=rig.REFUSED)

    def test_other_stores(self):
        for name in ("plain", "permute", "cyclic", "cyclic-ansi", "password", "japanese"):
            with self.subTest(name):
                self.check(name)
