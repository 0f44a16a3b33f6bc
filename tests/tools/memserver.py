"""An IMAP server in memory, on loopback, for what no real server does when it is asked to: answers
that are lost, left out, or nonsense. It speaks IMAP4rev1 with what `capabilities` names, keeps folders
in dictionaries that the test may look at and change, and calls the hooks of its subclasses.

    class Forgetful(MemServer):
        def stored(self, line, folder, messages):   # an APPEND is done; say its answer
            raise Hangup                             # ... or lose it

    with Forgetful() as server:
        server.put("INBOX", b"Subject: x\\r\\n\\r\\ny\\r\\n")
"""
import re
import time

from fakeserver import FakeServer

LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
DATE = "01-Jan-2020 00:00:00 +0000"


class Hangup(Exception):
    """Close the connection now."""


class Refuse(Exception):
    """Answer NO (or BAD) with these words."""

    def __init__(self, words, status="NO"):
        super().__init__(words)
        self.words, self.status = words, status


class Message:
    def __init__(self, uid, data, flags=(), date=DATE):
        self.uid, self.data, self.flags, self.date = uid, data, set(flags), date
        self.modseq = 1


class Folder:
    def __init__(self, uidvalidity, attributes=""):
        self.uidvalidity, self.attributes = uidvalidity, attributes
        self.uidnext, self.messages, self.modseq = 1, [], 1

    def add(self, data, flags=(), date=DATE):
        message = Message(self.uidnext, data, flags, date)
        self.uidnext += 1
        self.messages.append(message)
        self.touch(message)
        return message

    def touch(self, message):
        self.modseq += 1
        message.modseq = self.modseq


