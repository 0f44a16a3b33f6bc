"""Logging in with OAuth 2 access tokens: a real Dovecot that checks them, and servers that do odd things."""
import base64
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

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


class LoginTest(OAuthTest):
    """With an authorization server that `mailhoist login` can use."""

    def setUp(self):
        super().setUp()
        self.enterContextOf(self.auth)
        for name in ("answers", "heard", "refresh_tokens", "codes", "devices", "issued"):
            getattr(self.auth, name).clear()
        self.auth.lifetime, self.auth.rotate, self.auth.used_twice = 3600, True, False
        self.providers = self.folder / "providers"
        self.providers.write_text(self.auth.providers())

    def arguments(self, *options):
        return ["login", *self.to(), "--oauth-provider-file", self.providers, "--oauth-provider",
                "test", "--oauth-client-id", authserver.CLIENT, *options]

    def login(self, *options, status=rig.OK, **more):
        return self.hoist(*self.arguments(*options), status=status, **more)

    def plan(self, *options, status=rig.OK):
        return self.hoist("plan", self.source, *self.to(), *options, status=status)

    def file(self):
        return self.state / self.user_dir() / "oauth.json"

    def user_dir(self):
        return f"{self.user}@{self.server.host}%3A{self.server.tls_port}"

    def grants(self):
        return [fields.get("grant_type") for path, fields in self.auth.heard if path == "token"]

    def expire(self, seconds):
        """As if the login had been some time ago."""
        kept = json.loads(self.file().read_text())
        kept["expires"] = int(time.time()) + seconds
        self.file().write_text(json.dumps(kept))


