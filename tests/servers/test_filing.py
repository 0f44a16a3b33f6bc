"""Filing by a real Dovecot: what POP left in INBOX goes where the user keeps it, without an upload."""
import hashlib
import itertools
import json
import re

import popbox
import rig
from faultproxy import FaultProxy


class Life(rig.ServerTest):
    """A Maildir, and the server's INBOX that most of its mail was fetched from."""
    server_options = {"extra": "ssl = no"}

    def to(self, **more):
        return ["--to", self.server.plain_url(self.user, **more), "--state", self.state]

    def setUp(self):
        super().setUp()
        self.life = popbox.Leftovers()
        self.source = self.folder / "maildir"
        self.life.write(maildir=self.source)
        self.fill()

    def fill(self):
        client = self.server.connect(self.user)
        self.life.put(client)
        client.logout()

    def account(self):
        return self.server.dump(self.user)

    def run_it(self, *options, status=rig.OK, command="run", **more):
        return self.run_to_server(command, self.source, *options, status=status, **more)

    def report(self, *options):
        out = self.hoist("report", "--format", "json", "--state", self.state, *options).out
        return json.loads(out)


class Filing(Life):
    def assertOnlyFiled(self):
        """Nothing but local-only mail was sent."""
        balance = self.report()["balance"]
        self.assertEqual(balance["uploaded"], len(self.life.local_only))
        self.assertEqual(balance["filed"], sum(self.life.count_filed().values()))
        self.assertTrue(balance["adds_up"])

    def test_copies(self):
        trace = self.folder / "trace"
        self.run_it("--file", "copy", "--trace", trace, "--verify", "full")
        self.assertMailboxes(self.life.expected(), self.account())
        self.assertOnlyFiled()
        before = self.account()
        self.assertLess(len(re.findall(" UID COPY", trace.read_text())), 30, "whole sets")
        self.run_it()
        self.assertEqual(self.account(), before, "a second run has nothing to do")

    def test_moves(self):
        self.run_it("--file", "move")
        self.assertMailboxes(self.life.expected(moved=True), self.account())
        self.assertOnlyFiled()
        before = self.account()
        self.run_it("--file", "move")
        self.assertEqual(self.account(), before, "a second run has nothing to do")

    def test_copies_by_default_and_plans_so(self):
        before = self.account()
        self.run_it(command="plan")
        self.assertEqual(self.account(), before)
        planned = self.report()
        self.assertEqual(planned["balance"]["to-file"], sum(self.life.count_filed().values()))
        self.assertEqual(planned["balance"]["open"], len(self.life.local_only))
        self.hoist("apply", str(planned["run"]), *self.to(), password=self.server.password)
        self.assertMailboxes(self.life.expected(), self.account())

    def test_what_stays_is_said(self):
        out = self.run_it("--file", "copy").out
        self.assertIn(f"Only on the server (left alone): {len(self.life.server_only)}", out)
        self.assertIn("that were not sent", out)
        report = self.report()
        self.assertEqual(report["server_only"]["messages"], len(self.life.server_only))
        self.assertEqual({line["folder"] for line in report["server_only"]["lines"]}, {"INBOX"})
        levels = {row["match"] for row in report["reasons"] if row["outcome"] == "filed"}
        self.assertTrue(levels and "none" not in levels, levels)
        page = self.hoist("report", "--cleanup", "--state", self.state).out
        inbox = [row for row in self.account() if row["folder"] == "INBOX"]
        self.assertIn(f"still holds: {len(inbox)} messages", page)
        filed = {m.data for m in self.life.mails if m.folder != "INBOX"} - self.life.local_only
        self.assertIn(f"- {len(filed)} messages", page)
        self.assertIn("mailhoist run --file move", page)
        self.assertIn("leave messages on the", page)

    def test_off_leaves_it_there(self):
        self.run_it("--file", "off")
        inbox = [row for row in self.account() if row["folder"] == "INBOX"]
        self.assertEqual(len(self.account()) - len(inbox),
                         len({(m.folder, m.data) for m in self.life.mails
                              if m.data in self.life.local_only and m.folder != "INBOX"}))

    def test_shown_only(self):
        result = self.run_it("--file", "plan")
        self.assertIn("unfiled", result.out)
        self.assertEqual(self.report()["balance"]["filed"], 0)

    def test_a_copy_that_the_user_filed_elsewhere_stays_there(self):
        mail = next(m for m in self.life.mails if m.folder == "Work")
        self.user = self.server.new_user()
        self.server.append(self.user, "Elsewhere", mail.data)
        self.server.append(self.user, "INBOX", mail.data)
        self.run_it()
        self.assertEqual([row["folder"] for row in self.account()
                          if row["size"] == len(mail.data)].count("Work"), 0)


    def test_leftovers_that_vanish_meanwhile_are_uploaded(self):
        """The old client removes what it has fetched, between the plan and the copy."""
        family = [m for m in self.life.mails if m.folder == "Family"
                  and m.data not in self.life.local_only]
        work = [m for m in self.life.mails if m.folder == "Work"
                and m.data not in self.life.local_only]
        before_look, before_copy, moved = family[:4] + work[:2], family[6], work[3]
        gone = {m.data for m in [*before_look, before_copy, moved]}

        def remove(mails, into=None):
            client = self.server.connect(self.user)
            client.select("INBOX")
            for mail in mails:
                uid = self.uids[mail.data]
                if into:
                    client.create(into)
                    client.uid("COPY", uid, into)
                client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
            client.expunge()
            client.logout()

        def first():
            remove(before_look)
            remove([moved], into="Elsewhere")

        self.uids = {}
        for row in self.server.dump(self.user, content=True):
            self.uids[row["data"]] = str(row["uid"])
        for how in ("copy", "move"):
            with self.subTest(how=how):
                with FaultProxy(self.server.port, before={
                        b" CREATE ": first,
                        b" UID COPY " if self.copies(how) else b" UID MOVE ":
                            lambda: remove([before_copy])}) as proxy:
                    self.hoist("run", self.source, "--file", how, *self.to(port=proxy.port),
                               password=self.server.password)
                    self.assertFalse(proxy.before, "all has happened")
                expected = self.life.expected(gone=gone, moved=how == "move" and self.can_move)
                found = [row for row in self.account() if row["folder"] != "Elsewhere"]
                self.assertMailboxes(expected, found)
                self.assertIn("leftover-gone", json.dumps(self.report()["reasons"]))
            self.user = self.server.new_user()
            self.state = self.folder / "another"
            self.fill()

    can_move = True

    def copies(self, how):
        return how == "copy"


