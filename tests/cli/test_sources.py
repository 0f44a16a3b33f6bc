"""Sources that are missing, unreadable, empty or no mail store at all; and journals that cannot be."""
import os
import resource
import shutil
import signal
import subprocess

import gen_mail
import rig

NOBODY = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


def copy_for_nobody(test):
    """The program where an ordinary user may run it."""
    return shutil.copy(rig.PROGRAM, test.enterContextOf(rig.scratch(memory=False)) / "mailhoist")


class BadSource(rig.ProgramTest):
    def assertNoInput(self, *arguments, names):
        result = self.hoist("scan", *arguments, status=rig.NOINPUT)
        self.assertIn(str(names), result.err)
        if len(arguments) == 1:
            self.assertEqual(result.out, "", "there is nothing to make a table of")
        return result

    def test_missing_path(self):
        missing = self.folder / "not-there"
        self.assertIn("No such file", self.assertNoInput(missing, names=missing).err)

    def test_empty_file_is_an_empty_folder(self):
        """As a mail client leaves one behind: nothing to do is no error."""
        empty = self.folder / "empty"
        empty.touch()
        result = self.hoist("scan", empty)
        self.assertRegex(result.out, r"total\s+[-0]")

    def test_file_that_is_no_mail(self):
        text = self.folder / "letter.txt"
        text.write_text("Dear reader,\n\nFrom here it looks fine.\n")
        self.assertNoInput(text, names=text)

    def test_binary_file(self):
        binary = self.folder / "picture"
        binary.write_bytes(bytes(range(256)) * 100)
        self.assertNoInput(binary, names=binary)

    def test_directory_that_is_no_store(self):
        folder = self.folder / "documents"
        folder.mkdir()
        (folder / "notes.txt").write_text("nothing\n")
        self.assertNoInput(folder, names=folder)

    def test_empty_directory(self):
        folder = self.folder / "empty"
        folder.mkdir()
        self.assertNoInput(folder, names=folder)

    def test_kind_that_it_is_not(self):
        text = self.folder / "letter.txt"
        text.write_text("Dear reader\n")
        self.assertNoInput(f"mbox:{text}", names=text.name)

    def test_one_bad_source_among_good_ones_is_named(self):
        gen_mail.generate(5, folders=1, mbox=self.folder / "mbox")
        self.assertNoInput(self.folder / "mbox" / "INBOX", self.folder / "no", names="no")

    def test_unreadable_file(self):
        gen_mail.generate(5, folders=1, mbox=self.folder / "mbox")
        closed = self.folder / "mbox" / "INBOX"
        closed.chmod(0)
        if os.geteuid() == 0:  # root can read everything
            program = copy_for_nobody(self)
            done = subprocess.run([*NOBODY, program, "scan", closed], capture_output=True, text=True)
            status, text = done.returncode, done.stderr
        else:
            result = self.hoist("scan", closed, status=None)
            status, text = result.status, result.err
        self.assertEqual(status, rig.NOINPUT, text)
        self.assertIn("Permission denied", text)

    def test_scan_leaves_the_source_as_it_was(self):
        gen_mail.generate(20, folders=3, mbox=self.folder / "mbox", maildir=self.folder / "maildir")
        before = self.state_of_files()
        self.hoist("scan", self.folder / "mbox", self.folder / "maildir")
        self.assertEqual(self.state_of_files(), before)

    def state_of_files(self):
        return {path: (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_ino)
                for path in sorted(self.folder.rglob("*"))}


class BadJournal(rig.ServerTest):
    """Where the journal cannot be written, nothing is sent; with room again, all of it is."""

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(300, seed=3, folders=2, median=600, mean=700, maildir=self.source,
                          manifest=self.folder / "manifest")

    def assertNothingSent(self):
        self.assertEqual(self.server.dump(self.user), [])

    def test_state_folder_is_a_file(self):
        self.state.write_text("in the way\n")
        result = self.run_to_server("run", self.source, status=rig.CANTCREAT)
        self.assertIn(str(self.state), result.err)
        self.assertNothingSent()

    def test_state_folder_may_not_be_written(self):
        parent = self.folder / "closed"
        parent.mkdir()
        parent.chmod(0o555)
        self.state = parent / "state"
        program = [rig.PROGRAM]
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody", self.folder], check=True)
            program = [*NOBODY, copy_for_nobody(self)]
        done = subprocess.run([*program, "run", self.source, *self.to()], capture_output=True,
                              text=True, env=os.environ | {"MAILHOIST_PASSWORD": self.server.password})
        self.assertEqual(done.returncode, rig.CANTCREAT, done.stderr)
        self.assertIn(str(self.state), done.stderr)
        self.assertNothingSent()

    def assertResumes(self):
        self.run_to_server("run", self.source)
        expected = rig.mailboxes.read_rows(self.folder / "manifest")
        self.assertMailboxes(expected, self.server.dump(self.user))

    def test_file_size_limit(self):
        """Like a full disk for everybody: files cannot grow beyond a limit, at several of them."""
        def limit(octets):
            def apply():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))
            return apply
        for octets in (0, 4096, 40_000, 120_000, 200_000, 300_000):
            with self.subTest(octets=octets):
                result = self.run_to_server("run", self.source, status=None,
                                            preexec_fn=limit(octets))
                self.assertIn(result.status, (rig.CANTCREAT, rig.IOERR), str(result))
                self.assertRegex(result.err, "(?m)^mailhoist: .*(journal|cannot write)")
        self.assertResumes()

    def test_full_disk(self):
        """A tmpfs of a few hundred kilobytes holds the state folder."""
        self.state.mkdir()
        for kilobytes in (64, 256, 400):
            with self.subTest(kilobytes=kilobytes):
                done = self.on_small_disk(kilobytes)
                if done is None:
                    self.skipTest("no mount namespace here")
                self.assertIn(done.returncode, (rig.CANTCREAT, rig.IOERR), done.stderr)
                self.assertRegex(done.stderr, "(?i)full|no space|space left")

    def on_small_disk(self, kilobytes):
        namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        mount = f'mount -t tmpfs -o size={kilobytes}k none "$0" || exit 200; exec "$@"'
        try:
            done = subprocess.run([*namespace, "sh", "-c", mount, self.state, rig.PROGRAM, "run",
                                   self.source, *self.to()], capture_output=True, text=True,
                                  env=os.environ | {"MAILHOIST_PASSWORD": self.server.password})
        except FileNotFoundError:
            return None
        return None if done.returncode in (1, 200) else done
