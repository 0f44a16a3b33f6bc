"""Logging in: where the password comes from, where it never goes, and servers that say no."""
import os
import signal
import time

import fakeserver
import gen_mail
import rig

CANARY = "canary-4711-secret"


class Passwords(rig.ServerTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(5, folders=1, median=600, mean=700, maildir=self.source)
        self.secret = self.folder / "password"
        self.secret.write_text(self.server.password + "\n")
        self.secret.chmod(0o600)

    def plan(self, *options, status=rig.OK, **more):
        return self.hoist("plan", self.source, *self.to(), *options, status=status, **more)

    def test_from_the_environment(self):
        self.plan(password=self.server.password)

    def test_from_a_file(self):
        self.plan("--password-file", self.secret)

    def test_from_a_command(self):
        self.plan("--password-command", f"cat '{self.secret}'")

    def test_from_a_descriptor(self):
        with open(self.secret, "rb") as file:
            self.plan("--password-fd", file.fileno(), pass_fds=[file.fileno()])

    def test_option_wins_over_the_environment(self):
        self.plan("--password-file", self.secret, password="wrong")

    def test_command_that_fails(self):
        result = self.plan("--password-command", "exit 3", status=None)
        self.assertEqual(result.status, 78, str(result))
        self.assertIn("--password-command", result.err)

    def test_command_that_leaves_something_behind(self):
        """It holds the pipe, but is not waited for."""
        begun = time.monotonic()
        self.plan("--password-command", f"sleep 60 2>/dev/null & echo $! >'{self.folder}/pid'; cat '{self.secret}'")
        self.assertLess(time.monotonic() - begun, 30)
        os.kill(int((self.folder / "pid").read_text()), signal.SIGTERM)

    def test_command_with_the_usual_signals(self):
        result = self.plan("--password-command", f"kill -PIPE $$; cat '{self.secret}'", status=None)
        self.assertEqual(result.status, 78, str(result))

    def test_command_that_says_more(self):
        self.plan("--password-command", f"cat '{self.secret}'; yes | head -100000")

    def test_command_without_an_end(self):
        """Nothing is waited for for ever: neither the end of a line, nor that of the command."""
        for command, words in (("cat /dev/zero", "a line of more than"), ("printf pass; exec sleep 100", "not ended"),
                               (f"cat '{self.secret}'; exec sleep 100", "not ended"),
                               (f"cat '{self.secret}'; exec yes", "not ended")):
            with self.subTest(command):
                begun = time.monotonic()
                result = self.plan("--password-command", command, "--timeout", "2", status=78)
                self.assertLess(time.monotonic() - begun, 30)
                self.assertIn("--password-command", result.err)
                self.assertIn(words, result.err)

    def test_file_that_is_missing(self):
        result = self.plan("--password-file", self.folder / "no", status=None)
        self.assertNotEqual(result.status, rig.OK)
        self.assertIn(str(self.folder / "no"), result.err)

    def test_file_that_others_may_read(self):
        self.secret.chmod(0o644)
        result = self.plan("--password-file", self.secret, status=None)
        self.assertNotEqual(result.status, rig.OK)
        self.assertIn(str(self.secret), result.err)

    def test_nobody_to_ask(self):
        result = self.plan(status=None)
        self.assertNotEqual(result.status, rig.OK)
        self.assertRegex(result.err, "(?i)password")

    def test_wrong_one_is_tried_once(self):
        result = self.plan(password="wrong", status=rig.LOGIN)
        self.assertRegex(result.err, "(?i)refused the login|login.*refused")
        self.assertEqual(result.out, "", "there is no plan to report")
        report = self.hoist("report", "--state", self.state)
        self.assertIn("Nothing was decided", report.out)
        self.assertNotIn("ADD UP", report.out)


class Canary(rig.ServerTest):
    """A password that is easy to search for goes nowhere but to the server."""

    @classmethod
    def setUpClass(cls):
        cls.server_options = {"password": CANARY}
        super().setUpClass()

    def everything_written(self):
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name != "password":
                yield path, path.read_bytes()

    def test_appears_in_no_file_and_no_output(self):
        source = self.folder / "maildir"
        gen_mail.generate(30, folders=2, median=600, mean=700, maildir=source)
        outputs = []
        for command in ("plan", "run", "verify"):
            outputs.append(self.run_to_server(command, source))
        outputs.append(self.hoist("report", "--state", self.state))
        outputs.append(self.hoist("report", "--format", "json", "--state", self.state))
        for result in outputs:
            self.assertNotIn(CANARY, result.out + result.err)
        for path, content in self.everything_written():
            self.assertNotIn(CANARY.encode(), content, path)

    def test_appears_in_no_error(self):
        source = self.folder / "maildir"
        gen_mail.generate(3, folders=1, median=600, mean=700, maildir=source)
        for wrong in (CANARY + "\r\nx LOGOUT", CANARY[:-1] + "x", CANARY + "\x00"):
            with self.subTest(wrong=wrong):
                secret = self.folder / "password"
                secret.write_bytes(wrong.encode())
                secret.chmod(0o600)
                result = self.hoist("run", source, *self.to(), "--password-file", secret,
                                    status=None)
                self.assertNotIn(CANARY[:-1], result.out + result.err)
        for path, content in self.everything_written():
            self.assertNotIn(CANARY[:-1].encode(), content, path)

    def test_is_not_in_argv_or_environment_of_children(self):
        """A password command sees neither the password variable nor an argument of ours."""
        source = self.folder / "maildir"
        gen_mail.generate(3, folders=1, median=600, mean=700, maildir=source)
        seen = self.folder / "seen"
        (self.folder / "password").write_text(CANARY + "\n")
        self.hoist("plan", source, *self.to(), "--password-command",
                   f"cat /proc/$PPID/cmdline > '{seen}'; cat '{self.folder}/password'",
                   env={"LANG": "C"})
        self.assertNotIn(CANARY.encode(), seen.read_bytes())


class Refusals(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(3, folders=1, median=600, mean=700, maildir=self.source)

    def run_to(self, handler, status):
        with fakeserver.FakeServer(handler) as server:
            result = self.hoist("run", self.source, "--state", self.state, "--to",
                                f"imap://me@127.0.0.1:{server.port}", password=CANARY,
                                status=status)
        return server, result

    def test_login_refused(self):
        def refuse(line):
            line.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready")
            while command := line.hear():
                line.say(f"{command.tag} NO [AUTHENTICATIONFAILED] That is not it.")
        server, result = self.run_to(refuse, rig.LOGIN)
        self.assertIn("That is not it.", result.err)
        tried = [c for c in server.heard if c.name in ("LOGIN", "AUTHENTICATE")]
        self.assertEqual(len(tried), 1, "a refused password is never tried twice")
        self.assertEqual(server.connections, 1)

    def test_nobody_listens(self):
        with fakeserver.FakeServer(lambda line: None) as server:
            pass
        result = self.hoist("plan", self.source, "--state", self.state, "--to",
                            f"imap://me@127.0.0.1:{server.port}", password=CANARY,
                            status=rig.CONNECT, env={"MAILHOIST_HURRY": "1"})
        self.assertRegex(result.err, "(?i)refused")
        self.assertIn(str(server.port), result.err)

    def test_host_that_does_not_exist(self):
        result = self.hoist("plan", self.source, "--state", self.state, "--to",
                            "imaps://me@nowhere.invalid", password=CANARY, status=rig.CONNECT,
                            env={"MAILHOIST_HURRY": "1"})
        self.assertIn("nowhere.invalid", result.err)

    def test_bye_instead_of_a_greeting(self):
        def bye(line):
            line.say("* BYE Too busy, come back later")
        _, result = self.run_to_soon(bye)
        self.assertIn(result.status, (rig.CONNECT, rig.TEMPFAIL, rig.UNAVAILABLE), str(result))
        self.assertIn("Too busy", result.err)

    def run_to_soon(self, handler):
        with fakeserver.FakeServer(handler) as server:
            result = self.hoist("run", self.source, "--state", self.state, "--to",
                                f"imap://me@127.0.0.1:{server.port}", password=CANARY, status=None,
                                env={"MAILHOIST_HURRY": "1"})
        return server, result
