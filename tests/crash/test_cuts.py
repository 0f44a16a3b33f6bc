"""The line is cut after any octet, either way, by reset or by a plain end. With a server that can be
reached again the same run goes on; with one that cannot, the next run does."""
import os

import gen_mail
import rig
from faultproxy import FaultProxy

CUTS = 200 if os.environ.get("CRASH_LONG") == "1" else 16  # in each direction


def offsets(total, cuts):
    """Spread over the conversation; the octets around the very end are cut one by one."""
    return sorted({1 + (total - 1) * i // cuts for i in range(cuts)} | {total - 3, total - 1})


class Cuts(rig.ServerTest):
    server_options = {"extra": "ssl = no"}

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        gen_mail.generate(40, seed=11, folders=2, median=700, mean=1100, maildir=self.source,
                          manifest=self.folder / "manifest")
        self.expected = rig.mailboxes.read_rows(self.folder / "manifest")

    def url(self, port):
        return self.server.plain_url(self.user, port)

    def run_by(self, port, status):
        return self.hoist("run", self.source, "--to", self.url(port), "--state", self.state,
                          "--tls-ca", self.server.ca, password=self.server.password, status=status,
                          env={"MAILHOIST_HURRY": "1"}, timeout=120)

    def port(self):
        return self.server.port

    def conversation(self):
        """Octets that a whole run moves each way."""
        self.state = self.folder / "state-whole"
        with FaultProxy(self.port()) as proxy:
            self.run_by(proxy.port, rig.OK)
            return dict(proxy.moved)

    def fresh_account(self, name):
        self.user = self.server.new_user()
        self.state = self.folder / f"state-{name}"

    def assertComplete(self):
        self.assertMailboxes(self.expected, self.server.dump(self.user))

    def cases(self, cuts):
        moved = self.conversation()
        number = 0
        for way in ("up", "down"):
            for offset in offsets(moved[way], cuts):
                number += 1
                yield way, offset, ("rst", "fin")[number % 2]

    def test_and_the_server_can_be_reached_again(self):
        for way, offset, how in self.cases(CUTS):
            with self.subTest(way=way, offset=offset, how=how):
                self.fresh_account(f"{way}-{offset}")
                with FaultProxy(self.port(), how=how, **{"cut_" + way: offset}) as proxy:
                    self.run_by(proxy.port, rig.OK)
                self.assertComplete()

    def test_and_the_server_is_gone(self):
        for way, offset, how in self.cases(CUTS // 2):
            with self.subTest(way=way, offset=offset, how=how):
                self.fresh_account(f"gone-{way}-{offset}")
                with FaultProxy(self.port(), how=how, refuse_after=True,
                                **{"cut_" + way: offset}) as proxy:
                    result = self.run_by(proxy.port, None)
                    # A cut behind the last answer hurts nobody.
                    self.assertIn(result.status, (rig.OK, rig.CONNECT, rig.TEMPFAIL), str(result))
                    self.assertTrue(proxy.fired or result.status == rig.OK)
                    proxy.heal()
                    self.run_by(proxy.port, rig.OK)
                self.assertComplete()


class CutsInTls(Cuts):
    server_options = {}

    def url(self, port):
        return self.server.url(self.user, port)

    def port(self):
        return self.server.tls_port

    def cases(self, cuts):
        return super().cases(max(4, cuts // 4))
