"""`mailhoist check --probe` on real servers: what it tells is what they do, and nothing of it stays."""
import json

import rig


class OnDovecot(rig.ServerTest):
    """The verdicts that must be told; the rest is told anyway."""
    verdicts = {
        "create": "good", "append": "good", "date": "good", "flags": "good", "keywords-own": "good",
        "header-8bit": "good", "nul": "changed", "nul-literal8": "changed",
        "header-invalid": "good", "long-line": "good", "appenduid": "good", "multiappend": "good",
        "copy": "good", "move": "good", "store": "good", "expunge": "good", "name-letters": "good",
        "name-dot": "refused", "name-deep": "good", "name-case": "good",
    }

    def folders(self):
        client = self.server.connect(self.user)
        try:
            return [sorted(row.split(b") ", 1)[1] for row in rows)  # \Marked comes and goes
                    for rows in (client.list()[1], client.lsub()[1])]
        finally:
            client.logout()

    def test_account_is_as_before(self):
        self.server.append(self.user, "INBOX", b"From: a@b.example\r\n\r\nmine\r\n")
        self.server.append(self.user, self.own_folder(), b"From: a@b.example\r\n\r\nmine, too\r\n")
        before = self.server.dump(self.user), self.folders()
        result = self.hoist("check", *self.to(), "--probe", "--format", "json",
                            password=self.server.password)
        self.assertEqual((self.server.dump(self.user), self.folders()), before)
        found = json.loads(result.out)
        self.assertIsNone(found["obstacle"])
        self.assertIsNone(found["left_behind"])
        self.assertRegex(found["tls"]["version"], "^TLSv1")
        self.assertRegex(found["tls"]["fingerprint"], "^sha256:[0-9a-f]{64}$")
        self.assertIn("127.0.0.1", found["tls"]["certificate_for"])
        self.assertEqual(found["messages"], 2)
        self.assertEqual(found["profile"], self.server_kind)
        trials = {trial["trial"]: trial["verdict"] for trial in found["trials"]}
        self.assertEqual({name: trials.get(name) for name in self.verdicts}, self.verdicts)

    def own_folder(self):
        return "Mine"


class OnCyrus(OnDovecot):
    server_kind = "cyrus"
    verdicts = OnDovecot.verdicts | {
        "header-8bit": "changed", "nul": "refused", "nul-literal8": "good",
        "header-invalid": "refused", "name-dot": None, "name-slash": "refused",
        "name-quote": "refused",
    }

    def own_folder(self):
        return "INBOX.Mine"


class OnCourier(OnCyrus):
    server_kind = "courier"
    verdicts = OnDovecot.verdicts | {
        "nul": "good", "nul-literal8": None, "multiappend": None, "move": None, "name-dot": None,
        "name-emoji": "refused", "name-slash": "refused",
    }


class Small(rig.ServerTest):
    server_options = {"quota": "4M"}

    def test_quota(self):
        self.server.append(self.user, "INBOX", b"From: a@b.example\r\n\r\n" + b"x" * 70 * 1024)
        result = self.hoist("check", *self.to(), "--format", "json", password=self.server.password)
        quota = json.loads(result.out)["quota"]
        self.assertEqual(quota["octets_limit"], 4 << 20)
        self.assertGreater(quota["octets_used"], 60 * 1024)
