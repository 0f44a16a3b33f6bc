"""Mail that POP fetched and left on the server, found there again by its UIDLs."""
import collections
import hashlib
import json
import random
import re
import unittest

import pop_life
import rig

FOLDERS = ["Inbox", "Family", "Work", "Lists"]


class PopLife(rig.ServerTest):
    """INBOX as POP left it, and what Thunderbird made of it."""
    server_options = {"pop3": "yes"}

    def setUp(self):
        super().setUp()
        self.store = self.folder / "Mail/pop.example"
        self.trace = self.folder / "trace"

    def live(self, count=240, uidl_of=lambda uidl, n: uidl, seed=7):
        """A third of what was fetched is deleted locally; some arrives later; some was never on the
        server. `uidl_of` bends the UIDLs."""
        rnd = random.Random(seed)
        pop_life.arrive(self.server, self.user, pop_life.new_mail(count, seed))
        fetched = pop_life.retrieve(self.server, self.user)
        account = pop_life.ThunderbirdAccount(self.store)
        self.kept = self.deleted = 0
        for n, (uidl, data) in enumerate(fetched):
            folder = pop_life.DELETED if rnd.random() < 1 / 3 else rnd.choice(FOLDERS)
            account.file(folder, uidl_of(uidl, n), data, seen=rnd.random() < 0.5)
            self.deleted += folder == pop_life.DELETED
            self.kept += folder != pop_life.DELETED
        self.local_only = pop_life.new_mail(7, seed + 1)
        for mail in self.local_only:
            account.file(rnd.choice(FOLDERS), None, mail.data)
        account.close()
        pop_life.arrive(self.server, self.user, pop_life.new_mail(9, seed + 2))

    def plan(self, *options, store=None):
        """{locator: object} of the plan."""
        result = self.run_to_server("plan", store or self.store, "--format", "jsonl", "--trace",
                                    self.trace, *options)
        rows = [json.loads(line) for line in result.out.splitlines()]
        return {row["locator"]: row for row in rows}

    def report(self):
        return self.hoist("report", *self.to()[:2], *self.to()[4:]).out

    def headers_asked(self):
        """How many messages' headers or bodies the server sent."""
        text = self.trace.read_text(errors="replace")
        return len(re.findall(r"(?m)^\S* ?\* \d+ FETCH \(.*BODY\[", text))

    def decisions(self, plan):
        return {locator: (row["action"], row["reason"]) for locator, row in plan.items()}

    def levels(self, plan):
        return {level: sum(row["match"] == level for row in plan.values())
                for level in {row["match"] for row in plan.values()}}


