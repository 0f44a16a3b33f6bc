"""All nasty mail and folder names onto every server: real ones, and imitations of providers. Whatever
a server is, all is accounted for, read back as it went but for what the server is known to do to
mail, and there is nothing left to do for a second run, nor for one with another journal."""
import collections
import json
import re

import mailboxes
import nasty_mail
import providers
import rig

PASSWORD = "hoist-test-secret"
KEYWORD = re.compile(r"[A-Za-z0-9$_.-]{1,50}$")


def header_of(data):
    return providers.split(data)


class Peer:
    """What a server is known to do to mail."""

    def changed(self, data):
        """What is read back."""
        return data

    def refused(self, data):
        return False

    def kept_keyword(self, word):
        return KEYWORD.match(word)

    def loose(self, data):
        """What is compared, on both sides."""
        return data


class Dovecot(Peer):
    def changed(self, data):
        return data.replace(b"\0", b"\x80").replace(b"\r\r\n", b"\r\n")


class Cyrus(Peer):
    def changed(self, data):
        head, rest = header_of(data)
        return re.sub(rb"[\x80-\xff]", b"X", head) + rest

    def refused(self, data):
        head, _ = header_of(data)
        lines = head.split(b"\r\n")[:-1]
        well_formed = all(re.match(rb"[ \t]|[!-9;-~\x80-\xff]+[ \t]*:|From ", line) for line in lines)
        if data.startswith(b"\r\n"):  # an empty header is one
            return b"\0" in data
        return b"\0" in data or not head or not well_formed


class Courier(Peer):
    def changed(self, data):
        data = data.replace(b"\r\r\n", b"\r\n")
        return re.sub(rb"\r(?!\n)", b"", data)


class Imitated(Peer):
    """The server notes what it refuses."""

    def __init__(self, server):
        self.server = server

    def refused(self, data):
        return data in self.server.refused

    def changed(self, data):
        return data

    def loose(self, data):
        """Of rewritten headers, the fields in any order, without what was put in."""
        if not getattr(self.server, "rewrites", False):
            return data
        head, rest = providers.headed(data)
        fields = [re.sub(rb"\s+", b" ", line).strip().lower() for line in head.split(b"\r\n")]
        return b"\n".join(sorted(f for f in fields if not f.startswith((b"x-ms-", b"x-mime")))) + rest

    def kept_keyword(self, word):
        server = self.server
        if not server.keeps_keywords:
            return False
        return KEYWORD.match(word) and ("\\*" in server.permanent or word.lower() in server.permanent)