class Flags(Life):
    def test_flags_of_here_or_of_there(self):
        """Of what is in place already, and of what is filed; what has not changed is not sent again."""
        for whose in ("local", "server"):
            with self.subTest(flags=whose):
                self.run_it("--flags", whose)
                expected = self.life.expected(flags=whose)
                self.assertNotEqual(expected, self.life.expected(), "the flags differ")
                self.assertMailboxes(expected, self.account())
                before = self.account()
                self.run_it("--flags", whose)
                self.assertEqual(self.account(), before, "a second run has nothing to do")
            self.user = self.server.new_user()
            self.state = self.folder / "another"
            self.fill()


class Seen(rig.ServerTest):
    """POP's RETR marks what it fetches as read: of such messages the local program knows better."""
    server_options = {"extra": "ssl = no"}

    def to(self):
        return ["--to", self.server.plain_url(self.user), "--state", self.state]

    def profile(self, mails):
        profile = self.folder / "pop.example.org"
        profile.mkdir()
        for name in ("Inbox", "Work"):
            (profile / f"{name}.msf").write_bytes(b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
            (profile / name).write_bytes(b"".join(
                b"From - Mon Mar  1 10:00:00 2004\nX-Mozilla-Status: %04x\n"
                b"X-Mozilla-Status2: 00000000\n" % here
                + (b"X-UIDL: opaque%d\n" % number if popped else b"")
                + data.replace(b"\r\n", b"\n") + b"\n"
                for number, (where, here, _, popped, data) in enumerate(mails) if where == name))
        (profile / "popstate.dat").write_bytes(b"# POP3 State File\n*pop.example.org me\n")
        return profile

    def test_follows_the_store_where_pop_has_fetched(self):
        mails = []
        for where, here, there, popped in itertools.product(
                ("Inbox", "Work"), (0, 1), ("", r"\Seen", r"\Seen \Flagged"), (False, True)):
            number = len(mails)
            mails.append((where, here, there, popped,
                          b"From: a@b.example\r\nSubject: mail %d\r\nMessage-ID: <m%d@b.example>\r\n"
                          b"Date: Mon, 1 Mar 2004 09:00:00 +0000\r\n\r\ntext %d\r\n" % ((number,) * 3)))
            self.server.append(self.user, "INBOX", mails[-1][-1], there)
        self.run_to_server("run", f"thunderbird:{self.profile(mails)}")

        def flags():
            return {(row["folder"], row["data"]): row["flags"]
                    for row in self.server.dump(self.user, content=True)}
        expected = {}
        for where, here, there, popped, data in mails:
            expected["INBOX", data] = sorted(there.split())
            seen = here if popped else here or r"\Seen" in there
            expected["INBOX" if where == "Inbox" else where, data] = sorted(
                [r"\Seen"] * seen + [flag for flag in there.split() if flag != r"\Seen"])
        self.assertEqual(flags(), expected)
        # Once: what the user reads there afterwards stays read.
        client = self.server.connect(self.user)
        for folder in ("INBOX", "Work"):
            client.select(folder)
            client.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Seen)")
        client.logout()
        read = flags()
        self.run_to_server("run", f"thunderbird:{self.folder / 'pop.example.org'}")
        self.assertEqual(flags(), read)