class Thunderbird(PopLife):
    def leftovers(self, *options):
        result = self.run_to_server("plan", self.store, *options)
        found = re.search(r"(?m)^Deleted here, but still on the server .*: (\d+),", result.out)
        return int(found[1]) if found else 0

    def test_deleted_here_but_still_there(self):
        self.live()
        before = self.server.dump(self.user)
        self.assertEqual(self.leftovers(), self.deleted)
        self.assertEqual(self.leftovers("--no-uidl"), self.deleted)
        result = self.run_to_server("plan", self.store, "--verbose")
        listed = re.findall(r"(?m)^  'INBOX', UID \d+, .*, UIDL [0-9a-f]{16}$", result.out)
        self.assertEqual(len(listed), self.deleted)
        result = self.run_to_server("run", self.store, "--format", "json")
        self.assertEqual(len(json.loads(result.out)["deleted_here"]), self.deleted)
        after = {(row["folder"], row["uid"]) for row in self.server.dump(self.user)}
        self.assertLessEqual({(row["folder"], row["uid"]) for row in before}, after)

    def test_stubs_become_whole(self):
        """Of some messages only the first lines were fetched: the server files its own copy."""
        pop_life.arrive(self.server, self.user, pop_life.new_mail(80, 21))
        account = pop_life.ThunderbirdAccount(self.store)
        wanted = []
        for n, (uidl, data) in enumerate(pop_life.retrieve(self.server, self.user)):
            stub = n % 8 == 0
            if stub:
                wanted.append(data)
                head, body = data.split(b"\r\n\r\n", 1)
                data = head + b"\r\n\r\n" + body[:40].rsplit(b"\r\n", 1)[0] + b"\r\n"
            account.file("Work", uidl, data, partial=stub)
        account.close()
        result = self.run_to_server("run", self.store, "--format", "json")
        reasons = {row["reason"]: row["messages"] for row in json.loads(result.out)["reasons"]}
        self.assertEqual(reasons.get("whole"), len(wanted), result)
        self.assertNotIn("partial", reasons)
        filed = [row["sha256"] for row in self.server.dump(self.user) if row["folder"] == "Work"]
        for data in wanted:
            self.assertEqual(filed.count(hashlib.sha256(data).hexdigest()), 1)
        before = self.server.dump(self.user)
        self.run_to_server("run", self.store)
        self.assertEqual(self.server.dump(self.user), before, "a second run has nothing to do")

    def test_no_state_file(self):
        self.live()
        (self.store / "popstate.dat").unlink()
        self.assertEqual(self.leftovers(), 0)
        (self.store / "popstate.dat").write_text("nonsense\n")
        self.assertEqual(self.leftovers(), 0)
        self.assertIn("no state file of a POP program", self.report())

    def test_uidl_join(self):
        self.live()
        plan = self.plan()
        self.assertEqual(self.levels(plan), {"uidl": self.kept, "none": len(self.local_only)})
        # the sample, what arrived later, and what was deleted here
        self.assertLess(self.headers_asked(), 20 + 9 + self.deleted + 30)
        self.assertIn("messages known by their UIDLs (Dovecot's), after a look at 20", self.report())
        self.assertIn("a run reads the headers of all of them first", self.report())

    def test_the_same_without_it(self):
        self.live()
        joined = self.plan()
        plain = self.plan("--no-uidl")
        self.assertNotIn("uidl", self.levels(plain))
        self.assertEqual(self.decisions(plain), self.decisions(joined))
        again = self.plan()
        self.assertEqual(self.decisions(again), self.decisions(joined))

    def test_verification_compares_contents(self):
        self.live()
        self.plan()
        self.hoist("verify", self.store, *self.to(), "--format", "json", "--trace", self.trace,
                   password=self.server.password, status=rig.DIFFERS)
        self.assertGreater(self.headers_asked(), self.kept)


