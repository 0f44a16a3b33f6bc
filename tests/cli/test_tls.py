"""Certificates that must not be accepted, and the ways around them that are offered."""
import hashlib
import ssl

import fakeserver
import gen_mail
import rig


class Certificates(rig.ServerTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(5, folders=1, median=600, mean=700, maildir=self.source)

    def plan(self, host, *options, status, scheme="imaps", port=None):
        port = port or (self.server.tls_port if scheme == "imaps" else self.server.port)
        return self.hoist("plan", self.source, "--state", self.state, "--to",
                          f"{scheme}://{self.user}@{host}:{port}", *options, status=status,
                          password=self.server.password)

    def fingerprint(self, host):
        """What an administrator would tell the user."""
        pem = ssl.get_server_certificate((host, self.server.tls_port))
        return "sha256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    def test_good_one(self):
        self.plan("127.0.0.1", "--tls-ca", self.server.ca, status=rig.OK)
        self.plan("localhost", "--tls-ca", self.server.ca, status=rig.OK)

    def test_starttls_with_a_good_one(self):
        self.plan("127.0.0.1", "--tls-ca", self.server.ca, status=rig.OK, scheme="imap")

    def test_unknown_authority(self):
        result = self.plan("127.0.0.1", status=rig.TLS)
        self.assertRegex(result.err, "(?i)certificate")
        self.assertRegex(result.err, "--tls-ca|--tls-fingerprint")

    def assertRefused(self, host, reason):
        for scheme in ("imaps", "imap"):
            with self.subTest(scheme=scheme):
                result = self.plan(host, "--tls-ca", self.server.ca, status=rig.TLS, scheme=scheme)
                self.assertRegex(result.err, reason)
                self.assertIn(host, result.err)

    def test_expired(self):
        self.assertRefused("127.0.0.2", "(?i)expired")

    def test_wrong_host_name(self):
        self.assertRefused("127.0.0.3", "(?i)name|address|mismatch")

    def test_self_signed(self):
        self.assertRefused("127.0.0.4", "(?i)self.signed")

    def test_self_signed_with_its_fingerprint(self):
        self.plan("127.0.0.4", "--tls-fingerprint", self.fingerprint("127.0.0.4"), status=rig.OK)

    def test_fingerprint_of_another_one(self):
        result = self.plan("127.0.0.4", "--tls-fingerprint", self.fingerprint("127.0.0.1"),
                           status=rig.TLS)
        self.assertIn(self.fingerprint("127.0.0.4"), result.err, "the one that was seen is named")

    def test_ca_file_that_is_missing(self):
        missing = self.folder / "ca.pem"
        result = self.plan("127.0.0.1", "--tls-ca", missing, status=78)
        self.assertIn(f"'{missing}': No such file", result.err)


class StartTls(rig.ServerTest):
    """Servers, or people in the middle, that cheat around STARTTLS."""

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(2, folders=1, median=600, mean=700, maildir=self.source)
        self.certificate = f"{self.server.folder}/certs/good"

    def assertRefused(self, handler, pattern):
        with fakeserver.FakeServer(handler) as server:
            result = self.hoist("run", self.source, "--state", self.state, "--tls-ca", self.server.ca,
                                "--to", f"imap://me@127.0.0.1:{server.port}", password="canary77",
                                status=None)
        self.assertIn(result.status, (rig.TLS, 76), str(result))
        self.assertRegex(result.err, pattern)
        names = [command.name for command in server.heard]
        self.assertFalse({"LOGIN", "AUTHENTICATE"} & set(names), names)
        self.assertNotIn("canary77", str(server.heard))

    def greet(self, line, capability="IMAP4rev1 STARTTLS AUTH=PLAIN"):
        line.say(f"* OK [CAPABILITY {capability}] ready")
        while command := line.hear():
            if command.name != "CAPABILITY":
                return command
            line.say(f"* CAPABILITY {capability}", f"{command.tag} OK done")
        return None

    def test_injected_response(self):
        def inject(line):
            command = self.greet(line)
            line.raw(f"{command.tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".encode())
            line.start_tls(self.certificate)
            self.greet(line)
        self.assertRefused(inject, "(?i)starttls")

    def test_starttls_refused(self):
        def refuse(line):
            command = self.greet(line)
            line.say(f"{command.tag} NO not today")
            line.hear()
        self.assertRefused(refuse, "(?i)starttls|tls")

    def test_agreed_and_then_no_tls(self):
        def babble(line):
            command = self.greet(line)
            line.say(f"{command.tag} OK begin")
            line.file.read(1)
            line.raw(b"* BYE out of memory, cannot load the certificate\r\n" * 5)
        self.assertRefused(babble, "agreed to STARTTLS, and then spoke no TLS")

    def test_preauth_before_tls(self):
        def preauth(line):
            line.say("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome back")
            line.hear()
        self.assertRefused(preauth, "(?i)preauth|tls")

    def test_no_tls_at_all_behind_the_tls_port(self):
        def plain(line):
            line.say("* OK ready")
            line.hear()
        with fakeserver.FakeServer(plain) as server:
            self.hoist("run", self.source, "--state", self.state, "--to",
                       f"imaps://me@127.0.0.1:{server.port}", password="canary77", status=rig.TLS)