class MemServer(FakeServer):
    capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS UNSELECT"
    greeting = "* OK ready"

    def __init__(self, certificate=None):
        super().__init__(self.talk, certificate)
        self.folders = {"INBOX": Folder(1)}
        self.next_validity = 2

    # ---- for tests ----

    def url(self):
        return f"imap://joe@127.0.0.1:{self.port}"

    def make(self, name, attributes=""):
        self.folders[name] = Folder(self.next_validity, attributes)
        self.next_validity += 1
        return self.folders[name]

    def put(self, name, data, flags=(), date=DATE):
        folder = self.folders.get(name) or self.make(name)
        return folder.add(data, flags, date)

    def bodies(self, name):
        return [message.data for message in self.folders[name].messages]

    def commands(self, name):
        return [command for command in self.heard if command.name == name]

    # ---- hooks ----

    def status_items(self, folder):
        items = {"MESSAGES": len(folder.messages), "UIDNEXT": folder.uidnext,
                 "UIDVALIDITY": folder.uidvalidity}
        if "CONDSTORE" in self.capabilities:
            items["HIGHESTMODSEQ"] = folder.modseq
        return items

    def accept_message(self, folder, data):
        """What is stored of an upload; may raise Refuse or Hangup."""
        return data

    def stored(self, line, folder, messages):
        """The response code of an APPEND that is done."""
        if "UIDPLUS" not in self.capabilities or not messages:
            return ""
        uids = str(messages[0].uid)
        if len(messages) > 1:
            uids += f":{messages[-1].uid}"
        return f"[APPENDUID {folder.uidvalidity} {uids}] "

    def fetch_item(self, message, item):
        """One item of a FETCH answer as bytes, or None to leave it out."""
        upper = item.upper()
        if upper == "UID":
            return b"UID %d" % message.uid
        if upper == "FLAGS":
            return b"FLAGS (" + " ".join(sorted(message.flags)).encode() + b")"
        if upper == "INTERNALDATE":
            return b'INTERNALDATE "' + message.date.encode() + b'"'
        if upper == "RFC822.SIZE":
            return b"RFC822.SIZE %d" % len(message.data)
        if upper.startswith("BODY"):
            return self.fetch_body(message, item)
        return None

    # ---- the protocol ----

    def talk(self, line):
        line.selected = None
        try:
            line.say(self.greeting)
            while command := self.command(line):
                self.answer(line, command)
        except Hangup:
            pass

    def command(self, line):
        """A command with its literals; those of APPEND stay in the stream."""
        command = line.hear()
        if command is None or command.name == "APPEND":
            return command
        rest = command.rest
        while match := re.search(r"\{(\d+)(\+?)\}$", rest):
            if not match[2]:
                line.say("+ go on")
            data = line.file.read(int(match[1])).decode("latin-1")
            rest = rest[:match.start()] + '"' + data + '"'
            rest += line.file.readline().decode("latin-1").rstrip("\r\n")
        return command._replace(rest=rest)

    def answer(self, line, command):
        method = getattr(self, "do_" + command.name.lower(), None)
        try:
            if method is None:
                raise Refuse("what?", "BAD")
            words = method(line, command) or "done"
            line.say(f"{command.tag} OK {words}")
        except Refuse as refusal:
            line.say(f"{command.tag} {refusal.status} {refusal.words}")
        if command.name == "LOGOUT":
            raise Hangup

    def do_capability(self, line, command):
        line.say(f"* CAPABILITY {self.capabilities}")

    def do_login(self, line, command):
        return f"[CAPABILITY {self.capabilities}] welcome"

    def do_noop(self, line, command):
        pass

    do_subscribe = do_noop

    def do_logout(self, line, command):
        line.say("* BYE")

    def do_list(self, line, command):
        names = re.findall(r'"((?:[^"\\]|\\.)*)"', command.rest)
        pattern = names[-1] if names else "*"
        if pattern == "":
            line.say('* LIST (\\Noselect) "/" ""')
            return
        wanted = re.compile(re.escape(pattern).replace(r"\*", ".*").replace("%", "[^/]*") + "$")
        for name, folder in self.folders.items():
            if wanted.match(name):
                line.say(f'* LIST ({folder.attributes}) "/" "{name}"')

    def folder(self, rest):
        name = re.match(r'"([^"]*)"|(\S+)', rest)
        name = name[1] if name[1] is not None else name[2]
        if name not in self.folders:
            raise Refuse("[TRYCREATE] no such folder")
        return name, self.folders[name]

    def do_status(self, line, command):
        name, folder = self.folder(command.rest)
        items = " ".join(f"{k} {v}" for k, v in self.status_items(folder).items())
        line.say(f'* STATUS "{name}" ({items})')

    def do_create(self, line, command):
        name = re.match(r'"?([^"]*)"?', command.rest)[1]
        if name in self.folders:
            raise Refuse("[ALREADYEXISTS] it exists already")
        self.make(name)

    def do_select(self, line, command):
        line.selected = None
        _, folder = self.folder(command.rest)
        line.selected = folder
        line.say(f"* {len(folder.messages)} EXISTS", f"* OK [UIDVALIDITY {folder.uidvalidity}]",
                 f"* OK [UIDNEXT {folder.uidnext}]",
                 "* OK [PERMANENTFLAGS (\\Seen \\Deleted \\Answered \\Flagged \\Draft \\*)]")

    do_examine = do_select

    def do_unselect(self, line, command):
        line.selected = None

    def chosen(self, folder, text):
        last = folder.messages[-1].uid if folder.messages else 0
        wanted = set()
        for part in text.split(","):
            first, _, end = part.partition(":")
            first = last if first == "*" else int(first)
            end = first if not end else last if end == "*" else int(end)
            wanted.update(range(min(first, end), min(max(first, end), folder.uidnext) + 1))
        return [m for m in folder.messages if m.uid in wanted]

    def do_uid(self, line, command):
        match = re.match(r"FETCH (\S+) \(((?:[^()]|\([^()]*\))*)\)(?: \(CHANGEDSINCE (\d+)\))?$",
                         command.rest, re.I)
        if not match or line.selected is None:
            raise Refuse("what?", "BAD")
        items = re.findall(r"BODY\S*\[[^]]*\](?:<[^>]*>)?|\S+", match[2])
        for message in self.chosen(line.selected, match[1]):
            if match[3] and message.modseq <= int(match[3]):
                continue
            parts = [self.fetch_item(message, item) for item in items]
            number = line.selected.messages.index(message) + 1
            line.raw(b"* %d FETCH (" % number + b" ".join(p for p in parts if p) + b")\r\n")

    def fetch_body(self, message, item):
        match = re.match(r"BODY(?:\.PEEK)?\[([^] ]*)(?: \(([^)]*)\))?\](?:<(\d+)\.(\d+)>)?", item, re.I)
        head, _, text = message.data.partition(b"\r\n\r\n")
        data = message.data
        if match[1].upper() == "HEADER":
            data = head + b"\r\n\r\n"
        elif match[1].upper() == "TEXT":
            data = text
        elif match[1].upper() == "HEADER.FIELDS":
            names = match[2].lower().encode().split()
            fields = re.findall(rb"[^\r\n]+(?:\r\n[ \t][^\r\n]*)*", head)
            data = b"".join(f + b"\r\n" for f in fields if f.split(b":")[0].lower() in names) + b"\r\n"
        name = item.replace(".PEEK", "").split("<")[0].encode()
        if match[4]:
            data = data[int(match[3]):int(match[3]) + int(match[4])]
            name += b"<%s>" % match[3].encode()
        return name + b" {%d}\r\n" % len(data) + data

    def do_append(self, line, command):
        rest = command.rest.encode("latin-1") + b"\r\n"
        name = re.match(rb'"([^"]*)"|(\S+)', rest)
        name = (name[1] or name[2]).decode()
        folder = self.folders.get(name)
        uploads, refusal = [], None
        while match := LITERAL.search(rest):
            if folder is None and not match[2]:
                break
            if not match[2]:
                line.say("+ go on")
            data = line.file.read(int(match[1]))
            if len(data) < int(match[1]):
                raise Hangup
            flags = re.search(rb"\(([^)]*)\)", rest)
            date = re.search(rb'"(\s?\d+-\w+-\d+ [^"]*)"', rest)
            uploads.append((data, flags[1].decode().split() if flags else (),
                            date[1].decode() if date else DATE))
            rest = line.file.readline()
        if folder is None:
            raise Refuse("[TRYCREATE] no such folder")
        kept = []
        for data, flags, date in uploads:
            kept.append((self.accept_message(folder, data), flags, date))
        messages = [folder.add(*each) for each in kept]
        return self.stored(line, folder, messages) + "done"


def wait_for(condition, seconds=10):
    """Until the condition holds; its last value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return value
