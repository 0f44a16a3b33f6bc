"""`make demo` ends well and leaves nothing behind, also when it is interrupted."""
import os
import signal
import subprocess
import time
import unittest

import rig

DEMO = rig.TOP / "scripts/demo.sh"


class Demo(unittest.TestCase):
    def setUp(self):
        if not rig.RELEASE.exists():
            self.skipTest("no release build")
        context = rig.scratch()
        self.folder = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def start(self):
        return subprocess.Popen([DEMO], cwd=rig.TOP, env=os.environ | {"TMPDIR": str(self.folder)},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                # ignored where a script started the tests in the background
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def assertNothingLeft(self, output):
        self.assertEqual(list(self.folder.iterdir()), [], output)
        left = [cmdline for cmdline in map(self.command_line, os.listdir("/proc"))
                if str(self.folder) in cmdline]
        self.assertEqual(left, [], output)

    @staticmethod
    def command_line(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""

    def test_to_its_end(self):
        demo = self.start()
        output, _ = demo.communicate(timeout=300)
        self.assertEqual(demo.returncode, 0, output)
        self.assertNothingLeft(output)

    def test_interrupted(self):
        demo = self.start()
        deadline = time.monotonic() + 120
        while not list(self.folder.glob("*/server/server.env")):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(demo.poll())
            time.sleep(0.05)
        os.killpg(demo.pid, signal.SIGINT)
        output, _ = demo.communicate(timeout=60)
        self.assertEqual(demo.returncode, 130, output)
        time.sleep(0.2)
        self.assertNothingLeft(output)
