"""`mailhoist check`: looking at an account, and trying things in a scratch folder that is removed."""
import json
import os
import re
import signal
import subprocess

import rig
from memserver import Hangup, MemServer, Refuse, wait_for

MARK = "mailhoist-probe-"
READING = {"CAPABILITY", "LOGIN", "LIST", "STATUS", "EXAMINE", "UNSELECT", "LOGOUT", "GETQUOTAROOT",
           "NAMESPACE", "ID"}


def unquoted(text):
    match = re.match(r'"((?:[^"\\]|\\.)*)"|(\S+)', text)
    return re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2]


class Account(MemServer):
    """With quota, DELETE, and names of any kind."""
    capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS UNSELECT QUOTA APPENDLIMIT=20000000"
    used = 100  # KiB of 1,000

    def __init__(self):
        super().__init__()
        self.put("INBOX", b"Subject: mine\r\n\r\nmine\r\n")
        self.put("Sent", b"Subject: sent\r\n\r\nsent\r\n", ["\\Seen"])

    def picture(self):
        return {name: [(m.uid, m.data, m.flags) for m in folder.messages]
                for name, folder in self.folders.items()}

    def do_getquotaroot(self, line, command):
        line.say('* QUOTAROOT "INBOX" ""', f'* QUOTA "" (STORAGE {self.used} 1000)')

    def do_create(self, line, command):
        name = unquoted(command.rest)
        if name in self.folders:
            raise Refuse("[ALREADYEXISTS] it exists already")
        self.make(name)

    def do_delete(self, line, command):
        name = unquoted(command.rest)
        if any(other.startswith(name + "/") for other in self.folders):
            raise Refuse("[HASCHILDREN] no")
        if self.folders.pop(name, None) is None:
            raise Refuse("[NONEXISTENT] no")

    def folder(self, rest):
        name = unquoted(rest)
        if name not in self.folders:
            raise Refuse("[TRYCREATE] no such folder")
        return name, self.folders[name]

    def do_list(self, line, command):
        names = re.findall(r'"((?:[^"\\]|\\.)*)"', command.rest)
        if names[-1] == "":
            line.say('* LIST (\\Noselect) "/" ""')
            return
        wanted = re.sub(r"\\(.)", r"\1", names[-1])
        for name, folder in list(self.folders.items()):
            if wanted == "*" or wanted == name:
                quoted = name.replace("\\", "\\\\").replace('"', '\\"')
                line.say(f'* LIST ({folder.attributes}) "/" "{quoted}"')


class Check(rig.ProgramTest):
    def check(self, server, *options, status=rig.OK, **more):
        return self.hoist("check", "--to", server.url(), "--state", self.state, *options,
                          password="x", status=status, **more)

    def trials(self, server, *options, **more):
        found = json.loads(self.check(server, "--probe", "--format", "json", *options, **more).out)
        return {trial["trial"]: trial for trial in found["trials"]}

    def scratch(self, server):
        return [name for name in server.folders if MARK in name]


class Looking(Check):
    def test_changes_nothing_and_says_nothing_that_could(self):
        with Account() as server:
            before = server.picture()
            self.check(server)
            self.assertEqual(server.picture(), before)
            self.assertLessEqual({command.name for command in server.heard}, READING)
        self.assertFalse(self.state.exists(), "no journal is begun")

    def test_tells_the_facts(self):
        with Account() as server:
            found = json.loads(self.check(server, "--format", "json").out)
            text = self.check(server).out
        self.assertEqual(found["limits"]["message_octets"], 20000000)
        self.assertEqual((found["quota"]["octets_used"], found["quota"]["octets_limit"]),
                         (102400, 1024000))
        self.assertEqual(found["messages"], 2)
        self.assertEqual(found["separator"], "/")
        self.assertIn({"name": "Sent", "role": "sent"}, found["folders"])
        self.assertIn("LITERAL+", found["capabilities"])
        self.assertIs(found["keywords"], True)
        self.assertIsNone(found["tls"])
        self.assertIsNone(found["trials"])
        self.assertIsNone(found["obstacle"])
        for words in ("messages up to 20.0 MB", "102.4 kB of 1.0 MB used, 921.6 kB free",
                      "sent: Sent", "yes MULTIAPPEND", "no  MOVE", "without TLS",
                      "Nothing stands in the way"):
            self.assertIn(words, text)

    def test_profile_and_its_advice(self):
        with Account() as server:
            text = self.check(server, "--profile", "exchange").out
        self.assertIn("profile: exchange", text)
        self.assertIn("240 messages a minute", text)
        self.assertIn("keeps no tags", text)
        self.assertIn("refuses messages with lines over 9900 octets (--repair long-lines)", text)

    def test_full_account(self):
        with Account() as server:
            server.used = 1000
            result = self.check(server, status=rig.QUOTA)
        self.assertIn("the account is full", result.out)

    def test_words_of_the_server_are_harmless(self):
        class Painter(Account):
            greeting = "* OK \x1b[31mready"
        with Painter() as server:
            self.assertNotIn("\x1b", self.check(server, "--verbose").out)