class Login(LoginTest):
    """`mailhoist login`, and what comes of it."""

    def test_device_flow(self):
        self.auth.answers["polls"] = ["authorization_pending"]
        result = self.login()
        self.assertIn("WDJB-MJHT", result.err)
        self.assertIn(self.auth.endpoint("activate"), result.err)
        self.assertIn("Logged in as", result.out)
        self.assertEqual(len(self.grants()), 2)
        self.assertEqual(self.file().stat().st_mode & 0o777, 0o600)
        self.hoist("run", self.source, *self.to())
        self.hoist("verify", self.source, *self.to())
        self.hoist("undo", "1", *self.to())
        self.assertEqual(self.grants().count("refresh_token"), 0, "the token lasts")

    def test_device_flow_slow_down(self):
        self.auth.answers["polls"] = ["slow_down"]
        begun = time.monotonic()
        self.login()
        self.assertGreater(time.monotonic() - begun, 6, "1 s, then 1 + 5 s")

    def test_device_flow_that_comes_to_nothing(self):
        self.auth.answers["polls"] = ["access_denied"]
        self.assertIn("refused in the browser", self.login(status=rig.LOGIN).err)
        self.auth.answers["polls"] = ["expired_token"]
        self.assertIn("not entered in time", self.login(status=rig.CONNECT).err)
        self.auth.answers["polls"] = ["authorization_pending"] * 9
        self.auth.device_lifetime = 2
        self.assertIn("not entered in time", self.login(status=rig.CONNECT).err)
        self.auth.device_lifetime = 60
        self.assertFalse(self.file().exists())

    def test_interrupted(self):
        self.auth.answers["polls"] = ["authorization_pending"] * 99
        with subprocess.Popen([rig.PROGRAM, *map(str, self.arguments())],
                              stderr=subprocess.PIPE) as process:
            while b"WDJB-MJHT" not in process.stderr.readline():
                pass
            process.send_signal(signal.SIGINT)
            process.stderr.read()
            self.assertEqual(process.wait(10), 130)

    def browser(self, visits, *options, status=rig.OK):
        """Log in by the browser: `visits` gets the address and gives those to come back to."""
        command = [rig.PROGRAM, *map(str, self.arguments("--oauth-flow", "browser", *options))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            while "http" not in (line := process.stderr.readline()):
                pass
            pages = []
            for back in visits(line.strip()):
                try:
                    pages.append(urllib.request.urlopen(back, timeout=10).read().decode())
                except urllib.error.HTTPError as error:
                    pages.append(error.code)
            err = process.stderr.read()
            self.assertEqual(process.wait(60), status, err)
        return pages, err

    def test_browser_flow(self):
        def visits(url):
            back = self.auth.authorize(url)
            self.assertRegex(back, r"^http://127\.0\.0\.1:\d+/\?code=")
            state = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["state"][0]
            at = back.split("?")[0]
            return [at + "favicon.ico", at + "?code=evil&state=x", at + "?code=evil",
                    at + "x?code=evil&state=" + state, back]

        pages, _ = self.browser(visits)
        self.assertEqual(pages[:4], [404] * 4)
        self.assertIn("done", pages[4])
        self.assertEqual(self.grants(), ["authorization_code"], "nothing evil was tried")
        self.plan()

    def test_browser_flow_refused(self):
        def visits(url):
            back = self.auth.authorize(url)
            return [back.replace("code=", "error=access_denied&x=")]

        pages, err = self.browser(visits, status=rig.LOGIN)
        self.assertIn("refused", pages[0])
        self.assertIn("access_denied", err)
        self.assertFalse(self.file().exists())

    def test_browser_is_opened_if_asked(self):
        opener = self.folder / "xdg-open"
        opener.write_text(f"#!/bin/sh\necho \"$1\" >'{self.folder}/opened.new'\n"
                          f"mv '{self.folder}/opened.new' '{self.folder}/opened'\n")
        opener.chmod(0o755)
        path = f"{self.folder}:{os.environ['PATH']}"

        def visits(url):
            opened = self.folder / "opened"
            deadline = time.monotonic() + 10
            while not opened.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual(opened.read_text().strip(), url)
            return [self.auth.authorize(url)]

        before = os.environ["PATH"]
        os.environ["PATH"] = path
        try:
            self.browser(visits, "--oauth-open-browser")
        finally:
            os.environ["PATH"] = before

    def test_client_secret(self):
        self.auth.want_secret = True
        self.addCleanup(setattr, self.auth, "want_secret", False)
        secret = self.folder / "client-secret"
        secret.write_text(authserver.SECRET + "\n")
        secret.chmod(0o644)
        self.assertIn("chmod 600", self.login("--oauth-client-secret-file", secret, status=78).err)
        secret.chmod(0o600)
        self.assertIn("invalid_client", self.login(status=rig.LOGIN).err)
        self.login("--oauth-client-secret-file", secret)
        self.expire(10)
        secret.unlink()  # it is kept with the tokens
        self.plan()
        self.assertEqual(self.grants()[-1], "refresh_token")

    def test_refreshed_in_time_and_rotated(self):
        self.login()
        for seconds, want in ((400, 0), (200, 1), (-10, 2)):
            self.expire(seconds)
            self.plan()
            self.assertEqual(self.grants().count("refresh_token"), want, seconds)
        self.assertFalse(self.auth.used_twice)
        self.assertEqual(self.file().stat().st_mode & 0o777, 0o600)

    def test_kept_refresh_token(self):
        """A provider that does not rotate names no refresh token when it renews."""
        self.auth.rotate = False
        self.login()
        for _ in range(2):
            self.expire(10)
            self.plan()
        self.assertEqual(self.grants().count("refresh_token"), 2)

    def test_refreshed_when_refused(self):
        """The provider has revoked a token that should have lasted for an hour."""
        self.login()
        kept = json.loads(self.file().read_text())
        kept["access_token"] = self.auth.access_token(lifetime=-10)
        self.file().write_text(json.dumps(kept))
        self.plan()
        self.assertEqual(self.grants().count("refresh_token"), 1)

    def test_login_that_was_revoked(self):
        self.login()
        self.auth.refresh_tokens.clear()
        self.expire(10)
        before = self.file().read_bytes()
        result = self.plan(status=rig.LOGIN)
        self.assertIn("has expired or was revoked: log in again by `mailhoist login`", result.err)
        self.assertEqual(self.file().read_bytes(), before)
        self.login()
        self.plan()

    def test_new_token_is_kept_before_it_is_used(self):
        """Killed at the login that uses it, the next run has the new refresh token."""
        self.login()
        self.expire(10)
        with fakeserver.FakeServer(lambda line: line.sock.recv(1)) as server:
            kept = self.file().read_bytes()
            place = self.state / f"{self.user}@127.0.0.1%3A{server.port}"
            place.mkdir()
            (place / "oauth.json").write_bytes(kept)
            (place / "oauth.json").chmod(0o600)

            def greet(line):
                line.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready")
                line.hear()
                process.kill()

            server.handler = greet
            command = [rig.PROGRAM, "plan", self.source, "--to",
                       f"imap://{self.user}@127.0.0.1:{server.port}", "--state", self.state]
            with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as process:
                process.wait(30)
        self.assertEqual(self.grants().count("refresh_token"), 1)
        now = json.loads((place / "oauth.json").read_text())
        self.assertIn(now["refresh_token"], self.auth.refresh_tokens)
        self.assertNotEqual(now["refresh_token"], json.loads(kept)["refresh_token"])

    def test_expires_in_mid_run(self):
        """The line breaks when the token has run out: the new connection has a new one."""
        self.auth.lifetime = 301  # one second, as mailhoist sees it
        with faultproxy.FaultProxy(self.server.port, cut_up=12000) as proxy:
            to = ["--to", self.server.plain_url(self.user, proxy.port), "--tls-ca", self.server.ca,
                  "--state", self.state]
            self.hoist("login", *to, "--oauth-provider-file", self.providers, "--oauth-provider",
                       "test", "--oauth-client-id", authserver.CLIENT)
            time.sleep(1.1)
            self.hoist("run", self.source, *to, "--max-rate", "5msg", "--connections", "1")
            self.assertTrue(proxy.fired)
        self.assertGreaterEqual(self.grants().count("refresh_token"), 2)
        self.assertFalse(self.auth.used_twice)
        self.assertEqual(len(self.server.dump(self.user)), 20)

    def test_two_at_once_refresh_once(self):
        self.login()
        self.expire(10)
        to = list(map(str, self.to()))
        answer = self.auth.tokens()
        self.auth.answers["token"] = [lambda _: (time.sleep(1), answer)[1]]
        runs = []
        for n in range(2):  # other state folders' journals, the same login
            runs.append(subprocess.Popen([rig.PROGRAM, "plan", self.source, *to],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        states = [run.wait(60) for run in runs]
        for run in runs:
            run.stderr.close()
        self.assertIn(0, states)
        self.assertTrue(set(states) <= {0, rig.TEMPFAIL}, states)
        self.assertEqual(self.grants().count("refresh_token"), 1)

    def test_file_that_others_may_read(self):
        self.login()
        self.file().chmod(0o640)
        result = self.plan(status=78)
        self.assertIn("others may read it", result.err)

    def test_passwords_go_before(self):
        self.login()
        self.auth.heard.clear()
        self.expire(10)
        self.hoist("plan", self.source, *self.to(), password=self.server.password)
        self.assertEqual(self.auth.heard, [])

    def test_keyring(self):
        tool = self.folder / "secret-tool"
        tool.write_text("#!/bin/sh\n"
                        f"echo \"$@\" >>'{self.folder}/argv'\n"
                        f"test \"$1\" = lookup && exec cat '{self.folder}/ring'\n"
                        f"exec cat >'{self.folder}/ring'\n")
        tool.chmod(0o755)
        env = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        self.login("--oauth-keyring", env=env)
        kept = self.file().read_text()
        for secret in self.auth.issued:
            self.assertNotIn(secret, kept)
            self.assertNotIn(secret, (self.folder / "argv").read_text())
        kept = json.loads(self.file().read_text())
        self.expire(10)
        self.hoist("plan", self.source, *self.to(), env=env)
        self.assertIn(json.loads((self.folder / "ring").read_text())["refresh_token"],
                      self.auth.refresh_tokens)
        (self.folder / "ring").unlink()
        self.assertIn("keyring", self.hoist("plan", self.source, *self.to(), env=env, status=78).err)
        result = self.hoist("plan", self.source, *self.to(), env={"PATH": "/nowhere"}, status=78)
        self.assertIn("not installed", result.err)

    def test_what_is_missing(self):
        for options, want in (
                (["--oauth-provider", "nobody", "--oauth-client-id", "x"], "no OAuth provider"),
                (["--oauth-client-id", "x"], "no OAuth provider is known"),
                (["--oauth-provider", "microsoft"], "no client id"),
                (["--oauth-provider", "microsoft", "--oauth-client-id", "x", "--oauth-tenant", "a/b"],
                 "no name of a tenant"),
                (["--oauth-flow", "pigeon"], "--oauth-flow wants device or browser, not 'pigeon'")):
            with self.subTest(options):
                self.assertIn(want, self.hoist("login", *self.to(), *options, status=rig.USAGE).err)
        result = self.hoist("login", *self.to(), "--oauth-provider", "google", "--oauth-client-id",
                            "x", "--oauth-flow", "device", status=rig.UNAVAILABLE)
        self.assertIn("no device flow", result.err)

    def test_mail_server_that_refuses(self):
        self.auth.user = "mallory"
        result = self.login(status=rig.LOGIN)
        self.assertIn("tokens are kept", result.err)
        self.assertIn("refused the OAuth token", result.err)


class Https(LoginTest):
    """The authorization server is only talked to when its certificate is right."""
    name = "good"

    def setUp(self):
        self.auth.certificate = str(self.server.folder / "certs" / self.name)
        self.addCleanup(setattr, self.auth, "certificate", None)
        super().setUp()

    def test_certificate(self):
        self.assertIn("127.0.0.1", self.login(status=rig.TLS).err)
        self.assertEqual(self.auth.heard, [])
        self.providers.write_text(self.auth.providers(**{"ca-file": self.server.ca}))
        self.login()
        self.expire(10)
        self.plan()  # the authority is kept with the tokens
        self.assertEqual(self.grants()[-1], "refresh_token")


class HttpsOfSomebodyElse(Https):
    name = "wrongname"

    def test_certificate(self):
        self.providers.write_text(self.auth.providers(**{"ca-file": self.server.ca}))
        self.login(status=rig.TLS)
        self.assertEqual(self.auth.heard, [])


class Nonsense(LoginTest):
    """Authorization servers that say anything but what they should."""

    def flood(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        try:
            for _ in range(100000):
                handler.wfile.write(b" " * 1000)
        except OSError:
            self.flood_ended = True
        handler.close_connection = True

    def hang_up(self, handler):
        handler.close_connection = True

    def test_closed_too_early(self):
        """A code is asked for again."""
        self.auth.answers["device"] = [self.hang_up, self.hang_up]
        self.login()
        self.auth.answers["device"] = [self.hang_up] * 4
        result = self.login(status=rig.CONNECT)
        self.assertIn("closed the connection before its answer was whole", result.err)
        self.assertEqual(len(self.auth.answers["device"]), 1)

    def test_in_the_answer(self):
        self.flood_ended = False
        for name, answer in (("HTML", (200, b"<html>maintenance</html>")), ("nothing", (200, b"")),
                             ("no tokens", (200, {"hello": "world"})), ("an array", (200, [1])),
                             ("deep", (200, b"[" * 5000)), ("garbage", (200, b"\xff\x00{{{")),
                             ("error page", (500, b"<html>")), ("endless", self.flood),
                             ("too long", (200, {"device_code": "x" * 60000})),
                             ("redirect", (302, b"{}")),
                             ("address", (200, {"device_code": "d", "user_code": "u",
                                                "verification_uri": "javascript:alert(1)"}))):
            with self.subTest(name):
                self.auth.answers["device"] = [answer]
                result = self.login(status=None)
                self.assertNotIn(result.status, (rig.OK, 70, 71), str(result))
                self.assertLess(len(result.err), 1000)
        self.assertTrue(self.flood_ended)
        self.assertFalse(self.file().exists())

    def test_when_refreshing(self):
        """What passes is waited for."""
        self.login()
        self.auth.answers["token"] = [(503, {"error": "temporarily_unavailable"}),
                                      (200, b"<html>"), (200, {"x": 1})]
        self.expire(10)
        result = self.plan()
        self.assertEqual(result.err.count("trying again"), 3, str(result))
        self.assertEqual(self.grants().count("refresh_token"), 4)

    def test_client_that_is_gone(self):
        self.login()
        kept = json.loads(self.file().read_text())
        self.auth.answers["token"] = [(401, {"error": "invalid_client"})]
        self.expire(10)
        self.assertIn("invalid_client", self.plan(status=rig.LOGIN).err)
        self.assertEqual(json.loads(self.file().read_text())["refresh_token"],
                         kept["refresh_token"])

    def test_in_its_words(self):
        """An error text that repeats the refresh token, and one that steers the terminal."""
        self.login()
        token = json.loads(self.file().read_text())["refresh_token"]
        for words in (token, f"no such token: {token}", "\x1b[2Jgone"):
            self.auth.answers["token"] = [(400, {"error": "bad", "error_description": words})]
            self.expire(10)
            result = self.plan(status=rig.LOGIN)
            self.assertNotIn(token, result.err)
            self.assertNotIn("\x1b", result.err)


class Canaries(LoginTest):
    """Tokens, codes and secrets go nowhere but where they belong."""

    def test_appear_in_no_output_and_no_file(self):
        secret = self.folder / "client-secret"
        secret.write_text(authserver.SECRET)
        secret.chmod(0o600)
        trace = self.folder / "trace"
        watch = CommandLines()
        with watch:
            outputs = [self.login("--oauth-client-secret-file", secret, "--trace", trace)]
            for command in ("plan", "run", "verify"):
                self.expire(10)
                outputs.append(self.hoist(command, self.source, *self.to(), "--verbose",
                                          "--trace", f"{trace}-{command}"))
            outputs.append(self.hoist("report", "--state", self.state, "--format", "json"))
            self.auth.refresh_tokens.clear()
            self.expire(10)
            outputs.append(self.plan(status=rig.LOGIN))
        secrets = self.auth.issued + [authserver.SECRET]
        self.assertGreater(len(secrets), 8)
        for secret_text in secrets:
            for result in outputs:
                self.assertNotIn(secret_text, result.out + result.err)
            for path in self.folder.rglob("*"):
                if path.is_file() and path not in (secret, self.file()):
                    content = path.read_bytes()
                    self.assertNotIn(secret_text.encode(), content, path)
                    self.assertNotIn(base64.b64encode(secret_text.encode())[:40], content, path)
            self.assertNotIn(secret_text, watch.seen)
        self.assertIn("mailhoist", watch.seen)


class CommandLines:
    """Command lines and environments of mailhoist and its children, looked at all the time."""

    def __enter__(self):
        self.seen, self.ended = "", False
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()

    def look(self):
        lines = set()
        while not self.ended:
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    lines.add((process / "cmdline").read_bytes())
                except OSError:
                    continue
            time.sleep(0.01)
        self.seen = b"\n".join(line for line in lines if b"mailhoist" in line).decode(
            errors="replace")


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

    def test_no_answer_from_the_pop3_server(self):
        """The other mechanism is tried over another connection, there too."""
        heard = []

        def pop3(line):
            line.say("+OK ready")
            while words := line.file.readline().decode().split():
                heard.append(" ".join(words[:2]))
                if words[:2] == ["AUTH", "XOAUTH2"]:
                    line.sock.recv(100)  # for ever
                    return
                line.say({"CAPA": "+OK\r\nSASL XOAUTH2 OAUTHBEARER\r\nUIDL\r\n.", "UIDL": "+OK\r\n.",
                          "LIST": "+OK\r\n."}.get(words[0], "+OK"))

        def all_is_well(line):
            line.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready")
            while command := line.hear():
                if command.name == "LIST" and command.rest.endswith('"*"'):
                    line.say('* LIST () "/" INBOX')
                elif command.name == "STATUS":
                    line.say("* STATUS INBOX (UIDVALIDITY 7 UIDNEXT 9 MESSAGES 1)")
                elif command.name == "EXAMINE":
                    line.say("* 1 EXISTS", "* OK [UIDVALIDITY 7] x")
                elif command.name == "UID":
                    line.say('* 1 FETCH (UID 8 FLAGS () INTERNALDATE "01-Mar-2004 09:00:00 +0000" RFC822.SIZE 99 '
                             'BODY[HEADER.FIELDS (FROM)] {2}', "", ")")
                line.say(f"{command.tag} OK [CAPABILITY IMAP4rev1] done")

        with fakeserver.FakeServer(all_is_well) as server, fakeserver.FakeServer(pop3) as other:
            result = self.plan(server, "--pop3", f"pop3://alice@127.0.0.1:{other.port}", "--timeout", "2",
                               status=rig.OK)
        tried = [words for words in heard if words.startswith("AUTH")]
        self.assertEqual(tried[:2], ["AUTH XOAUTH2", "AUTH OAUTHBEARER"], f"{heard} {result}")
        self.assertEqual(tried.count("AUTH XOAUTH2"), 1, "it is not tried again")

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
