"""What providers do beside storing mail: they put off, count connections, and make one message of
two. The whole of mail and folder names is in test_matrix.py."""
import json

import nasty_mail
import providers
import rig
from memserver import Refuse

THROTTLED = Refuse("Request is throttled. Suggested Backoff Time: 30 milliseconds", "BAD")


class Providers(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        self.store = nasty_mail.Store(self.source)

    def add(self, *paths):
        for path in paths:
            n = len(self.store.rows)
            self.store.add(path, nasty_mail.head(n) + b"\nmessage %d\n" % n)

    def run_to(self, server, *options, command="run", status=rig.OK):
        server.begin()
        sources = [self.source] if command != "undo" else []
        return self.hoist(command, *sources, "--to", server.url(), "--state", self.state,
                          *options, password="hoist-test-secret", status=status,
                          env={"MAILHOIST_HURRY": "1"})

    def balance(self, server, *options, status=rig.OK):
        result = self.run_to(server, "--format", "json", "--max-rate", "1000msg", *options, status=status)
        return result, json.loads(result.out)

    def test_any_command_may_be_put_off(self):
        """Each command once: nothing is taken for refused because of that, and no name for bad."""
        class Moody(providers.Exchange):
            throttle_after = 0

            def __init__(self):
                super().__init__()
                self.told = set()

            def count(self, line, command):
                name = command.name + (" FETCH" if command.rest.startswith("FETCH") else "")
                if line.capabilities == self.capabilities and name not in self.told | {"LOGOUT", "NOOP"}:
                    self.told.add(name)
                    line.put_off = True

            def do(self, line, command):
                if line.__dict__.pop("put_off", False):
                    raise THROTTLED

        self.add(("New",), ("Other", "below"), ())
        with Moody() as server:
            server.put("INBOX", nasty_mail.canonical(nasty_mail.head(0) + b"\nmessage 0\n"))
            result, report = self.balance(server)
            self.assertEqual(sorted(server.account()), ["INBOX", "New", "Other/below"], str(result))
            self.assertEqual(report["renamed"], [])
            self.assertNotIn("folder-blind", result.out)
            self.assertLessEqual({"LIST", "STATUS", "EXAMINE", "CREATE", "UID FETCH"}, server.told)

    def test_a_probe_tells_rewriting_from_damage(self):
        """All that comes back has other header fields; and it is put off in the midst of it."""
        class Moody(providers.Exchange):
            throttle_after = 12

        with Moody() as server:
            found = json.loads(self.hoist("check", "--to", server.url(), "--state", self.state, "--probe",
                                          "--format", "json", password="x").out)
            self.assertTrue(server.throttled)
        trials = {trial["trial"]: trial for trial in found["trials"]}
        self.assertEqual(trials["append"]["text"], "header fields are rewritten, the body is the same")
        for name in ("header-utf8", "header-8bit", "body-8bit", "nul", "controls", "header-missing",
                     "header-invalid"):
            self.assertEqual(trials[name]["verdict"], "good", trials[name])
        for name in "long-line", "long-header":
            self.assertEqual(trials[name]["text"], "Command Argument Error. 11")
        self.assertFalse([advice for advice in found["advice"] if "damage" in advice or "NUL" in advice])

    def test_what_is_too_large_is_told_with_the_limit(self):
        class Small(providers.Strato):
            before = providers.Strato.before.replace("=104857600", "=2000")
            capabilities = providers.Strato.capabilities.replace("=104857600", "=2000")

        self.add(())
        for n in 7, 8:
            self.store.add((), nasty_mail.head(n) + b"\n" + b"large\n" * 500)
        with Small() as server:
            for command in "plan", "run":
                result = self.run_to(server, command=command, status=rig.REFUSED)
                self.assertIn("messages larger than the 2.0 kB that the server takes: refused (2)", result.out)

    def test_lines_that_exchange_refuses(self):
        """The plan tells it, and so does the refusal; a repair is told by its name."""
        self.add(())
        self.store.add((), nasty_mail.head(7) + b"\n" + b"long " * 2200 + b"\n")
        words = ("messages with lines over 998 octets: Outlook.com or Exchange refuses those with lines "
                 "over 9900 (--repair long-lines mends what it refuses)")
        with providers.Exchange() as server:
            self.assertIn(words, self.run_to(server, command="plan").out)
            result = self.run_to(server, status=rig.REFUSED)
            self.assertIn(words, result.out)
            self.assertIn("it may be taken with --repair: long-lines", result.out)
            self.assertNotIn("long-lines mends", self.run_to(server, "--repair", "long-lines").out)
            self.assertEqual(len(server.bodies("INBOX")), 2)

    def test_put_off_for_good(self):
        """Patience has an end, and the run can go on later."""
        class Closed(providers.Gmail):
            def throttle(self, line):
                raise Refuse(*self.throttle_words)

        self.add((), ())
        with Closed() as server:
            result = self.run_to(server, status=rig.TEMPFAIL)
            self.assertIn("the server keeps putting us off", result.err)
            self.assertIn("exceeded command or bandwidth limits", result.err)
            self.assertRegex(result.err, r"waiting 1 s, until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, the server says")
        with providers.Gmail() as server:
            self.run_to(server)
            self.assertEqual(len(server.account()["INBOX"]), 2)

    def test_too_many_connections_are_no_wrong_password(self):
        """The reference has the words of each server; the first connection is one too many here."""
        class Full(providers.Bare):
            def do_login(self, line, command):
                raise self.refusal

        self.add(())
        for words in ("[LIMIT] Maximum number of connections from user+IP exceeded "
                      "(mail_max_userip_connections=3)", "Too many open connections (3 of 3 for alice)",
                      "[ALERT] Too many simultaneous connections. (Failure)",
                      "User is authenticated but not connected."):
            with self.subTest(words), Full() as server:
                server.refusal = Refuse(words)
                result = self.run_to(server, status=rig.TEMPFAIL)
                self.assertIn("too many connections", result.err)
                self.assertNotIn("refused the login", result.err)
                self.assertGreater(len(server.commands("LOGIN")), 1, "tried again")

    def test_many_that_are_alike(self):
        """Zimbra takes them for a program gone mad: equal in folder, date, flags and size."""
        class Single(providers.Zimbra):
            capabilities = providers.Zimbra.capabilities.replace("MULTIAPPEND ", "")

        for n in range(100, 180):
            self.store.add((), nasty_mail.head(1, message_id=False) + b"Message-ID: <%d@x>\n\nalike\n" % n)
        for kind in providers.Zimbra, Single:
            with self.subTest(kind.__name__), kind() as server:
                self.state = self.folder / kind.__name__
                result, report = self.balance(server)
                self.assertEqual(report["balance"]["uploaded"], 80, str(result))
                self.assertEqual(server.faults, [])

    def test_a_wrong_password_is_tried_once(self):
        class Strict(providers.Yahoo):
            def do_login(self, line, command):
                raise Refuse("[AUTHENTICATIONFAILED] LOGIN Invalid credentials")

        self.add(())
        with Strict() as server:
            result = self.run_to(server, status=rig.LOGIN)
            self.assertIn("app password", result.err)
            self.assertEqual(len(server.commands("AUTHENTICATE") + server.commands("LOGIN")), 1)

    def test_gmail_had_it_before(self):
        """It came while we were at work: one message, with its label; undo leaves it alone."""
        class Meanwhile(providers.Gmail):
            throttle_after = 0

            def check_append(self, line, folder, size, flags, plain):
                if not self.appended:
                    self.store(self.folders["INBOX"], self.early, {"\\Flagged"}, "02-Mar-2004 10:00:00 +0000")
                super().check_append(line, folder, size, flags, plain)

        self.add((), ())
        with Meanwhile() as server:
            server.early = self.store.rows[0]["data"]
            result, report = self.balance(server)
            self.assertEqual(len(server.bodies("INBOX")), 2, str(result))
            self.assertEqual(len(server.bodies(server.all_mail)), 2)
            self.assertIn("had-already", [notice["kind"] for notice in report["notices"]])
            result = self.run_to(server, str(report["run"]), command="undo", status=rig.REFUSED)
            self.assertIn("1  messages are left alone", result.out)
            self.assertEqual(server.bodies("INBOX"), [server.early])

    def test_gmail_makes_labels_of_folders(self):
        """One message in three folders is one message with three labels."""
        data = nasty_mail.head(1) + b"\nin three folders\n"
        for path in ((), ("Work",), ("Work", "Deep")):
            self.store.add(path, data)
        with providers.Gmail() as server:
            self.run_to(server)
            self.assertEqual(len(server.bodies(server.all_mail)), 1)
            message = server.folders[server.all_mail].messages[0]
            self.assertEqual(server.labels(message), ["INBOX", "Work", "Work/Deep"])
            server.store(server.folders["INBOX"], nasty_mail.canonical(nasty_mail.head(2) + b"\nother\n"), set(),
                         "01-Mar-2004 10:00:00 +0000")
            result, report = self.balance(server)
            self.assertEqual(report["balance"]["present"], 3, str(result))
            self.assertEqual(report["server_only"]["messages"], 1, "All Mail is not counted twice")

    def test_gmail_keeps_it_in_another_dress(self):
        """The same message as two programs have stored it, in one folder and in another one: it is there."""
        data = nasty_mail.head(1) + b"\nin three dresses\n"
        self.store.add((), data)
        self.store.add((), b"Delivered-To: ben@b.example\n" + data)
        self.store.add(("Work",), b"Return-Path: <ann@a.example>\nX-List: none\n" + data)
        self.store.add(("Work",), data.replace(b"dresses", b"bodies!"))
        with providers.Gmail() as server:
            result, report = self.balance(server, status=rig.REFUSED)
            self.assertEqual(len(server.bodies(server.all_mail)), 1)
            self.assertEqual(server.labels(server.folders[server.all_mail].messages[0]), ["INBOX", "Work"])
            self.assertEqual([row["text"] for row in report["refused"]],
                             ["the server keeps one message of each Message-ID, and has another than this one"])
            self.assertEqual(report["balance"]["uploaded"], 3, str(result))
            self.assertEqual(sum(notice["count"] for notice in report["notices"]
                                 if notice["kind"] == "had-already"), 2, str(report["notices"]))
            for state in self.state, self.folder / "another-machine":
                self.state = state
                result, report = self.balance(server, status=rig.REFUSED)
                balance = report["balance"]
                self.assertEqual((balance["uploaded"], balance["present"], balance["refused"]), (0, 3, 1), str(result))

    def test_gmail_files_from_all_mail(self):
        """What was archived there lies in All Mail alone: it gets the label, and is not sent."""
        self.add(("Work",))
        with providers.Gmail() as server:
            server.store(server.folders[server.all_mail], self.store.rows[0]["data"], {"\\Seen"},
                         "01-Mar-2004 10:00:00 +0000")
            result, report = self.balance(server)
            self.assertEqual((report["balance"]["filed"], report["balance"]["uploaded"]), (1, 0), str(result))
            message = server.folders[server.all_mail].messages[0]
            self.assertEqual(server.labels(message), ["Work"])
            self.assertEqual(server.commands("APPEND"), [])