class Duplicates(rig.ServerTest):
    """With --keep-duplicates: two are filed at home, and one lies in the server's INBOX."""
    server_options = {"extra": "ssl = no"}
    MAIL = b"From: a@b.example\r\nSubject: twice\r\nMessage-ID: <t@b.example>\r\n\r\ntwice\r\n"

    def to(self):
        return ["--to", self.server.plain_url(self.user), "--state", self.state]

    def folders(self):
        return [row["folder"] for row in self.server.dump(self.user)]

    def test_two_of_one(self):
        source = self.folder / "maildir"
        for part in ("cur", "new", "tmp", ".Work/cur", ".Work/new", ".Work/tmp"):
            (source / part).mkdir(parents=True)
        for number in range(2):
            path = source / f".Work/cur/{1078131600 + number}.{number}.host:2,S"
            path.write_bytes(self.MAIL.replace(b"\r\n", b"\n"))
        for how, left in (("copy", ["INBOX"]), ("move", [])):
            with self.subTest(how=how):
                self.user = self.server.new_user()
                self.state = self.folder / how
                self.server.append(self.user, "INBOX", self.MAIL)
                for _ in range(2):  # a second run has nothing to do
                    self.run_to_server("run", source, "--keep-duplicates", "--file", how)
                    self.assertEqual(self.folders(), left + ["Work", "Work"])
                self.run_to_server("undo", "1")
                self.assertEqual(self.folders(), ["INBOX"])


class DuplicatesWithoutMove(Duplicates):
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR UIDPLUS "
                               "MULTIAPPEND NAMESPACE UNSELECT"}


class Undo(rig.ServerTest):
    """As before: message for message, flag for flag."""
    server_options = {"extra": "ssl = no"}
    options = ()

    def setUp(self):
        super().setUp()
        self.life = popbox.Leftovers(messages=90, local_only=0.2)
        self.source = self.folder / "maildir"
        self.life.write(maildir=self.source)
        client = self.server.connect(self.user)
        self.life.put(client)
        client.logout()
        self.before = self.server.dump(self.user)

    def to(self):
        return ["--to", self.server.plain_url(self.user), "--state", self.state]

    def run_it(self, *options):
        self.run_to_server("run", self.source, *options)

    def undo(self, *options, run="1", status=rig.OK):
        return self.hoist("undo", run, "--state", self.state, *options,
                          password=self.server.password, status=status)

    def rows(self, rows, uids):
        return sorted(tuple((k, str(v)) for k, v in sorted(row.items()) if uids or k != "uid")
                      for row in rows)

    def assertAsBefore(self, uids=True):
        self.assertEqual(self.rows(self.server.dump(self.user), uids), self.rows(self.before, uids))

    def test_after_copies(self):
        self.run_it()
        after = self.server.dump(self.user)
        self.assertNotEqual(self.rows(after, True), self.rows(self.before, True))
        result = self.undo("--dry-run")
        self.assertIn("would be taken away", result.out)
        self.assertEqual(self.server.dump(self.user), after)
        self.undo()
        self.assertAsBefore()
        self.assertIn("nothing to take back", self.undo().out)

    def test_after_moves(self):
        self.run_it("--file", "move")
        self.undo()
        self.assertAsBefore(uids=False)
        kept = {row["uid"]: row for row in self.before}
        for row in self.server.dump(self.user):
            if row["uid"] in kept:
                self.assertEqual(row, kept[row["uid"]], "untouched mail keeps its UID")

    def test_and_run_again(self):
        self.run_it()
        done = self.rows(self.server.dump(self.user), uids=False)
        self.undo()
        self.run_it()
        self.assertEqual(self.rows(self.server.dump(self.user), uids=False), done)

    def test_what_was_changed_since_stays(self):
        self.run_it()
        client = self.server.connect(self.user)
        client.select("Family")
        flagged = client.uid("SEARCH", "UNFLAGGED")[1][0].split()[0].decode()
        client.uid("STORE", flagged, "+FLAGS", r"(\Flagged)")
        client.append("Family", "", None, b"Subject: the user's own\r\n\r\nx\r\n")
        client.logout()
        result = self.undo(status=rig.REFUSED)
        self.assertIn("left alone", result.out)
        left = [row for row in self.server.dump(self.user) if row["folder"] == "Family"]
        self.assertEqual(len(left), 2)
        self.assertIn(int(flagged), [row["uid"] for row in left])