class Probing(Check):
    def test_leaves_the_account_as_it_was(self):
        with Account() as server:
            before = server.picture()
            trials = self.trials(server)
            self.assertEqual(server.picture(), before)
            deleted = [unquoted(command.rest) for command in server.commands("DELETE")]
        self.assertTrue(deleted)
        self.assertTrue(all(name.startswith(MARK) for name in deleted), deleted)
        for name in ("create", "append", "date", "flags", "keywords", "nul", "header-8bit",
                     "header-missing", "long-line", "multiappend", "appenduid", "name-letters",
                     "name-dot", "name-deep"):
            self.assertEqual(trials[name]["verdict"], "good", trials[name])
        self.assertNotIn("nul-literal8", trials, "there is no BINARY")

    def test_a_server_that_dates_mail_itself(self):
        """That says nothing of its flags."""
        class Dating(Account):
            def store(self, folder, data, flags, date):
                return folder.add(data, flags, "22-Nov-2020 18:00:00 +0000")

        with Dating() as server:
            trials = self.trials(server)
            text = self.check(server, "--probe").out
        self.assertEqual({name for name, trial in trials.items() if trial["verdict"] != "good"},
                         {"date", "date-old"})
        self.assertIn("messages will not keep their dates of arrival", text)
        self.assertNotIn("tags of messages", text)

    def test_put_off_for_good(self):
        """What was not looked at is neither good nor refused."""
        class Busy(Account):
            count = 0

            def check_append(self, line, folder, size, flags, plain):
                self.count += 1
                if self.count > 3:
                    raise Refuse("Request is throttled. Suggested Backoff Time: 10 milliseconds")

        with Busy() as server:
            trials = self.trials(server)
        self.assertEqual((trials["append"]["verdict"], trials["long-line"]["verdict"]), ("good", "unknown"))

    def test_says_what_it_does(self):
        with Account() as server:
            self.assertIn("trying messages", self.check(server, "--probe").err)

    def test_below_the_prefix_if_it_is_there(self):
        with Account() as server:
            server.make("Old mail")
            url = server.url() + "/Old%20mail"
            self.hoist("check", "--to", url, "--probe", "--state", self.state, password="x")
            created = unquoted(server.commands("CREATE")[0].rest)
            self.assertTrue(created.startswith("Old mail/" + MARK), created)
            self.hoist("check", "--to", server.url() + "/Nowhere", "--probe", "--state", self.state,
                       password="x")
            self.assertNotIn("Nowhere", server.folders)
            self.assertEqual(self.scratch(server), [])

    def test_tells_what_is_refused_and_what_is_changed(self):
        class Strict(Account):
            def accept_message(self, folder, data):
                if b"\0" in data:
                    raise Refuse("Message contains NUL characters")
                if any(len(line) > 9900 for line in data.split(b"\r\n")):
                    raise Refuse("Command Argument Error. 11", "BAD")
                head, blank, body = data.partition(b"\r\n\r\n")
                return bytes(0x58 if c > 127 else c for c in head) + blank + body

            def do_create(self, line, command):
                if "~" in command.rest:
                    raise Refuse("[CANNOT] Begins with '~'")
                super().do_create(line, command)

        with Strict() as server:
            trials = self.trials(server)
            text = self.check(server, "--probe").out
            self.assertEqual(self.scratch(server), [])
        self.assertEqual((trials["nul"]["verdict"], trials["nul"]["text"]),
                         ("refused", "Message contains NUL characters"))
        self.assertEqual(trials["header-8bit"]["verdict"], "changed")
        self.assertIn("from FC to 58", trials["header-8bit"]["text"])
        self.assertEqual(trials["body-8bit"]["verdict"], "good")
        self.assertEqual(trials["long-line"]["verdict"], "refused")
        self.assertEqual(trials["name-tilde"]["verdict"], "refused")
        self.assertEqual(trials["name-letters"]["verdict"], "good")
        self.assertIn("messages with NUL octets will be refused", text)

    def test_flags_and_dates_that_get_lost(self):
        class Forgetful(Account):
            def stored(self, line, folder, messages):
                for message in messages:
                    message.flags &= {"\\Seen"}
                    message.date = "01-Jan-2001 00:00:00 +0000"
                return super().stored(line, folder, messages)

        with Forgetful() as server:
            trials = self.trials(server)
        self.assertIn("2001-01-01", trials["date"]["text"])
        self.assertIn("\\Flagged is lost", trials["flags"]["text"])
        self.assertNotIn("\\Seen", trials["flags"]["text"])
        self.assertIn("$Forwarded is lost", trials["keywords"]["text"])

    def test_large_messages_are_announced_only(self):
        class Limited(Account):
            def do_append(self, line, command):
                size = int(re.search(r"\{(\d+)\+?\}$", command.rest)[1])
                if size > 30000000:
                    raise Refuse("[TOOBIG] too large")
                return super().do_append(line, command)

        with Limited() as server:
            trials = self.trials(server)
        self.assertIn("up to 25.0 MB", trials["size"]["text"])
        self.assertIn("too large", trials["size"]["text"])

    def test_server_that_hangs_up_on_some(self):
        class Touchy(Account):
            def accept_message(self, folder, data):
                if b"\0" in data:
                    raise Hangup
                return data

        with Touchy() as server:
            trials = self.trials(server)
            self.assertEqual(self.scratch(server), [])
        self.assertEqual(trials["line"]["verdict"], "refused")
        self.assertEqual(trials["name-deep"]["verdict"], "good", "it goes on behind it")

    def test_gmail_keeps_messages_so_none_is_sent(self):
        class Gmail(Account):
            capabilities = Account.capabilities + " X-GM-EXT-1"

        with Gmail() as server:
            trials = self.trials(server)
            self.assertEqual(server.commands("APPEND"), [])
            self.assertEqual(self.scratch(server), [])
        self.assertEqual(trials["append"]["verdict"], "unknown")

    def test_no_folder_can_be_made(self):
        class Closed(Account):
            words = "[NOPERM] no"

            def do_create(self, line, command):
                raise Refuse(self.words)

        with Closed() as server:
            result = self.check(server, "--probe", status=rig.UNAVAILABLE)
            self.assertIn("no folder can be made", result.out)
            server.words = "Quota exceeded"
            self.check(server, "--probe", status=rig.QUOTA)

    def test_no_message_can_be_uploaded(self):
        class Closed(Account):
            def accept_message(self, folder, data):
                raise Refuse("Over quota")

        with Closed() as server:
            self.check(server, "--probe", status=rig.QUOTA)
            self.assertEqual(self.scratch(server), [])


