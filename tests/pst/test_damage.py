"""Damaged stores: nothing is missing without a word.

Every index page and every block of a store is zeroed in turn, and the file cut at many places. What the
reader delivers then, and what it names as unreadable or lost, must together be all that was there; and
what it delivers without a remark must be what it was."""
import json
import random
import struct
import subprocess
import unittest

import pst_messages as pst
import pst_ndb
import rig

DUMP = rig.PROGRAM.parent / "tools/pst_dump"
REMARKS = ("degraded", "err", "rcpterr", "atterr", "readerr", "missing")
FLIPS = 150


def write(path, format):
    store = pst.Store(path, format, pst_ndb.NONE if format.large else pst_ndb.PERMUTE)
    folders = [store.folder("Inbox"), store.folder("Sent Items")]
    folders.append(store.folder("Below", folders[0]))
    store.inbox(folders[0])
    for number in range(60):
        files = [pst.Attachment("file.bin", bytes([number]) * 20_000)] if number % 10 == 0 else []
        if number == 5:
            files = [pst.Attachment(None, pst.Message("inner", "inner body"))]
        store.add(folders[number % 3], pst.Message(
            f"number {number}", f"Body of {number}.\r\n" * (1 + number * 20),
            ("Jane", "jane@a.example"), attachments=files, when=1_500_000_000 + number,
            recipients=[pst.recipient(pst.TO, f"To {number}", f"to{number}@b.example")]))
    store.close()


def pages(data, format):
    """Where the pages of the two indexes lie."""
    size, tail = (4096, 24) if format.large else (512, 12 if format.ansi else 16)
    for at in range(0, len(data) - size + 1, size):
        trailer = data[at + size - tail:at + size]
        if trailer[0] == trailer[1] and trailer[0] in (0x80, 0x81):
            kept = struct.unpack_from("<I", trailer, 8 if format.ansi else 4)[0]
            if kept == pst_ndb.crc(data[at:at + size - tail]):
                yield at, size, trailer[0]


def content(item):
    """All but where it lies: a lost folder takes its name with it."""
    return {key: content(value) if isinstance(value, dict) else
            [content(part) if isinstance(part, dict) else part for part in value]
            if isinstance(value, list) else value
            for key, value in item.items() if key != "path"}


class Damage(unittest.TestCase):
    def dump(self, path, data=None):
        if data is not None:
            path.write_bytes(data)
        done = subprocess.run([DUMP, path], capture_output=True, text=True, timeout=rig.TIMEOUT)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(rig.report_of_breaking(done.stderr), "")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        items = {line["nid"]: line for line in lines if "path" in line}
        return done, items, [line for line in lines if "damage" in line]

    def remarked(self, item):
        return any(key in item for key in REMARKS) or any(
            self.remarked(part) or ("emb" in part and self.remarked(part["emb"]))
            for part in item.get("att", ()))

    def account(self, sound, path, data, what):
        """1 if the store opened, having checked that nothing is missing without a word."""
        done, items, damage = self.dump(path, data)
        if done.returncode:
            self.assertRegex(done.stderr, "scanpst|no Outlook store|Information Protection|unknown", what)
            return 0
        lost = sum(line["lost"] for line in damage)
        if not any(line["unknown"] for line in damage):
            self.assertGreaterEqual(len(items) + lost, len(sound), what)
        self.assertTrue(damage or len(items) == len(sound), what)
        for nid, item in items.items():
            if not self.remarked(item):
                self.assertEqual(content(item), content(sound[nid]), what)
        return 1

    def each_format(self, check):
        for format in (pst_ndb.UNICODE, pst_ndb.ANSI, pst_ndb.OST_4K):
            with self.subTest(format.name), rig.scratch() as folder:
                path = folder / "store.pst"
                write(path, format)
                done, sound, damage = self.dump(path)
                self.assertEqual((done.returncode, len(sound), damage), (0, 60, []))
                check(sound, path, path.read_bytes(), format)

    def test_every_index_page_zeroed(self):
        def check(sound, path, data, format):
            found = list(pages(data, format))
            self.assertGreater(len(found), 2 if format.large else 10)
            opened = sum(self.account(sound, path, data[:at] + bytes(size) + data[at + size:],
                                      f"page {kind:x} at {at}") for at, size, kind in found)
            self.assertGreaterEqual(opened, len(found) - 4)  # not without its two roots
        self.each_format(check)

    def test_every_block_zeroed(self):
        def check(sound, path, data, format):
            step = len(data) // 120 // 512 * 512
            for at in range(step, len(data) - step, step):
                self.account(sound, path, data[:at] + bytes(512) + data[at + 512:], f"zeros at {at}")
        self.each_format(check)

    def test_single_bits(self):
        def check(sound, path, data, format):
            chance = random.Random(format.name)
            for _ in range(FLIPS):
                spoilt = bytearray(data)
                at = chance.randrange(600, len(data))
                spoilt[at] ^= 1 << chance.randrange(8)
                self.account(sound, path, spoilt, f"bit at {at}")
        self.each_format(check)

    def test_cut_off(self):
        def check(sound, path, data, format):
            for part in range(0, 40):
                self.account(sound, path, data[:len(data) * part // 40], f"{part}/40")
        self.each_format(check)
