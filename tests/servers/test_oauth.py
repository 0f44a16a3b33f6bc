"""Logging in with OAuth 2 access tokens: a real Dovecot that checks them, and servers that do odd things."""
import base64

import authserver
import fakeserver
import faultproxy
import gen_mail
import rig


# Dovecot makes whoever has failed wait, longer each time.
PATIENT = """auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}"""


class OAuthTest(rig.ServerTest):
    """A Dovecot that takes the tokens of an authorization server of ours."""

    @classmethod
    def setUpClass(cls):
        cls.auth = authserver.AuthServer()
        cls.server_options = cls.server_options | {
            "oauth": base64.b64encode(cls.auth.key).decode(), "extra": PATIENT}
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.auth.user = self.user
        self.source = self.folder / "maildir"
        gen_mail.generate(20, folders=2, median=600, mean=700, maildir=self.source)
        self.token = self.folder / "token"

    def command(self):
        """A command that prints the token, and notes that it was called."""
        return f"echo >>'{self.folder}/calls'; cat '{self.token}'"

    def calls(self):
        path = self.folder / "calls"
        return len(path.read_text()) if path.exists() else 0


class TokenCommand(OAuthTest):
    server_options = {"pop3": "yes"}

    def with_token(self, command, *options, status=rig.OK, **more):
        return self.hoist(command, self.source, *self.to(), "--oauth-token-command", self.command(),
                          *options, status=status, **more)

    def test_run_verify_undo(self):
        self.token.write_text(self.auth.access_token() + "\n")
        self.with_token("plan")
        self.with_token("run")
        self.assertEqual(len(self.server.dump(self.user)), 20)
        self.with_token("verify")
        self.hoist("undo", "2", *self.to(), "--oauth-token-command", self.command())
        self.assertEqual(len(self.server.dump(self.user)), 0)

    def test_pop3(self):
        self.token.write_text(self.auth.access_token())
        trace = self.folder / "trace"
        self.with_token("plan", "--pop3", f"pop3s://{self.server.host}:{self.server.pop3s_port}",
                        "--trace", trace)
        self.assertNotIn(self.token.read_text(), trace.read_text())

    def test_is_no_wrong_password(self):
        for name, token, want in (
                ("expired", self.auth.access_token(lifetime=-30), "it has expired"),
                ("of somebody else", self.auth.access_token(user="mallory"), "OAuth token"),
                ("forged", self.auth.access_token(key=b"x" * 32), "OAuth token"),
                ("garbage", "canary-garbage", "OAuth token")):
            with self.subTest(name):
                self.token.write_text(token)
                result = self.with_token("run", status=rig.LOGIN)
                self.assertIn("refused the OAuth token", result.err)
                self.assertIn(want, result.err)
                self.assertNotIn("password", result.err)
                self.assertNotIn(token, result.out + result.err)

    def test_pop3_says_why(self):
        self.token.write_text(self.auth.access_token(lifetime=-30))
        result = self.with_token("plan", "--auth", "xoauth2", status=rig.LOGIN)
        self.assertIn("status 401", result.err)

    def test_oauthbearer(self):
        self.token.write_text(self.auth.access_token())
        self.with_token("plan", "--auth", "OAUTHBEARER")

    def test_is_asked_again_when_refused(self):
        """The first token has expired before its time."""
        self.token.write_text(self.auth.access_token(lifetime=-30))
        (self.folder / "next").write_text(self.auth.access_token())
        command = f"cat '{self.token}'; mv -f '{self.folder}/next' '{self.token}' 2>/dev/null; true"
        self.hoist("plan", self.source, *self.to(), "--oauth-token-command", command)

    def test_is_asked_at_each_connection(self):
        """The line breaks, and the token has expired in the meantime."""
        tokens = self.folder / "tokens"
        tokens.mkdir()
        self.token.write_text(self.auth.access_token(lifetime=3))
        later = self.folder / "later"
        later.write_text(self.auth.access_token())
        command = (f"echo >>'{self.folder}/calls'; test $(wc -l <'{self.folder}/calls') -gt 1 && "
                   f"{{ sleep 3; cat '{later}'; }} || cat '{self.token}'")
        with faultproxy.FaultProxy(self.server.port, cut_up=9000) as proxy:
            self.hoist("run", self.source, "--to", self.server.plain_url(self.user, proxy.port),
                       "--tls-ca", self.server.ca, "--state", self.state, "--connections", "1",
                       "--oauth-token-command", command)
        self.assertGreater(self.calls(), 1)
        self.assertEqual(len(self.server.dump(self.user)), 20)


class Oddities(rig.ProgramTest):
    """Servers that offer more than they can do."""

    def plan(self, server, *options, status):
        source = self.folder / "maildir"
        if not source.exists():
            gen_mail.generate(1, folders=1, median=600, mean=700, maildir=source)
        return self.hoist("plan", source, "--to", f"imap://alice@127.0.0.1:{server.port}", "--state",
                          self.state, "--oauth-token-command", "echo canary-token", *options,
                          status=status)

    @staticmethod
    def stalls_at(*mechanisms):
        def handle(line):
            line.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] ready")
            while command := line.hear():
                if command.name == "AUTHENTICATE" and command.rest.split()[0] in mechanisms:
                    line.sock.recv(100)  # for ever
                    return
                line.say(f"{command.tag} " + ("OK [CAPABILITY IMAP4rev1] in" if command.name ==
                                              "AUTHENTICATE" else "BAD enough"))
        return handle

    def mechanisms(self, server):
        return [c.rest.split()[0] for c in server.heard if c.name == "AUTHENTICATE"]

    def test_no_answer_to_xoauth2(self):
        with fakeserver.FakeServer(self.stalls_at("XOAUTH2")) as server:
            result = self.plan(server, "--timeout", "2", status=None)
        self.assertEqual(self.mechanisms(server)[:2], ["XOAUTH2", "OAUTHBEARER"], str(result))
        self.assertEqual(self.mechanisms(server).count("XOAUTH2"), 1, "it is not tried again")
        self.assertNotIn("canary", result.out + result.err)

    def test_no_answer_to_the_wanted_one(self):
        with fakeserver.FakeServer(self.stalls_at("OAUTHBEARER")) as server:
            result = self.plan(server, "--timeout", "1", "--auth", "OAUTHBEARER",
                               status=rig.CONNECT)
        self.assertEqual(set(self.mechanisms(server)), {"OAUTHBEARER"})
        self.assertIn("no answer to a login by OAUTHBEARER", result.err)

    def test_switched_off(self):
        def handle(line):
            line.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] ready")
            while command := line.hear():
                line.say(f"{command.tag} NO not here")

        with fakeserver.FakeServer(handle) as server:
            result = self.plan(server, status=rig.LOGIN)
        self.assertEqual(self.mechanisms(server), ["XOAUTH2", "OAUTHBEARER"])
        self.assertIn("refused the OAuth token", result.err)

    def test_password_and_token(self):
        result = self.hoist("plan", self.folder, "--to", "imaps://alice@127.0.0.1:1", "--password-file",
                            "x", "--oauth-token-command", "y", status=rig.USAGE)
        self.assertIn("not both", result.err)


if __name__ == "__main__":
    import unittest
    unittest.main()
