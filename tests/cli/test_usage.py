"""The command line itself: help, man page, wrong usage."""
import re
import subprocess
import unittest

import rig

MAN_PAGE = rig.TOP / "src/cli/mailhoist.1"
COMMANDS = ["scan", "plan", "run", "apply", "verify", "undo", "report", "check", "login"]


def man_source():
    return MAN_PAGE.read_text(encoding="utf-8")


def help_text():
    return rig.hoist("--help").out


class Help(rig.ProgramTest):
    def test_help_is_a_result(self):
        result = self.hoist("--help")
        self.assertEqual(result.err, "")
        for command in COMMANDS:
            self.assertRegex(result.out, rf"(?m)^\s+(mailhoist )?{command}\b")

    def test_version(self):
        result = self.hoist("--version")
        self.assertRegex(result.out, r"^mailhoist \d+\.\d+\.\d+")

    def test_help_and_man_page_have_the_same_options(self):
        in_help = set(re.findall(r"(?m)^\s+(?:-\w, )?--([a-z0-9-]+)", help_text()))
        in_man = set(re.findall(r"(?m)^\.It Fl -([a-z0-9-]+)", man_source()))
        self.assertEqual(in_help, in_man)

    def test_man_page_has_every_command(self):
        self.assertEqual(re.findall(r"(?m)^\.It Cm (\w+)", man_source())[:len(COMMANDS)], COMMANDS)

    def test_man_page_and_readme_have_the_same_exit_statuses(self):
        section = man_source().split(".Sh EXIT STATUS")[1].split(".Sh")[0]
        in_man = set(re.findall(r"\d+", " ".join(re.findall(r"(?m)^\.It (.*)", section))))
        readme = (rig.TOP / "README.md").read_text(encoding="utf-8")
        rows = re.findall(r"(?m)^\| ([\d, ]+) \|", readme.split("## Exit statuses")[1])
        self.assertEqual(in_man, set(re.findall(r"\d+", " ".join(rows))))

    def test_every_option_of_a_command_is_accepted_by_it(self):
        """Without operands each call is wrong, but not because of the option."""
        values = {"format": "text", "repair": "all", "verify": "size", "password-fd": "0", "timeout": "5", "connections": "3", "compress": "on", "max-rate": "2M", "file": "copy", "flags": "union",
                  "max-bytes-per-day": "2G", "profile": "gmail",
                  "profile-file": str(rig.TOP / "src/imap/profiles.conf"), "window": "22:00-06:00",
                  "to": "imaps://me@example.org", "map": "a=b", "oauth-flow": "device", "auth": "PLAIN",
                  "tls-fingerprint": "sha256:" + "00" * 32}
        for command in COMMANDS:
            text = self.hoist("help", command).out
            for option, argument in re.findall(r"(?m)^  --([a-z0-9-]+)( \S+)?", text):
                if option in ("help", "version"):
                    continue
                with self.subTest(command=command, option=option):
                    value = [values.get(option, "x")] if argument.strip() else []
                    result = self.hoist(command, "--" + option, *value, *["1"] * 3,
                                        status=None, env={"XDG_STATE_HOME": str(self.folder)})
                    self.assertNotRegex(result.err, "--" + option)
                    self.assertNotRegex(result.err, "(?i)unknown|not an option|no option")

    def test_man_page_is_well_formed(self):
        try:
            done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", MAN_PAGE], capture_output=True,
                                  text=True)
        except FileNotFoundError:
            self.skipTest("no mandoc")
        self.assertEqual(done.stdout + done.stderr, "")


class WrongUsage(rig.ProgramTest):
    CASES = [
        ("nothing at all", []),
        ("unknown command", ["hoist"]),
        ("unknown option", ["scan", "--nonsense", "x"]),
        ("no source", ["scan"]),
        ("run without an account", ["run", "x"]),
        ("plan without an account", ["plan", "x"]),
        ("verify without an account", ["verify", "x"]),
        ("option without its value", ["scan", "x", "--format"]),
        ("unknown format", ["scan", "x", "--format", "xml"]),
        ("unknown level", ["run", "x", "--to", "imaps://a@b", "--verify", "maybe"]),
        ("no URL", ["run", "x", "--to", "me@example.org"]),
        ("other scheme", ["run", "x", "--to", "pop3://me@example.org"]),
        ("URL without a user", ["run", "x", "--to", "imaps://example.org"]),
        ("URL without a host", ["run", "x", "--to", "imaps://me@"]),
        ("port that is none", ["run", "x", "--to", "imaps://me@example.org:99999"]),
        ("map without =", ["run", "x", "--to", "imaps://me@example.org", "--map", "Work"]),
        ("fingerprint of the wrong length",
         ["run", "x", "--to", "imaps://me@example.org", "--tls-fingerprint", "sha256:00"]),
        ("descriptor that is no number",
         ["run", "x", "--to", "imaps://me@example.org", "--password-fd", "three"]),
    ]

    def test_is_told_with_status_64(self):
        for name, arguments in self.CASES:
            with self.subTest(name):
                result = self.hoist(*arguments, status=rig.USAGE)
                self.assertEqual(result.out, "", "stdout is for results")
                self.assertTrue(result.err.startswith("mailhoist: "), result.err)
                self.assertLessEqual(result.err.count("\n"), 3, "short and to the point")

    def test_what_may_be_said_is_told(self):
        for option, value, want in (
                ("--verify", "maybe", "wants none, size, header or full, not 'maybe'"),
                ("--file", "x", "wants off, plan, copy or move, not 'x'"),
                ("--flags", "mine", "wants union, local or server, not 'mine'"),
                ("--compress", "", "wants auto, on or off, not ''"),
                ("--format", "xml", "wants text, json or jsonl, not 'xml'"),
                ("--timeout", "soon", "wants a number up to 86400, not 'soon'"),
                ("--connections", "17", "wants a number up to 16, not '17'")):
            with self.subTest(option):
                result = self.hoist("run", "x", "--to", "imaps://me@example.org", option, value,
                                    status=rig.USAGE)
                self.assertIn(f"{option} {want}", result.err)

    def test_password_in_the_url_is_refused_and_not_repeated(self):
        result = self.hoist("run", "x", "--to", "imaps://me:canary77@example.org",
                            status=rig.USAGE)
        self.assertNotIn("canary77", result.err + result.out)


class Release(unittest.TestCase):
    """The program that is installed is a hardened one."""

    def setUp(self):
        if not rig.RELEASE.exists():
            self.skipTest("no release build")

    def readelf(self, *options):
        return subprocess.run(["readelf", "-W", *options, rig.RELEASE], check=True,
                              capture_output=True, text=True).stdout

    def test_position_independent(self):
        self.assertRegex(self.readelf("-h"), r"Type:\s+DYN")
        self.assertRegex(self.readelf("-d"), r"FLAGS_1.*\bPIE\b")

    def test_read_only_relocations_bound_at_start(self):
        self.assertIn("GNU_RELRO", self.readelf("-l"))
        self.assertRegex(self.readelf("-d"), r"FLAGS_1.*\bNOW\b")

    def test_stack_is_not_executable(self):
        self.assertRegex(self.readelf("-l"), r"GNU_STACK.* RW ")

    def test_fortified_and_stack_protected(self):
        symbols = self.readelf("-s")
        self.assertIn("__stack_chk_fail", symbols)
        self.assertRegex(symbols, r"__\w+_chk@")

    def test_has_no_fault_points(self):
        self.assertNotIn(b"MAILHOIST_FAULT", rig.RELEASE.read_bytes())