class UndoWithoutMove(Undo):
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR UIDPLUS "
                               "MULTIAPPEND NAMESPACE UNSELECT"}

    def mark(self, folder, *uids):
        """The user marks them as deleted, and does not expunge."""
        client = self.server.connect(self.user)
        client.select(folder)
        client.uid("STORE", ",".join(map(str, uids)), "+FLAGS", r"(\Deleted)")
        client.logout()

    def marked(self):
        return sorted((row["folder"], row["sha256"]) for row in self.server.dump(self.user)
                      if r"\Deleted" in row["flags"])

    def inbox(self, folder):
        """UIDs in INBOX of what is at home in that folder."""
        at_home = {hashlib.sha256(mail.data).hexdigest() for mail in self.life.mails
                   if mail.folder == folder and mail.data not in self.life.local_only}
        return [row["uid"] for row in self.before
                if row["folder"] == "INBOX" and row["sha256"] in at_home]

    def test_marks_of_before_survive(self):
        only_there = [row["uid"] for row in self.before if row["message_id"] == "<n3@s>"]
        self.mark("INBOX", *only_there, self.inbox("INBOX")[0], *self.inbox("Work")[:2])
        self.before = self.server.dump(self.user)
        self.assertEqual(len(self.marked()), 4)
        self.run_it("--file", "move")
        self.undo()
        self.assertAsBefore(uids=False)

    def test_marks_on_what_was_moved_survive(self):
        self.run_it("--file", "move")
        moved = [row["uid"] for row in self.server.dump(self.user) if row["folder"] == "Family"]
        self.mark("Family", *moved[:2])
        marked = {digest for _, digest in self.marked()}
        self.assertEqual(len(marked), 2)
        self.undo(status=None)
        self.assertEqual({digest for _, digest in self.marked()}, marked)
        self.assertEqual(sorted(row["sha256"] for row in self.server.dump(self.user)),
                         sorted(row["sha256"] for row in self.before))

    def test_marks_in_the_middle_survive(self):
        """The user marks an original when it has been copied and is not yet taken away; ours are
        there, too, when the run dies."""
        theirs = self.inbox("Family")[:2]
        self.run_dying("file-stored:1")
        self.mark("INBOX", *theirs)
        marked = self.marked()
        self.run_dying("file-before-expunge:1")
        self.assertGreater(len(self.marked()), len(marked))
        self.undo(run="2")
        self.undo(run="1")
        self.assertEqual(self.marked(), marked)
        for row in self.before:
            if row["uid"] in theirs:
                row["flags"] = sorted([*row["flags"], r"\Deleted"])
        self.assertAsBefore(uids=False)

    def run_dying(self, fault):
        self.run_to_server("run", self.source, "--file", "move", status=rig.FAULT,
                           env={"MAILHOIST_FAULT": fault, "MAILHOIST_HURRY": "1"})


class UndoWithoutUidplus(rig.ServerTest):
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ NAMESPACE UNSELECT"}

    def test_nothing_is_changed(self):
        life = popbox.Leftovers(messages=20)
        life.write(maildir=self.folder / "maildir")
        to = ["--to", self.server.plain_url(self.user), "--state", self.state]
        self.run_to_server_plain("run", self.folder / "maildir", *to)
        before = self.server.dump(self.user)
        result = self.run_to_server_plain("undo", "1", "--state", self.state,
                                          status=rig.UNAVAILABLE)
        self.assertIn("UIDPLUS", result.err)
        self.assertEqual(self.server.dump(self.user), before)

    def run_to_server_plain(self, *arguments, status=rig.OK):
        return self.hoist(*arguments, password=self.server.password, status=status)