class WrongUidls(PopLife):
    """Whatever the UIDLs say, every message ends up in its folder, once."""

    def file_all(self, uidl_of):
        """Everything kept, in folders; (folder, digest) of each."""
        pop_life.arrive(self.server, self.user, pop_life.new_mail(150, 31))
        fetched = pop_life.retrieve(self.server, self.user)
        account = pop_life.ThunderbirdAccount(self.store)
        self.wanted = set()
        for n, (uidl, data) in enumerate(fetched):
            folder = ("Family", "Work", "Lists")[n % 3]
            account.file(folder, uidl_of([u for u, _ in fetched], n), data)
            self.wanted.add((folder, hashlib.sha256(data).hexdigest()))
        account.close()

    def check(self, uidl_of, words):
        self.file_all(uidl_of)
        result = self.run_to_server("run", self.store, "--file", "copy", "--verify", "full")
        found = [(row["folder"], row["sha256"]) for row in self.server.dump(self.user)
                 if row["folder"] not in ("INBOX", "Trash", "Sent", "Drafts")]
        self.assertEqual(sorted(found), sorted(self.wanted))
        self.assertIn(words, result.out)

    def test_of_the_next_message(self):
        self.check(lambda uidls, n: uidls[(n + 1) % len(uidls)], "were not believed")

    def test_of_other_mail_of_the_same_size(self):
        """Three UIDLs outside the sample: nothing but the headers tells. In a folder and in INBOX."""
        for how in ("copy", "move"):
            with self.subTest(how=how):
                self.user, self.store = self.server.new_user(), self.folder / how / "pop.example"
                self.state = self.folder / f"state-{how}"
                pop_life.arrive(self.server, self.user, pop_life.new_mail(150, 33))
                account = pop_life.ThunderbirdAccount(self.store)
                wanted, theirs = collections.Counter(), collections.Counter()
                for n, (uidl, data) in enumerate(pop_life.retrieve(self.server, self.user)):
                    folder = "Inbox" if n in (71, 72) else ("Family", "Work")[n % 2]
                    if n in (70, 71, 100):
                        theirs[hashlib.sha256(data).hexdigest()] += 1
                        data = data.replace(b"\r\nSubject: ", b"\r\nSubject: x", 1)[:-3] + b"\r\n"
                    account.file(folder, uidl, data)
                    wanted["INBOX" if folder == "Inbox" else folder, hashlib.sha256(data).hexdigest()] += 1
                account.close()
                result = self.run_to_server("run", self.store, "--file", how)
                found = collections.Counter((row["folder"], row["sha256"])
                                            for row in self.server.dump(self.user))
                self.assertEqual(wanted - found, collections.Counter())
                for digest in theirs:
                    self.assertEqual([place[0] for place in found if place[1] == digest], ["INBOX"])
                self.assertIn("as their headers say", result.out)

    def test_of_another_uidvalidity(self):
        self.check(lambda uidls, n: uidls[n][:8] + "00000001", "UIDVALIDITY")

    def test_given_out_again(self):
        """The last fifth bear the UIDLs of the first."""
        self.check(lambda uidls, n: uidls[n % (len(uidls) * 4 // 5)], "UIDLs")

    def test_two_of_them_exchanged(self):
        swap = {70: 71, 71: 70}
        self.check(lambda uidls, n: uidls[swap.get(n, n)], "known by their UIDLs")

    def test_backwards(self):
        self.check(lambda uidls, n: uidls[n][8:] + uidls[n][:8], "UW's")


class Fetchers(PopLife):
    """The real programs, each with a store and a state file of its own."""

    def fetch(self, program, fetch, count=40):
        if not pop_life.have(program):
            self.skipTest(f"{program} is not installed (scripts/install-deps test)")
        arrived = pop_life.new_mail(count, 11)
        pop_life.arrive(self.server, self.user, arrived)
        store, state = fetch(self.server, self.user, self.folder / program)
        messages = sorted(store.glob("new/*"))
        self.assertEqual(len(messages), len(arrived))
        for path in messages[::3]:
            path.unlink()
        pop_life.arrive(self.server, self.user, pop_life.new_mail(5, 12))
        return store, state, len(messages[::3])

    def check(self, store, state, deleted, level):
        """At least three in four at the level."""
        plan = self.plan("--pop-state", state, store=store)
        self.assertGreaterEqual(self.levels(plan).get(level, 0), 0.75 * len(plan))
        self.assertEqual({row["action"] for row in plan.values()}, {"present"})
        result = self.run_to_server("plan", store, "--pop-state", state)
        self.assertIn(f"Deleted here, but still on the server (left alone): {deleted},", result.out)

    def test_getmail(self):
        """It writes the UIDL into its Received line. A header that is not as Python would write it
        is written anew, so that sizes differ: then contents are compared."""
        self.check(*self.fetch("getmail", pop_life.fetch_by_getmail), level="uidl")

    def test_mpop(self):
        """It keeps UIDLs in its state file alone: contents are compared."""
        self.check(*self.fetch("mpop", pop_life.fetch_by_mpop), level="dress")

    def unread(self):
        return sum("\\Seen" not in row["flags"] for row in self.server.dump(self.user))

    def test_seen_by_the_state_file_alone(self):
        """Nothing in the messages tells of POP: only the state file proves that it set \\Seen."""
        store, state, deleted = self.fetch(
            "mpop", lambda *a: pop_life.fetch_by_mpop(*a, received=False))
        here = len(list(store.glob("new/*")))
        self.run_to_server("run", store)
        self.assertEqual(self.unread(), 5)
        self.state = self.folder / "another-machine"
        self.run_to_server("run", store, "--pop-state", state)
        self.assertEqual(self.unread(), 5 + here)

    def test_state_file_that_is_none(self):
        store = pop_life.maildir(self.folder / "Maildir")
        (store / "cur/1.a.b:2,").write_text("From: a@b.example\n\nx\n")
        wrong = self.folder / "wrong"
        wrong.write_text("nothing of the kind\n")
        self.run_to_server("plan", store, "--pop-state", self.folder / "gone", status=rig.NOINPUT)
        result = self.run_to_server("plan", store, "--pop-state", wrong, status=None)
        self.assertNotEqual(result.status, rig.OK)
        self.assertIn("no state file of a POP program", result.err)


class OpaqueUidls(PopLife):
    """UIDLs that say nothing: the POP3 server is asked what they mean."""
    server_options = {"pop3": "yes",
                      "extra": "protocol pop3 {\n pop3_uidl_format = %g\n}\n"}

    def pop3(self, tls=True):
        port = self.server.pop3s_port if tls else self.server.pop3_port
        return ["--pop3", f"pop3{'s' if tls else ''}://{self.server.host}:{port}"]

    def flags(self):
        return sorted((row["uid"], tuple(row["flags"])) for row in self.server.dump(self.user))

    def test_asked(self):
        self.live()
        before = self.flags()
        plain = self.plan()
        self.assertNotIn("uidl", self.levels(plain))
        for tls in (True, False):
            with self.subTest(tls=tls):
                self.state = self.folder / f"state-{tls}"
                plan = self.plan(*self.pop3(tls))
                self.assertEqual(self.levels(plan),
                                 {"uidl": self.kept, "none": len(self.local_only)})
                self.assertEqual(self.decisions(plan), self.decisions(plain))
                self.assertLess(self.headers_asked(), 20 + 9 + self.deleted + 30)
                report = self.report()
                self.assertIn("as the POP3 server lists them", report)
                self.assertIn(f"(left alone): {self.deleted},", report)
        self.assertEqual(self.flags(), before, "TOP and UIDL mark nothing")
        self.assertNotIn("RETR", self.trace.read_text(errors="replace"))

    def test_more_messages_of_one_size(self):
        """Copies under other UIDs: size and order do not tell all, headers must."""
        self.live()
        pop_life.arrive(self.server, self.user, pop_life.new_mail(240, 7)[::40])
        plan = self.plan(*self.pop3())
        self.assertGreater(self.levels(plan)["uidl"], 0.9 * self.kept)
        self.assertEqual({row["action"] for row in plan.values() if row["match"] == "none"},
                         {"upload"})

    def test_wrong_password(self):
        """What the user must put right is not passed over. IMAP is asked first: it is tried once."""
        self.live(count=30)
        result = self.hoist("plan", self.store, *self.to(), *self.pop3(), password="wrong",
                            status=rig.LOGIN)
        self.assertIn("the server refused the login", result.err)

    def test_no_pop3_server_there(self):
        """It was only a help: contents are compared."""
        self.live(count=30)
        result = self.run_to_server("plan", self.store, "--pop3", f"pop3s://{self.server.host}:1")
        self.assertIn("present", result.out)
        self.assertIn(f"{self.server.host}:1", result.err)

    def test_url(self):
        self.live(count=30)
        for url in ("imaps://h", "pop3s://u:p@h", "pop3s://h/folder"):
            self.run_to_server("plan", self.store, "--pop3", url, status=rig.USAGE)


if __name__ == "__main__":
    unittest.main()
