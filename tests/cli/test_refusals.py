"""A server that keeps some of what it has to itself."""
import fakeserver
import rig

HEAD = b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: %d\r\nMessage-ID: <%d@b.example>\r\n\r\n"
BODY = b"text\r\n"


class Hoard:
    """An INBOX of messages, some of which cannot be fetched."""
    def __init__(self, messages, broken=(), expunging=0):
        self.messages, self.broken, self.expunging = messages, broken, expunging

    def fetch(self, line, uids, items):
        if self.expunging > 0:
            self.expunging -= 1
            return "NO [EXPUNGEISSUED] some of them are gone"
        for uid in uids:
            if uid in self.broken and "FIELDS" not in items:
                return "NO [SERVERBUG] Internal error occurred"
            head = HEAD % (uid, uid)
            if "FIELDS" in items:
                line.raw(b"* %d FETCH (UID %d FLAGS () INTERNALDATE \"01-Mar-2004 09:00:00 +0000\" "
                         b"RFC822.SIZE %d BODY[HEADER.FIELDS (FROM)] {%d}\r\n%s)\r\n" %
                         (uid, uid, len(head + BODY), len(head), head))
            else:
                name = b"TEXT" if "TEXT" in items else b"HEADER" if "HEADER" in items else b""
                data = {b"TEXT": BODY, b"HEADER": head, b"": head + BODY}[name]
                line.raw(b"* %d FETCH (UID %d BODY[%s] {%d}\r\n%s)\r\n" %
                         (uid, uid, name, len(data), data))
        return "OK"

    def uids(self, text):
        for part in text.split(","):
            first, _, last = part.partition(":")
            last = self.messages if last == "*" else int(last or first)
            yield from range(int(first), last + 1)

    def answer(self, line, command):
        if command.name == "LIST" and command.rest.endswith('"*"'):
            line.say('* LIST () "/" INBOX')
        elif command.name == "STATUS":
            line.say(f"* STATUS INBOX (UIDVALIDITY 7 UIDNEXT {self.messages + 1} "
                     f"MESSAGES {self.messages})")
        elif command.name == "EXAMINE" and "INBOX" in command.rest:
            line.say(f"* {self.messages} EXISTS", "* OK [UIDVALIDITY 7] x")
        elif command.name == "UID":
            _, uids, items = command.rest.split(" ", 2)
            return self.fetch(line, list(self.uids(uids)), items)
        elif command.name == "CAPABILITY":
            line.say("* CAPABILITY IMAP4rev1")
        return "OK"

    def __call__(self, line):
        line.say("* OK ready")
        while command := line.hear():
            line.say(f"{command.tag} {self.answer(line, command)}"
                     .replace(" OK", " OK done"))


class Refusals(rig.ProgramTest):
    def plan(self, hoard, status):
        maildir = self.folder / "INBOX"
        for sub in ("cur", "new", "tmp"):
            (maildir / sub).mkdir(parents=True)
        for uid in range(1, hoard.messages + 1):
            (maildir / "cur" / f"10781352{uid:02}.M1P1.h:2,").write_bytes(HEAD % (uid, uid) + BODY)
        with fakeserver.FakeServer(hoard) as server:
            return self.hoist("plan", maildir, "--to", f"imap://u@127.0.0.1:{server.port}",
                              "--allow-plaintext", "--format", "jsonl", "--state", self.state,
                              password="secret", status=status)

    def test_one_message_that_cannot_be_fetched(self):
        """It is undecided; the others are compared all the same."""
        result = self.plan(Hoard(messages=5, broken={3}), status=111)
        self.assertEqual(result.out.count('"action":"present"'), 4, str(result))
        self.assertEqual(result.out.count('"reason":"undecided"'), 1, str(result))

    def test_messages_that_are_expunged_meanwhile(self):
        result = self.plan(Hoard(messages=5, expunging=2), status=rig.OK)
        self.assertEqual(result.out.count('"action":"present"'), 5, str(result))
