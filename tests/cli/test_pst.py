"""Outlook stores on the command line: what is refused, what is told; and the process that reads them."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pst_case_mail
import pst_cases
import pst_messages
import rig


class SharingStore(pst_messages.Store):
    """An embedded message that is attached again is not written again."""

    def __init__(self, path):
        self.written = {}
        super().__init__(path)

    def write_attachment(self, node, attachment, nid, number, message_nid):
        inside = attachment.data
        if id(inside) not in self.written:
            place = self.ndb.new_nid(pst_messages.MESSAGE, first=0x10000)
            self.written[id(inside)] = (place, *self.write_message(inside, place))
        place, data, subnodes = self.written[id(inside)]
        inner = pst_messages.Node(self.ndb, node.codec)
        inner.add(place, data, subnodes)
        properties = attachment.properties | {
            pst_messages.ATTACH_NUMBER: number, pst_messages.ATTACH_SIZE: 4096,
            pst_messages.ATTACH_OBJECT: pst_messages.Embedded(place, 4096)}
        node.add(nid, pst_messages.write_pc(inner, properties), inner.subnodes())
        return properties


class Pst(rig.ProgramTest):
    def write(self, name):
        pst_cases.write_all(self.folder, [name])
        return self.folder / f"{name}.pst"

    def scan(self, source, *options, status=rig.OK):
        result = self.hoist("scan", source, "--format", "jsonl", *options, status=status)
        return [json.loads(line) for line in result.out.splitlines()], result

    def test_scan_twice_gives_the_same(self):
        store = self.write("everything")
        first, result = self.scan(store, status=rig.REFUSED)
        self.assertGreater(len(first), 200)
        self.assertIn("tasks (class IPM.Task): not mail", result.err)
        self.assertIn("--recovered", result.err)
        self.assertEqual(first, self.scan(store, status=rig.REFUSED)[0])
        self.assertEqual({row["kind"] for row in first}, {"pst"})
        self.assertTrue(all(len(row["locator"].split(":")) >= 3 for row in first))

    def test_formats_agree(self):
        """The same messages from a store of each format and encryption."""
        digests = set()
        for name in ("plain", "permute", "cyclic", "password"):
            rows, _ = self.scan(self.write(name))
            digests.add(tuple(sorted(row["sha256"] for row in rows)))
        self.assertEqual(len(digests), 1)

    def test_refused(self):
        small = self.write("permute")
        whole = small.read_bytes()
        for name, data, text in (("empty", b"", "total"), ("magic", b"!BDN", "no Outlook store"),
                                 ("cut", whole[:len(whole) // 2], "scanpst"),
                                 ("zeros", whole[:600] + bytes(len(whole) - 600), "scanpst")):
            with self.subTest(name=name):
                path = self.folder / f"{name}.pst"
                path.write_bytes(data)
                result = self.hoist("scan", path, status=rig.OK if name == "empty" else rig.NOINPUT)
                self.assertIn(text, result.out + result.err)
        result = self.hoist("scan", self.write("wip"), status=rig.NOINPUT)
        self.assertIn("Windows Information Protection", result.err)

    def test_a_message_without_end(self):
        """Each message holds the next one twice, and all share their octets: some kilobytes of a store
        make a message that nobody can hold. It costs itself, and not the process that reads it."""
        path = self.folder / "bomb.pst"
        store = SharingStore(path)
        inbox = store.folder("Inbox")
        message = pst_messages.Message(subject="inmost", body="x")
        for _ in range(40):
            message = pst_messages.Message(subject="bomb", attachments=[
                pst_messages.Attachment("one", message), pst_messages.Attachment("two", message)])
        store.add(inbox, message)
        store.add(inbox, pst_messages.Message(message_id="<behind@example.org>", body="x"))
        store.close()
        rows, result = self.scan(path, status=rig.NOINPUT)
        self.assertEqual([row["message_id"] for row in rows], ["<behind@example.org>"])
        self.assertIn('"bomb" (IPM.Note): takes more memory than a message may', result.err)

    def test_damage_is_told_where_it_is(self):
        """The whole tree is looked at before its first folder is told."""
        path = self.folder / "deep.pst"
        store = pst_messages.Store(path)
        folder = store.folder("Inbox")
        for _ in range(70):
            folder = store.folder("Below", folder)
        store.close()
        _, result = self.scan(path, status=None)
        self.assertRegex(result.err, "deep.pst: folder [0-9a-f]+ lies below more than 63 others")

    def test_a_number_that_is_wrong(self):
        """The folder says that it has more than its table and its nodes."""
        path = self.folder / "says.pst"
        store = pst_messages.Store(path)
        inbox = store.folder("Inbox")
        store.add(inbox, pst_messages.Message(subject="the only one", body="x"))
        inbox.properties[pst_messages.CONTENT_COUNT] = 4
        store.close()
        rows, result = self.scan(path, status=rig.REFUSED)
        self.assertEqual(len(rows), 1)
        self.assertIn("folder 'Inbox' says it has 4 items; its table and its nodes have 1", result.err)

    def test_losses_without_a_number(self):
        """A page of the node index is gone, and the tables with it: it is told, and is no success."""
        path = self.folder / "gap.pst"
        store = pst_messages.Store(path)
        inbox = store.folder("Inbox")
        for number in range(300):
            store.add(inbox, pst_messages.Message(subject=f"number {number}", body="x"))
        store.close()
        data = bytearray(path.read_bytes())
        for at in range(0, len(data) - 511, 512):
            trailer = data[at + 496:at + 512]
            is_leaf = trailer[:2] == b"\x81\x81" and data[at + 0x1EB] == 0
            if is_leaf and int.from_bytes(data[at:at + 4], "little") & 31 == 4:
                data[at:at + 512] = bytes(512)
                break
        path.write_bytes(data)
        rows, result = self.scan(path, status=rig.REFUSED)
        self.assertLess(len(rows), 300)
        self.assertRegex(result.err, "gap.pst: .*nodes [0-9a-f]+ to [0-9a-f]+ are lost; how many items "
                                     "were among them cannot be told")

    def test_a_directory_of_stores(self):
        shelf = self.folder / "shelf"
        shelf.mkdir()
        for name in "bcd":
            (shelf / f"{name}.PST").write_bytes(self.write("permute").read_bytes())
        (shelf / "none.pst").write_text("no store")
        result = self.hoist("scan", shelf, status=rig.NOINPUT)
        self.assertIn("is a directory with Outlook data files in it: name them one by one", result.err)
        for name in "bcd":
            self.assertIn(f"{shelf}/{name}.PST", result.err)
        self.assertNotIn("none.pst", result.err)

    def test_what_is_not_in_exported_files(self):
        path, folder = self.folder / "long.pst", self.folder / "others"
        store = pst_messages.Store(path)
        contacts = store.folder("Contacts", cls="IPF.Contact")
        for name, note, picture in (("long", "ü" * 40_000, 300_000), ("large", "short", 600_000),
                                    ("small", "ü", 1000)):
            store.add(contacts, pst_messages.Message(
                cls="IPM.Contact", subject=name, body=note, properties={pst_messages.DISPLAY_NAME: name},
                attachments=[pst_messages.Attachment("ContactPicture.jpg", b"x" * picture)]))
        store.close()
        _, result = self.scan(path, "--export-others", folder)
        self.assertEqual(result.err.count("the text in its file is not whole"), 1)
        self.assertEqual(result.err.count("its picture is not in its file"), 1)
        cards = {file.name.split("-")[0].split(".")[0]: file.read_bytes() for file in folder.iterdir()}
        for card in cards.values():
            card.decode()  # no character is cut
        self.assertEqual(sorted(len(re.sub(rb"(?s).*PHOTO;ENCODING=b;TYPE=JPEG:(.*?)\r\n\S.*", rb"\1", card)
                                    .replace(b"\r\n ", b"")) for card in cards.values()
                                if b"PHOTO" in card), [1336, 400_000])

    def test_address_map(self):
        store = self.write("everything")
        before, _ = self.scan(store, status=rig.REFUSED)
        unresolved = [row for row in before if "address-unresolved" in row["fidelity"]]
        self.assertTrue(unresolved)
        table = self.folder / "map"
        table.write_text(f"# who they were\n{pst_case_mail.DN}unknown=found@corp.example\n")
        after, _ = self.scan(store, "--address-map", table, status=rig.REFUSED)
        left = [row for row in after if "address-unresolved" in row["fidelity"]]
        self.assertLess(len(left), len(unresolved))
        table.write_text("# a comment\nno line\n")
        result = self.hoist("scan", store, "--address-map", table, status=None)
        self.assertIn("2", result.err)
        self.assertNotEqual(result.status, rig.OK)
        result = self.hoist("scan", store, "--address-map", self.folder / "missing",
                            status=rig.NOINPUT)
        self.assertIn("No such file", result.err)

    def test_export(self):
        store, target = self.write("everything"), self.folder / "out"
        self.scan(store, "--export-others", target, status=rig.REFUSED)
        files = {path.name: path.read_bytes() for path in target.iterdir()}
        self.assertEqual({path.suffix for path in target.iterdir()}, {".vcf", ".ics"})
        self.assertTrue(all(path.stat().st_mode & 0o777 == 0o600 for path in target.iterdir()))
        for name, data in files.items():
            kind = b"VCARD" if name.endswith(".vcf") else b"VCALENDAR"
            self.assertTrue(data.startswith(b"BEGIN:" + kind + b"\r\n"), name)
            self.assertTrue(data.endswith(b"END:" + kind + b"\r\n"), name)
        self.scan(store, "--export-others", target, status=rig.REFUSED)
        self.assertEqual(files, {path.name: path.read_bytes() for path in target.iterdir()},
                         "the same files stay as they are")
        changed = sorted(target.iterdir())[0]
        changed.write_text("the user's own")
        self.scan(store, "--export-others", target, status=rig.REFUSED)
        self.assertEqual(changed.read_text(), "the user's own")
        self.assertEqual(len(list(target.iterdir())), len(files) + 1)

    def test_export_under_wild_names(self):
        """No name of a contact leads out of the directory, or keeps the mail from being read."""
        path, folder = self.folder / "wild.pst", self.folder / "others"
        store = pst_messages.Store(path)
        contacts = store.folder("Contacts", cls="IPF.Contact")
        names = ["../../up", "-rf", "~", ".hidden", "line\r\nend", "e" + "\u0301" * 500,
                 "\U0001F468\u200d" * 60, ""]
        for name in names:
            store.add(contacts, pst_messages.Message(cls="IPM.Contact", subject=name, properties={
                pst_messages.DISPLAY_NAME: name}))
        store.add(store.folder("Inbox"), pst_messages.Message(subject="mail", body="x"))
        store.close()
        rows, _ = self.scan(path, "--export-others", folder)
        self.assertEqual(len(rows), 1)
        files = sorted(os.listdir(folder))
        self.assertEqual(len(files), len(names))
        for name in files:
            self.assertRegex(name, r"^[^-.~/\r\n][^/\r\n]*\.vcf$")
            self.assertLess(len(name.encode()), 256)

    def test_export_into_what_is_no_directory(self):
        (self.folder / "file").touch()
        self.hoist("scan", self.write("permute"), "--export-others", self.folder / "file",
                   status=rig.CANTCREAT)

    def test_the_store_is_not_touched(self):
        store = self.write("permute")
        before = (store.read_bytes(), store.stat().st_mtime_ns)
        store.chmod(0o400)
        self.scan(store)
        self.assertEqual(before, (store.read_bytes(), store.stat().st_mtime_ns))

    def test_workers_are_not_for_users(self):
        for words in (["worker", "pst"], ["worker"], ["worker", "other"]):
            self.assertIn(self.hoist(*words, status=rig.USAGE).status, [rig.USAGE])


def workers_of(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


class Worker(rig.ProgramTest):
    """The process that reads the store, looked at while it waits for a reader of its output."""

    def setUp(self):
        super().setUp()
        pst_cases.write_all(self.folder, ["large"])
        self.items = len(json.loads((self.folder / "large.json").read_text())["items"])
        self.program = subprocess.Popen(
            [rig.PROGRAM, "scan", "--quiet", "--format", "jsonl", self.folder / "large.pst"],
            env=os.environ | {"SECRET": "hunter2", "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.program.communicate)
        self.addCleanup(self.program.kill)

    def wait_for_worker(self):
        """Once it is locked down and waits because nobody reads what our program prints."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for pid in workers_of(self.program.pid):
                if status_of(pid).get("Seccomp") == "2":
                    return pid
            time.sleep(0.01)
        self.fail("there is no locked-down worker")

    def finish(self):
        out, err = self.program.communicate(timeout=rig.TIMEOUT)
        return out.decode().splitlines(), err.decode()

    def test_it_is_locked_down(self):
        pid = self.wait_for_worker()
        status = status_of(pid)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        for name in ("Max file size", "Max core file size", "Max processes"):
            self.assertRegex(limits, name + r"\s+0\s+0\s")
        if os.access(f"/proc/{pid}/environ", os.R_OK):
            self.assertEqual(pathlib.Path(f"/proc/{pid}/environ").read_bytes(), b"")
        if os.access(f"/proc/{pid}/fd", os.R_OK):
            open_ones = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}")
                         for fd in os.listdir(f"/proc/{pid}/fd")}
            self.assertTrue({path.split(":")[0].split(" ")[0] for path in open_ones.values()} <=
                            {"/dev/null", "socket", "/memfd", str(self.folder / "large.pst"),
                             "/memfd:worker"} | self.stderr_of_sanitizers(), open_ones)
        lines, _ = self.finish()
        self.assertEqual(len(lines), self.items)

    def stderr_of_sanitizers(self):
        return {"pipe"} if "asan" in str(rig.PROGRAM) else set()

    def test_killed_once(self):
        """Somebody's kill costs nothing: another worker goes on."""
        os.kill(self.wait_for_worker(), signal.SIGKILL)
        lines, err = self.finish()
        self.assertEqual(self.program.returncode, rig.OK, err)
        locators = [json.loads(line)["locator"] for line in lines]
        self.assertEqual(len(locators), self.items)
        self.assertEqual(len(set(locators)), self.items)

    def test_it_does_not_outlive_its_parent(self):
        pid = self.wait_for_worker()
        self.program.kill()
        self.program.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if status_of(pid)["State"].startswith("Z"):
                    return
            except FileNotFoundError:
                return
            time.sleep(0.01)
        self.fail("the worker is still there")
