"""The server changes the keys of the line in the middle of uploads, again and again: a KeyUpdate that asks
for one in return (TLS 1.3), which makes a reader write and a writer read; or it wants to begin anew (TLS
1.2), which we refuse. Nothing hangs, and every message is there once."""
import subprocess

import gen_mail
import rig


class Keys(rig.ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = rig.scratch()
        cls.relay = folder.__enter__() / "tlsrelay"
        cls.addClassCleanup(folder.__exit__, None, None, None)
        subprocess.run(["cc", "-O1", "-o", cls.relay, rig.TOP / "tests/tools/tlsrelay.c", "-lssl", "-lcrypto"],
                       check=True)

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(150, seed=11, folders=3, median=6000, mean=12000, maildir=self.source,
                          manifest=self.folder / "manifest")
        self.expected = rig.mailboxes.read_rows(self.folder / "manifest")

    def changes(self, version, octets):
        """A whole run over such a line: how often the keys were changed on it."""
        certificates = self.server.folder / "certs"
        relay = subprocess.Popen([self.relay, str(self.server.port), certificates / "good.pem",
                                  certificates / "good.key", version, str(octets)],
                                 stdout=subprocess.PIPE, text=True)
        try:
            port = int(relay.stdout.readline())
            result = self.hoist("run", self.source, "--to", self.server.url(self.user, port), "--tls-ca",
                                self.server.ca, "--state", self.state, "--timeout", "10",
                                password=self.server.password, env={"MAILHOIST_HURRY": "1"}, timeout=120)
        finally:
            relay.terminate()
        said = relay.communicate()[0]
        self.assertMailboxes(self.expected, self.server.dump(self.user))
        return sum(int(line.split()[0]) for line in said.splitlines()), result

    def test_key_updates(self):
        times, result = self.changes("1.3", 3000)
        self.assertGreater(times, 100)
        self.assertNotIn("connecting again", result.err)

    def test_renegotiation(self):
        """It is not done, for it has been a way in for others: the line ends, and another one goes on."""
        _, result = self.changes("1.2", 400_000)
        self.assertIn("connecting again", result.err)
