#!/usr/bin/env python3
"""Reads damaged Outlook stores: pst_mutations.py [--count N] [--seed S] [--by dump|scan] [--keep DIR]
[--kind NAME]

Each mutant of the stores of the cases is read by pst_dump, or by `mailhoist scan`, in a process whose
time is limited. It must come to an end by itself; and for each item that was in the whole store there
must be a line that is as it was, or one that says what is missing of it, or a finding that names it or
counts it as lost; no more are counted as lost than are missing. Forgeries (checksums right again) may
hide what they like; reading them must come to its end all the same.

--keep DIR: leave the mutants that fail there. The exit status is 0 when none failed.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import resource
import subprocess
import sys

sys.dont_write_bytecode = True
import pst_case_stores  # noqa: E402
import pst_mutate  # noqa: E402
import rig  # noqa: E402

DUMP = rig.PROGRAM.parent / "tools/pst_dump"
STORES = ("everything", "everything-ansi", "everything-ost4k", "permute", "cyclic-ansi")
SECONDS, OCTETS = 20, 2 << 30
LOST_RANGE = re.compile("the nodes ([0-9a-f]+) to ([0-9a-f]+) are lost")
FURTHER = re.compile(r"(?:folder .* is lost \(|: )(\d+)(?: further items are lost|\))")
# Marks in an item's line: something of it is missing, and the line says so.
MARKS = ("err", "rcpterr", "atterr", "readerr", "degraded", "missing")

# Words of the fidelity report that say the same of a message.
LOSSES = {"attachment-missing", "attachment-truncated", "body-cut", "recipients-damaged", "rtf-damaged"}


class Reading:
    """What pst_dump says of a store."""

    def __init__(self, path):
        def limited():
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            if "asan" not in str(DUMP):  # its shadow memory is large
                resource.setrlimit(resource.RLIMIT_AS, (OCTETS, OCTETS))
        try:
            done = subprocess.run([DUMP, path], capture_output=True, preexec_fn=limited,
                                  timeout=10 * SECONDS)
        except subprocess.TimeoutExpired:
            self.status, self.lines, self.error = "hang", [], ""
            return
        self.status = done.returncode
        self.error = done.stderr.decode(errors="replace")
        self.lines = [json.loads(line) for line in done.stdout.decode(errors="replace").splitlines()]
        self.items = {line["nid"]: line for line in self.lines if "path" in line}
        self.damage = [line for line in self.lines if "damage" in line]
        self.lost = sum(line["lost"] for line in self.damage)
        text = "\n".join(line["damage"] for line in self.damage)
        self.ranges = [(int(first, 16), int(end, 16)) for first, end in LOST_RANGE.findall(text)]
        self.no_names = "the map of named properties" in text

    @property
    def broke(self):
        if report := rig.report_of_breaking(self.error):
            return report[:1500]
        if self.status not in (0, 1):
            return f"status {self.status}: {self.error[-1500:]}"
        return None

    @property
    def refused(self):
        return self.status == 1 and bool(self.error)


def marked(line):
    """Does the line, or one of what is embedded, say that something is missing?"""
    if any(key in line for key in MARKS):
        return True
    if any(isinstance(value, int) and value < 0 for value in
           (line.get("hdr", 0), line.get("body", 0), line.get("html", 0), line.get("rtf", 0))):
        return True
    return any(any(key in one for key in MARKS) or one.get("len", 0) < 0 or
               ("emb" in one and marked(one["emb"])) for one in line.get("att", ()))


def essence(line, no_names=False):
    """An item without the name of the place it lies in: orphans move. Without its named properties,
    where the store has lost their names and said so."""
    leave = ("path", "degraded") + (("cat", "status") if no_names else ())

    def rest(value):
        if isinstance(value, dict):
            return {key: rest(part) for key, part in value.items() if key not in leave}
        if isinstance(value, list):
            return [rest(part) for part in value]
        return value
    return rest(line)


def silent_losses(whole, reading):
    """Items of the whole store that are neither delivered as they were nor accounted for: what is wrong,
    and how many of those that a table lists are missing."""
    missing, altered = [], []
    for nid, line in whole.items.items():
        found = reading.items.get(nid)
        if found is None:
            missing.append(nid)
        elif essence(found, reading.no_names) != essence(line, reading.no_names) and not marked(found):
            if not any(damage["nid"] == nid for damage in reading.damage):
                altered.append(nid)
    faults = []
    # What no table lists can be named only by the range that it was in.
    unnamed = [nid for nid in missing if nid in whole.unlisted and
               not any(first <= nid < end for first, end in reading.ranges)]
    missing = [nid for nid in missing if nid not in whole.unlisted]
    covered = [nid for nid in missing if any(first <= nid < end for first, end in reading.ranges)]
    if unnamed:
        faults.append(f"items {[hex(nid) for nid in unnamed]} missing without a word")
    if len(missing) > reading.lost and len(covered) < len(missing):
        faults.append(f"{len(missing)} items missing, {reading.lost} named as lost: "
                      f"{[hex(nid) for nid in missing[:5]]}")
    for nid in altered[:3]:
        faults.append(f"item {nid:#x} altered without a word:\n    "
                      f"{difference(whole.items[nid], reading.items[nid])}")
    return faults, len(missing)


def difference(one, other):
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key) and key != "path"]
    return "; ".join(f"{key}: {str(one.get(key))[:200]} -> {str(other.get(key))[:200]}" for key in keys)


class Scan:
    """What `mailhoist scan` says of a store: the messages composed of it, and the complaints."""
    lies = 0

    def __init__(self, path):
        try:
            result = rig.hoist("scan", "--quiet", "--recovered", "--format", "jsonl", f"pst:{path}",
                               timeout=10 * SECONDS)
        except subprocess.TimeoutExpired:
            self.broke = "hang"
            return
        except AssertionError as error:
            self.broke = str(error)
            return
        self.err, self.status = result.err, result.status
        rows = [json.loads(line) for line in result.out.splitlines()]
        self.items = {int(row["locator"].split(":")[1], 16): row for row in rows}
        self.broke = None
        if self.status not in (rig.OK, rig.REFUSED, rig.NOINPUT):
            self.broke = f"status {self.status}: {result.err[-1500:]}"
        elif len(rows) != len(self.items):
            self.broke = "an item was delivered twice"
        self.refused = self.status == rig.NOINPUT and not rows and bool(self.err)
        self.damage = result.err
        self.ranges = [(int(first, 16), int(end, 16)) for first, end in LOST_RANGE.findall(self.err)]
        self.no_names = "the map of named properties" in self.err
        self.unnamed = sum(map(int, FURTHER.findall(self.err)))

    def names(self, nid):
        return f"item {nid:x}" in self.err or any(first <= nid < end for first, end in self.ranges)


def silent_losses_of_scan(whole, scan):
    """The same of messages."""
    missing = [nid for nid in whole.items if nid not in scan.items]
    faults, unnamed = [], [nid for nid in missing if not scan.names(nid)]
    if len(unnamed) > scan.unnamed:
        faults.append(f"items {[hex(nid) for nid in unnamed[:5]]} missing without a word")
    if missing and scan.status == rig.OK:
        faults.append(f"{len(missing)} items missing, and the exit status is 0")
    if "the store's own properties" in scan.err:
        return faults, len(missing)  # the store's UID is gone, which every boundary is made of
    for nid, row in scan.items.items():
        was = whole.items.get(nid)
        if not was or was["sha256"] == row["sha256"] or row["state"] != was["state"] or scan.names(nid):
            continue
        told = set(row["fidelity"]) - set(was["fidelity"]) or set(row["fidelity"]) & LOSSES
        # Without the names of properties a meeting is a mail like any other.
        told = told or scan.no_names and "calendar-synthesised" in was["fidelity"]
        if not told:
            faults.append(f"item {nid:#x} altered without a word")
    return faults[:5], len(missing)


class Campaign:
    def __init__(self, folder, keep=None, by="dump"):
        self.folder, self.keep = pathlib.Path(folder), keep
        self.reading, self.losses = {"dump": (Reading, silent_losses),
                                     "scan": (Scan, silent_losses_of_scan)}[by]
        self.whole = {}
        self.counts, self.failures = collections.Counter(), []

    def store(self, name):
        if name not in self.whole:
            path = self.folder / f"{name}.pst"
            pst_case_stores.STORES[name](path)
            data = path.read_bytes()
            whole = self.reading(path)
            facts = json.loads(path.with_suffix(".json").read_text())
            whole.unlisted = {problem["item"] for problem in facts["problems"]
                              if problem["what"] in ("orphan", "unlisted")}
            # Where the store itself lies, so do the findings: rows without items, wrong counts.
            whole.lies = sum(problem.get("said", 1) - problem.get("have", 0)
                             for problem in facts["problems"] if problem["what"] in ("phantom", "count"))
            self.whole[name] = data, pst_mutate.Layout(data), whole
        return self.whole[name]

    def one(self, name, seed, kinds=None):
        data, layout, whole = self.store(name)
        octets, what, forged = pst_mutate.mutant(data, layout, f"{name}:{seed}", kinds)
        path = self.folder / "mutant.pst"
        path.write_bytes(octets)
        reading = self.reading(path)
        faults = self.judge(whole, reading, what, forged)
        if faults:
            self.failures.append(f"{name} {seed} ({what}): " + "; ".join(faults))
            if self.keep:
                os.makedirs(self.keep, exist_ok=True)
                (pathlib.Path(self.keep) / f"{name}-{seed}.pst").write_bytes(octets)

    def judge(self, whole, reading, what, forged):
        if reading.broke:
            self.counts["broke"] += 1
            return [reading.broke]
        if reading.refused and not reading.items:
            self.counts["refused"] += 1
            return []
        if forged:
            self.counts["forged"] += 1
            return []
        faults, missing = self.losses(whole, reading)
        if self.reading is Reading and reading.lost > missing + whole.lies and not faults:
            faults = [f"{missing} items missing, but {reading.lost} named as lost"]
        self.counts["silent loss" if faults else "whole" if not missing and not reading.damage
                    else "accounted for"] += 1
        return faults


def run(count, seed=1, keep=None, kinds=None, stores=STORES, say=None, by="dump"):
    """(counts, failures) of so many mutants."""
    with rig.scratch() as folder:
        campaign = Campaign(folder, keep, by)
        for number in range(count):
            campaign.one(stores[number % len(stores)], seed * 1_000_000 + number, kinds)
            if say and (number + 1) % 100 == 0:
                say(f"{number + 1}: {dict(campaign.counts)}")
        return campaign.counts, campaign.failures


def main():
    parser = argparse.ArgumentParser(description="Reads damaged Outlook stores.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    parser.add_argument("--by", choices=["dump", "scan"], default="dump")
    parser.add_argument("--kind", choices=[kind.__name__ for kind in
                                           pst_mutate.DAMAGES + pst_mutate.FORGERIES])
    options = parser.parse_args()
    kinds = [getattr(pst_mutate, options.kind)] if options.kind else None
    counts, failures = run(options.count, options.seed, options.keep, kinds,
                           by=options.by, say=lambda line: print(line, flush=True))
    for failure in failures:
        print("FAIL", failure)
    print(f"{options.count} mutants: " + ", ".join(f"{number} {what}" for what, number in
                                                   sorted(counts.items())))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