class Interrupted(Check):
    """Whatever a probe leaves, the next one takes away; and nothing else."""

    def test_killed_at_each_step(self):
        for fault in ("probe-noted", "probe-made", "probe-remove:1", "probe-remove:5"):
            with self.subTest(fault), Account() as server:
                self.state = self.folder / fault
                before = server.picture()
                name, _, number = fault.partition(":")
                self.check(server, "--probe", status=rig.FAULT,
                           env={"MAILHOIST_FAULT": f"{name}:{number or 1}"})
                if name != "probe-noted":
                    self.assertTrue(self.scratch(server))
                found = json.loads(self.check(server, "--format", "json").out)
                self.assertRegex(" ".join(found["advice"]), MARK)
                self.check(server, "--probe")
                self.assertEqual(server.picture(), before)
                self.assertNotIn(MARK, self.check(server).out)

    def test_folder_of_somebody_else_with_such_a_name(self):
        with Account() as server:
            server.put(MARK + "0123456789abcdef", b"Subject: not ours\r\n\r\nx\r\n")
            before = server.picture()
            self.check(server, "--probe")
            self.assertEqual(server.picture(), before)

    def test_signal(self):
        class Slow(Account):
            def accept_message(self, folder, data):
                if b"NUL" in data:
                    program.send_signal(signal.SIGINT)
                return data

        with Slow() as server:
            before = server.picture()
            program = subprocess.Popen(
                [rig.PROGRAM, "check", "--to", server.url(), "--probe", "--state", self.state],
                env=os.environ | {"MAILHOIST_PASSWORD": "x"}, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            program.communicate(timeout=60)
            self.assertEqual(program.returncode, 128 + signal.SIGINT)
            self.assertTrue(wait_for(lambda: server.picture() == before))

    def test_server_that_keeps_the_folder(self):
        class Keeper(Account):
            keeps = True

            def do_delete(self, line, command):
                if self.keeps:
                    raise Refuse("[NOPERM] it stays")
                return super().do_delete(line, command)

        with Keeper() as server:
            before = server.picture()
            result = self.check(server, "--probe", status=rig.TEMPFAIL)
            self.assertIn("could not be removed", result.out)
            server.keeps = False
            self.check(server, "--probe")
            self.assertEqual(server.picture(), before)

    def test_line_is_lost_for_good(self):
        class Gone(Account):
            gone = False

            def accept_message(self, folder, data):
                self.gone = True
                raise Hangup

            def do_login(self, line, command):
                if self.gone:
                    raise Hangup
                return super().do_login(line, command)

        with Gone() as server:
            before = server.picture()
            result = self.check(server, "--probe", status=None)
            self.assertIn(result.status, (rig.CONNECT, rig.TEMPFAIL), str(result))
            self.assertIn("is still there", result.err)
            Gone.do_login, Gone.accept_message = Account.do_login, Account.accept_message
            self.check(server, "--probe")
            self.assertEqual(server.picture(), before)
