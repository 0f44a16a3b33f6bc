"""Whole migrations through COMPRESS=DEFLATE, to servers that have it, by TLS and without, and cut off in
the middle of it."""
import gen_mail
import rig
from faultproxy import FaultProxy

ZLIB = "protocol imap {\n mail_plugins = imap_zlib\n}\n"


class Compressed(rig.ServerTest):
    separator = "/"
    prefix = ""

    def generate(self, **options):
        settings = {"messages": 60, "seed": 9, "folders": 4, "median": 3000, "mean": 30000}
        self.source = self.folder / "mbox"
        gen_mail.generate(**(settings | options), mbox=self.source, manifest=self.folder / "manifest")
        self.expected = list(rig.mailboxes.read_rows(self.folder / "manifest"))
        for row in self.expected:
            if row["folder"] != "INBOX":
                row["folder"] = self.prefix + row["folder"].replace("/", self.separator)

    def run_to(self, url, *options, status=rig.OK):
        trace = self.folder / "trace"
        trace.unlink(missing_ok=True)
        result = self.hoist("run", self.source, "--to", url, "--tls-ca", self.server.ca, "--state",
                            self.state, "--trace", trace, "--compress", "on", *options,
                            password=self.server.password, status=status,
                            env={"MAILHOIST_HURRY": "1"})
        return result, trace.read_text(errors="replace").count(" COMPRESS DEFLATE")


class OnDovecot(Compressed):
    server_options = {"extra": ZLIB}

    def test_whole_migration(self):
        self.generate()
        for url in (self.server.url(self.user), self.server.plain_url(self.user)):
            _, asked = self.run_to(url)
            self.assertGreater(asked, 0)
            self.assertMailboxes(self.expected, self.server.dump(self.user))
            before = self.server.dump(self.user)
        self.assertEqual(self.server.dump(self.user), before, "the second run had nothing to do")

    def test_what_goes_over_the_line(self):
        """Text becomes much less, and what lies below is not the words of IMAP."""
        self.generate(messages=100, median=1500, mean=1600)
        moved = {}
        for mode in ("off", "on"):
            user, self.state = self.server.new_user(), self.folder / mode
            with FaultProxy(self.server.tls_port) as proxy:
                self.run_to(self.server.url(user, port=proxy.port), "--compress", mode)
                moved[mode] = sum(proxy.moved.values())
            self.assertMailboxes(self.expected, self.server.dump(user))
        self.assertLess(moved["on"], 0.6 * moved["off"])


class OnPlainDovecot(Compressed):
    """No TLS, so that cuts hit the compressed octets themselves."""
    server_options = {"extra": "ssl = no\n" + ZLIB}

    def test_cuts(self):
        self.generate(messages=24, folders=2, mean=8000)
        with FaultProxy(self.server.port) as proxy:  # how much there is to be cut
            self.run_to(self.server.plain_url(self.server.new_user(), proxy.port))
            moved = dict(proxy.moved)
        number = 0
        for way, parts in (("up", 5), ("down", 4)):
            for part in range(1, parts):
                number += 1
                at = 300 + (moved[way] - 300) * part // parts
                user, self.state = self.server.new_user(), self.folder / f"state{number}"
                with self.subTest(way=way, at=at), \
                        FaultProxy(self.server.port, **{f"cut_{way}": at},
                                   how=("rst", "fin")[part % 2]) as proxy:
                    self.run_to(self.server.plain_url(user, proxy.port), status=None)
                    self.assertTrue(proxy.fired)
                    proxy.heal()
                    self.run_to(self.server.plain_url(user, proxy.port))
                self.assertMailboxes(self.expected, self.server.dump(user))

    def test_small_buffers(self):
        self.generate(messages=30, folders=2)
        with FaultProxy(self.server.port, buffer=2048) as proxy:
            _, asked = self.run_to(self.server.plain_url(self.user, proxy.port))
        self.assertGreater(asked, 0)
        self.assertMailboxes(self.expected, self.server.dump(self.user))


class OnCyrus(Compressed):
    server_kind = "cyrus"
    prefix, separator = "INBOX.", "."

    def test_whole_migration(self):
        self.generate()
        _, asked = self.run_to(self.server.url(self.user))
        self.assertGreater(asked, 0)
        before = self.server.dump(self.user)
        self.assertMailboxes(self.expected, before)
        self.run_to(self.server.url(self.user))
        self.assertEqual(self.server.dump(self.user), before)
