"""`--repair` on Cyrus, which refuses NUL octets and invalid headers, and puts X for 8-bit header octets."""
import json

import rig

HEAD = b"From: a@b.example\nDate: Mon, 1 Mar 2004 09:00:00 +0000\nSubject: %s\nMessage-ID: <%s@b.example>\n"
NUL = HEAD % (b"nul", b"nul") + b"\na\0b\n"
STRAY = HEAD % (b"stray", b"stray") + b"no field\n\nbody\n"
EIGHT = (HEAD % (b"Gr\xfc\xdfe", b"eight")).replace(b"From: a", b"From: \"J\xfcrgen M\" <a") \
    .replace(b"b.example\nDate", b"b.example>\nDate") + b"\nbody \xfc\n"
GOOD = HEAD % (b"good", b"good") + b"\nbody\n"


class OnCyrus(rig.ServerTest):
    server_kind = "cyrus"

    def setUp(self):
        super().setUp()
        self.source = self.folder / "maildir"
        for part in ("cur", "new", "tmp"):
            (self.source / part).mkdir(parents=True)
        for i, data in enumerate((NUL, GOOD, STRAY, EIGHT)):
            (self.source / "cur" / f"{1078131600 + i}.{i}.host:2,S").write_bytes(data)

    def bodies(self):
        client = self.server.connect(self.user)
        try:
            client.select("INBOX", readonly=True)
            numbers = client.search(None, "ALL")[1][0].split()
            # BINARY may be said of a message with NULs: then its octets come as literal8
            return [self.fetch(client, number) for number in numbers]
        finally:
            client.logout()

    def fetch(self, client, number):
        client.send(b"q1 FETCH " + number + b" (BODY.PEEK[])\r\n")
        head = client.readline()
        data = client.read(int(head[head.rindex(b"{") + 1:head.rindex(b"}")]))
        while not client.readline().startswith(b"q1 OK"):
            pass
        return data.replace(b"\r\n", b"\n")

    def repaired(self, result):
        return sorted(n["text"].split(")")[0].split("(")[1]
                      for n in json.loads(result.out)["notices"] if n["kind"] == "repaired")

    def test_by_literal8_first(self):
        result = self.run_to_server("run", self.source, "--repair", "all", "--format", "json",
                                    "--verify", "full")
        self.assertEqual(self.repaired(result), ["binary", "header-8bit", "header-block"])
        expected = [NUL, GOOD, STRAY.replace(b"no field", b"\nno field"),
                    EIGHT.replace(b'"J\xfcrgen M"', b"=?windows-1252?Q?J=FCrgen_M?=")
                    .replace(b"Gr\xfc\xdfe", b"=?windows-1252?Q?Gr=FC=DFe?=")]
        self.assertEqual(sorted(self.bodies()), sorted(expected))
        self.assertSecondRunsAreEmpty(4)

    def test_the_plan_tells_what_cyrus_damages(self):
        result = self.run_to_server("plan", self.source)
        self.assertIn("messages with 8-bit names or subjects, not encoded as mail wants it: Cyrus replaces "
                      "these octets", result.out)

    def test_taken_back(self):
        self.run_to_server("run", self.source, "--repair", "all")
        self.hoist("undo", "1", "--state", self.state, "--tls-ca", self.server.ca, "--to",
                   self.server.url(self.user), password=self.server.password)
        self.assertEqual(self.server.dump(self.user), [])

    def test_without_nul(self):
        result = self.run_to_server("run", self.source, "--repair", "nul", "--format", "json",
                                    status=rig.REFUSED)
        self.assertEqual(self.repaired(result), ["nul"])
        bodies = self.bodies()
        self.assertIn(NUL.replace(b"\0", b""), bodies)
        self.assertEqual(len(bodies), 3)
        self.assertTrue(any(b"GrXXe" in body for body in bodies), "nobody asked for more")

    def assertSecondRunsAreEmpty(self, n):
        before = self.server.dump(self.user)
        self.assertEqual(len(before), n)
        self.run_to_server("run", self.source, "--repair", "all", "--verify", "full")
        self.assertEqual(self.server.dump(self.user), before)
        self.state = self.folder / "another machine"
        self.run_to_server("run", self.source, "--repair", "all")
        self.assertEqual(self.server.dump(self.user), before)