class MoveAfterCopy(Undo):
    """Who has copied first, to be careful, and then wants to move."""
    test_after_copies = test_after_moves = test_and_run_again = None
    test_what_was_changed_since_stays = None

    def setUp(self):
        super().setUp()
        self.run_it("--file", "copy", "--flags", "local")
        self.copied = self.server.dump(self.user)

    def inbox(self):
        return {row["sha256"]: row for row in self.server.dump(self.user) if row["folder"] == "INBOX"}

    def notices(self):
        report = json.loads(self.hoist("report", "--format", "json", "--state", self.state).out)
        self.assertTrue(report["balance"]["adds_up"])
        return {notice["kind"]: notice["count"] for notice in report["notices"]}

    def leaving(self):
        """What the copies have made needless in INBOX."""
        stays = {row["sha256"] for row in self.life.expected(moved=True) if row["folder"] == "INBOX"}
        return set(self.inbox()) - stays

    def test_the_originals_go(self):
        leaving = self.leaving()
        self.assertGreater(len(leaving), 20)
        self.run_to_server("plan", self.source, "--file", "move")
        self.assertEqual(self.notices()["originals-left"], len(leaving))
        self.assertEqual(self.server.dump(self.user), self.copied, "a plan changes nothing")
        self.run_it("--file", "move", "--flags", "local")
        self.assertEqual(self.notices()["originals-removed"], len(leaving))
        self.assertEqual(self.server.dump(self.user),
                         [row for row in self.copied
                          if row["folder"] != "INBOX" or row["sha256"] not in leaving])
        page = self.hoist("report", "--cleanup", "--state", self.state).out
        self.assertIn(f"still holds: {len(self.inbox())} messages", page)
        self.run_it("--file", "move", "--flags", "local")
        self.assertNotIn("originals-removed", self.notices())

    def test_a_saved_plan_does_the_same(self):
        leaving = self.leaving()
        self.run_to_server("plan", self.source, "--file", "move")
        self.hoist("apply", "2", *self.to(), password=self.server.password)
        self.assertEqual(len(self.inbox()), len({row["sha256"] for row in self.copied
                                                 if row["folder"] == "INBOX"} - leaving))

    def test_and_come_back(self):
        leaving = self.leaving()
        self.run_it("--file", "move", "--flags", "local")
        after = self.server.dump(self.user)
        foretold = self.undo("--dry-run", run="2").out
        self.assertEqual(self.server.dump(self.user), after)
        done = self.undo(run="2").out
        self.assertEqual(re.findall(r"\d+  messages", foretold), re.findall(r"\d+  messages", done))
        self.assertIn(f"{len(leaving)}  messages were copied back into INBOX", done)
        self.assertEqual(self.rows(self.server.dump(self.user), uids=False),
                         self.rows(self.copied, uids=False))
        self.undo(run="1")
        self.assertAsBefore(uids=False)

    def test_the_first_run_is_taken_back(self):
        """The copy is all there is: it goes back as it was."""
        self.run_it("--file", "move", "--flags", "local")
        self.undo(run="1")
        self.assertEqual({row["sha256"] for row in self.server.dump(self.user)},
                         {row["sha256"] for row in self.before})

    def test_what_is_not_as_it_was_stays(self):
        """An original whose copy the user has removed, and one that he has marked."""
        lonely, marked = sorted(self.leaving())[:2]
        client = self.server.connect(self.user)
        for row in self.copied:
            if (row["sha256"], row["folder"] == "INBOX") in ((lonely, False), (marked, True)):
                client.select('"%s"' % row["folder"])
                client.uid("STORE", str(row["uid"]), "+FLAGS.SILENT", r"(\Deleted)")
                if row["sha256"] == lonely:
                    client.uid("EXPUNGE", str(row["uid"]))
        client.logout()
        gone = self.leaving() - {lonely, marked}
        before = self.server.dump(self.user)
        self.run_it("--file", "move", "--flags", "local")
        self.assertEqual(self.server.dump(self.user),
                         [row for row in before
                          if row["folder"] != "INBOX" or row["sha256"] not in gone])

    def test_without_the_journal_nothing_goes(self):
        self.state = self.folder / "another machine"
        self.run_it("--file", "move", "--flags", "server")
        self.assertEqual(self.server.dump(self.user), self.copied)