class Onto(rig.ProgramTest):
    """One server; the classes below say which."""

    def arguments(self):
        raise NotImplementedError

    def account(self):
        """[(folder, bytes, flags, date)]"""
        raise NotImplementedError

    def begin(self):
        pass

    def migrate(self, state="state", status=(rig.OK, rig.REFUSED)):
        self.begin()
        result = self.hoist("run", self.source, *self.arguments(), "--state", self.folder / state,
                            "--format", "json", "--max-rate", "1000msg", password=PASSWORD, status=None,
                            env={"MAILHOIST_HURRY": "1"})
        report = json.loads(result.out) if result.out else {}
        result.out = json.dumps(report.get("balance"))  # all of it would drown the reason of a failure
        self.assertIn(result.status, status, str(result))
        self.assertTrue(report["balance"]["adds_up"], str(result))
        self.assertEqual(report["balance"]["found"], len(self.rows), str(result))
        return result, report["balance"]

    def row_key(self, data, flags, keywords, date):
        return (self.peer.loose(data), tuple(sorted(flag.lower() for flag in flags)),
                tuple(sorted(word.lower() for word in keywords)), date)

    def expected(self):
        for row in self.rows:
            if not self.peer.refused(row["data"]):
                words = [word for word in row["keywords"] if self.peer.kept_keyword(word)]
                yield row, self.row_key(self.peer.changed(row["data"]), row["flags"], words, row["date"])

    def found(self):
        """Where each message is: {key: [folder]}."""
        places = collections.defaultdict(list)
        for folder, data, flags, date in self.account():
            system = [flag for flag in flags if flag.startswith("\\") and flag.lower() != "\\recent"]
            words = [flag for flag in flags if not flag.startswith("\\")]
            places[self.row_key(data, system, words, date)].append(folder)
        return places

    def assertThere(self, result):
        """Every message once for each of its folders, those of one folder together."""
        wanted, mapped = collections.Counter(), collections.defaultdict(collections.Counter)
        found = self.found()
        for row, key in self.expected():
            wanted[key] += 1
            mapped[row["path"]].update(set(found[key]))
        have = collections.Counter({key: len(folders) for key, folders in found.items()})
        for key in (wanted - have) + (have - wanted):
            self.fail(f"{have[key]} times instead of {wanted[key]}: {key[1:]} {key[0][:400]!r}\n{result}")
        for path, folders in mapped.items():
            of_path = sum(row["path"] == path for row, _ in self.expected())
            self.assertEqual(max(folders.values()), of_path, f"{path} is scattered over {folders}")

    def check_matrix(self):
        self.source = self.folder / "mail"
        self.rows = nasty_mail.write(self.source)
        result, balance = self.migrate()
        refused = sum(self.peer.refused(row["data"]) for row in self.rows)
        self.assertEqual(balance["refused"] + balance["failed"], refused, str(result))
        self.assertEqual(result.status, rig.REFUSED if refused else rig.OK, str(result))
        self.assertThere(result)
        self.assertNotIn("PWNED", str(self.folders()))
        before, folders = sorted(self.account()), sorted(self.folders())
        for state in "state", "another-machine":
            result, balance = self.migrate(state)
            self.assertEqual((balance["uploaded"], balance["filed"]), (0, 0), str(result))
            self.assertTrue(sorted(self.account()) == before, str(result))
            self.assertEqual(sorted(self.folders()), folders, str(result))


class Real(Onto, rig.ServerTest):
    peer = Dovecot()

    def arguments(self):
        return "--to", self.server.url(self.user), "--tls-ca", self.server.ca

    def account(self):
        return [(row["folder"], row["data"], tuple(row["flags"]), row["internaldate"])
                for row in self.server.dump(self.user, content=True)]

    def folders(self):
        client = self.server.connect(self.user)
        try:
            return [name for _, name in mailboxes.list_folders(client)]
        finally:
            client.logout()

    def test_matrix(self):
        self.check_matrix()


class DovecotMaildir(Real):
    pass


class DovecotPrefix(Real):
    server_options = {"prefix": "INBOX.", "separator": ".", "extra": "imap_literal_minus = yes"}


class DovecotMdbox(Real):
    server_options = {"format": "mdbox", "quota": "500M"}


class DovecotDots(Real):
    server_options = {"format": "mdbox", "separator": "."}


class CyrusClassic(Real):
    peer = Cyrus()
    server_kind = "cyrus"


class CyrusAlternative(Real):
    peer = Cyrus()
    server_kind = "cyrus"
    server_options = {"layout": "alternative"}


class CourierImap(Real):
    peer = Courier()
    server_kind = "courier"


del Real


class Imitation(Onto):
    def arguments(self):
        return "--to", self.server.url()

    def account(self):
        server = self.server
        return [(name, data, tuple(sorted(flags)), mailboxes.parse_date(date))
                for name, messages in server.account().items() for data, flags, date in messages
                if name != getattr(server, "all_mail", None)]

    def folders(self):
        return list(self.server.folders)

    def begin(self):
        self.server.begin()

    def check(self, kind):
        with providers.PROVIDERS[kind]() as self.server:
            self.peer = Imitated(self.server)
            self.check_matrix()
            self.assertEqual(self.server.faults, [])


def add_tests():
    for kind in providers.PROVIDERS:
        def test(self, kind=kind):
            self.check(kind)
        setattr(Imitation, "test_" + kind.replace("-", "_"), test)


add_tests()
del Onto
