"""make install, uninstall and dist."""
import os
import subprocess
import tarfile
import unittest

import rig


class Install(unittest.TestCase):
    def setUp(self):
        if not rig.RELEASE.exists():
            self.skipTest("no release build")
        context = rig.scratch()
        self.folder = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def make(self, *arguments):
        # Nothing of an outer make: its variables would win over ours.
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        done = subprocess.run(["make", "-C", rig.TOP, *arguments], env=env, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*")
                      if path.is_file())

    def test_install_and_uninstall(self):
        where = [f"DESTDIR={self.folder}", "PREFIX=/opt/hoist"]
        self.make("install", *where)
        self.assertEqual(self.files(), ["opt/hoist/bin/mailhoist",
                                        "opt/hoist/share/man/man1/mailhoist.1"])
        program = self.folder / "opt/hoist/bin/mailhoist"
        self.assertEqual(program.stat().st_mode & 0o777, 0o755)
        self.assertIn("mailhoist", rig.hoist("--version", program=program).out)
        self.make("uninstall", *where)
        self.assertEqual(self.files(), [])

    def test_source_archive(self):
        if not (rig.TOP / ".git").exists():
            self.skipTest("no git tree")
        self.make("dist", f"DIST={self.folder}/source.tar.gz")
        with tarfile.open(self.folder / "source.tar.gz") as archive:
            names = archive.getnames()
        top = names[0].split("/")[0]
        self.assertRegex(top, r"^mailhoist-\d+\.\d+\.\d+$")
        for name in ("Makefile", "README.md", "LICENSE", "src/cli/main.c", "scripts/install-deps"):
            self.assertIn(f"{top}/{name}", names)
        self.assertFalse([name for name in names if "/build/" in name])