class Incomplete(rig.ServerTest):
    """Thunderbird fetched only the beginnings: the server's whole messages are filed in their place."""
    server_options = {"extra": "ssl = no"}
    HEAD = (b"From: a@b.example\r\nTo: reader@home.example\r\nSubject: long %d\r\n"
            b"Date: Mon, 1 Mar 2004 09:00:00 +0000\r\nMessage-ID: <long%d@b.example>\r\n")
    LINES = [b"line %d of a long message\r\n" % n for n in range(400)]

    def setUp(self):
        super().setUp()
        self.profile = self.folder / "pop.example.org"
        self.profile.mkdir()
        (self.profile / "Inbox").write_bytes(b"")
        (self.profile / "Inbox.msf").write_bytes(b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
        (self.profile / "popstate.dat").write_bytes(b"# POP3 State File\n*pop.example.org me\n")
        self.work = b""

    def whole(self, number):
        return self.HEAD % (number, number) + b"\r\n" + b"".join(self.LINES)

    def stub(self, number, lines=20, mark=0x401, text=None):
        head = (self.HEAD % (number, number)).replace(b"\r\n", b"\n")
        body = b"".join(text or self.LINES[:lines]).replace(b"\r\n", b"\n")
        self.work += (b"From - Mon Mar  1 10:00:00 2004\nX-Mozilla-Status: %04x\n"
                      b"X-Mozilla-Status2: 00000000\n" % mark + head + b"\n" + body + b"\n")

    def run_it(self, *options):
        (self.profile / "Work").write_bytes(self.work)
        (self.profile / "Work.msf").write_bytes(b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
        self.hoist("run", f"thunderbird:{self.profile}", *options, "--to",
                   self.server.plain_url(self.user), "--state", self.state,
                   password=self.server.password)
        return [(row["folder"], row["data"]) for row in self.server.dump(self.user, content=True)]

    def test_the_whole_one_is_filed(self):
        self.server.append(self.user, "INBOX", self.whole(1))
        self.server.append(self.user, "INBOX", self.whole(2))
        self.stub(1)
        self.stub(2, lines=0)
        found = self.run_it()
        self.assertEqual(sorted(found), sorted([("INBOX", self.whole(1)), ("INBOX", self.whole(2)),
                                                ("Work", self.whole(1)), ("Work", self.whole(2))]))
        self.assertEqual(self.run_it(), found, "a second run has nothing to do")

    def test_one_that_the_server_has_not(self):
        self.stub(3)
        self.assertEqual(self.run_it(), [])
        found = self.run_it("--include-partial")
        self.assertEqual([folder for folder, _ in found], ["Work"])

    def test_another_message_is_not_filed_in_its_place(self):
        """Its beginning is another, whatever its Message-ID says."""
        self.server.append(self.user, "INBOX", self.whole(4))
        self.stub(4, text=[b"quite another beginning\r\n"] * 20)
        self.assertEqual(self.run_it(), [("INBOX", self.whole(4))])


class FilingWithoutMove(Filing):
    """COPY, then \\Deleted and UID EXPUNGE of exactly the originals."""
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR UIDPLUS MULTIAPPEND "
                               "NAMESPACE UNSELECT SPECIAL-USE"}

    def copies(self, how):
        return True

    def test_others_marks_are_left_alone(self):
        client = self.server.connect(self.user)
        client.select("INBOX")
        uid = client.uid("SEARCH", "SUBJECT", '"only there 3"')[1][0].decode()
        client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
        client.logout()
        self.run_it("--file", "move")
        self.assertIn(int(uid), [row["uid"] for row in self.account() if row["folder"] == "INBOX"])


class FilingWithoutUidplus(Filing):
    """What cannot be taken away is copied; what was copied where, the index tells."""
    server_options = {"extra": "ssl = no\nimap_capability = IMAP4rev1 LITERAL+ SASL-IR NAMESPACE UNSELECT"}

    can_move = False

    def copies(self, how):
        return True

    def test_moves(self):
        result = self.run_it("--file", "move")
        self.assertMailboxes(self.life.expected(), self.account())
        self.assertIn("copied, not moved", result.out)
