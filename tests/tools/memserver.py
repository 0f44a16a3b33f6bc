"""An IMAP server in memory, on loopback, for what no real server does when it is asked to: answers
that are lost, left out, or nonsense. It speaks IMAP4rev1 with what `capabilities` names, keeps folders
in dictionaries that the test may look at and change, and calls the hooks of its subclasses.
providers.py makes the servers of known providers of it.

    class Forgetful(MemServer):
        def stored(self, line, folder, messages):   # an APPEND is done; say its answer
            raise Hangup                             # ... or lose it

    with Forgetful() as server:
        server.put("INBOX", b"Subject: x\\r\\n\\r\\ny\\r\\n")
"""
import bisect
import re
import threading
import time

from fakeserver import FakeServer

LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
DATE = "01-Jan-2020 00:00:00 +0000"
ITEM = re.compile(r"BODY\S*\[[^]]*\](?:<[^>]*>)?|[^\s()]+")


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
    def __init__(self, uidvalidity, attributes="", name=""):
        self.uidvalidity, self.attributes, self.name = uidvalidity, attributes, name
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

    def chosen(self, text):
        """(sequence number, message) of each UID of the set."""
        last = self.messages[-1].uid if self.messages else 0
        found = {}
        for part in text.split(","):
            first, _, end = part.partition(":")
            first = last if first == "*" else int(first)
            end = first if not end else last if end == "*" else int(end)
            first, end = min(first, end), max(first, end)
            at = bisect.bisect_left(self.messages, first, key=lambda m: m.uid)
            while at < len(self.messages) and self.messages[at].uid <= end:
                found[at] = self.messages[at]
                at += 1
        return [(at + 1, found[at]) for at in sorted(found)]


def quote(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def take_string(text):
    """The astring at the front, and what follows it."""
    match = re.match(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s()]+))', text, re.S)
    if not match:
        raise Refuse("what?", "BAD")
    value = re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2]
    return value, text[match.end():].strip()


class MemServer(FakeServer):
    capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS UNSELECT"
    greeting = "* OK ready"
    before = None  # capabilities before the login; None: the same
    append_words = "done"
    separator = "/"
    permanent_flags = "\\Seen \\Deleted \\Answered \\Flagged \\Draft \\*"

    def __init__(self, certificate=None):
        super().__init__(self.talk, certificate)
        self.lock = threading.RLock()  # folders are changed by the threads of several connections
        self.folders = {"INBOX": Folder(1, name="INBOX")}
        self.next_validity = 2

    # ---- for tests ----

    def url(self):
        return f"imap://joe@127.0.0.1:{self.port}"

    def make(self, name, attributes=""):
        with self.lock:
            self.folders[name] = Folder(self.next_validity, attributes, name)
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

    def check_append(self, line, folder, size, flags, plain):
        """Before the literal is read; may raise Refuse or Hangup. `plain`: it comes unasked."""

    def accept_message(self, folder, data):
        """What is stored of an upload; may raise Refuse or Hangup."""
        return data

    def store(self, folder, data, flags, date):
        """Into the folder, as it lies there then."""
        return folder.add(data, flags, date)

    def stored(self, line, folder, messages):
        """The response code of an APPEND that is done."""
        if "UIDPLUS" not in self.capabilities or not messages:
            return ""
        uids = str(messages[0].uid)
        if len(messages) > 1:
            uids += f":{messages[-1].uid}"
        return f"[APPENDUID {folder.uidvalidity} {uids}] "

    def check_name(self, name):
        """Of a folder that is to be made; what it is called then. May raise Refuse."""
        return name

    def size_of(self, message):
        return len(message.data)

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
            return b"RFC822.SIZE %d" % self.size_of(message)
        if upper.startswith("BODY"):
            return self.fetch_body(message, item)
        return None

    # ---- the protocol ----

    def talk(self, line):
        line.selected, line.capabilities = None, self.before or self.capabilities
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
            rest = rest[:match.start()] + quote(data)
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
        line.say(f"* CAPABILITY {line.capabilities}")

    def do_login(self, line, command):
        return f"[CAPABILITY {self.capabilities}] welcome"

    def do_noop(self, line, command):
        pass

    do_subscribe = do_noop

    def do_logout(self, line, command):
        line.say("* BYE")

    def do_namespace(self, line, command):
        separator = quote(self.separator)
        line.say(f'* NAMESPACE (("" {separator})) NIL NIL')

    def do_list(self, line, command):
        rest = re.sub(r"^\([^)]*\) ", "", command.rest)  # selection options (RFC 5258)
        reference, rest = take_string(rest)
        pattern = reference + take_string(rest)[0]
        separator = quote(self.separator)
        if pattern == "":
            line.say(f'* LIST (\\Noselect) {separator} ""')
            return
        wanted = re.escape(pattern).replace(r"\*", ".*")
        wanted = wanted.replace("%", f"[^{re.escape(self.separator)}]*")
        wanted = re.compile(wanted + "$", re.S | (re.I if pattern.upper() == "INBOX" else 0))
        for name, folder in list(self.folders.items()):
            if wanted.match(name):
                line.say(f"* LIST ({folder.attributes}) {separator} {quote(name)}")

    def key(self, name):
        """The name of the folder that is meant."""
        head, *tail = name.split(self.separator)
        if head.upper() == "INBOX":
            return self.separator.join([self.inbox(), *tail])
        return name

    def inbox(self):
        return next(name for name in self.folders if name.upper() == "INBOX")

    def folder(self, rest):
        name = self.key(take_string(rest)[0])
        folder = self.folders.get(name)
        if folder is None or "noselect" in folder.attributes.lower():
            raise Refuse("[TRYCREATE] no such folder")
        return name, folder

    def do_status(self, line, command):
        name, folder = self.folder(command.rest)
        items = " ".join(f"{k} {v}" for k, v in self.status_items(folder).items())
        line.say(f"* STATUS {quote(name)} ({items})")

    def do_create(self, line, command):
        name = self.key(take_string(command.rest)[0].rstrip(self.separator))
        with self.lock:
            if name in self.folders:
                raise Refuse("[ALREADYEXISTS] it exists already")
            self.make(self.check_name(name))

    def do_delete(self, line, command):
        name, _ = self.folder(command.rest)
        del self.folders[name]

    def do_select(self, line, command):
        line.selected = None
        _, folder = self.folder(command.rest)
        line.selected = folder
        line.say(f"* {len(folder.messages)} EXISTS", f"* OK [UIDVALIDITY {folder.uidvalidity}]",
                 f"* OK [UIDNEXT {folder.uidnext}]",
                 f"* OK [PERMANENTFLAGS ({self.permanent_flags})]")

    do_examine = do_select

    def do_unselect(self, line, command):
        line.selected = None

    # ---- what is asked of messages by UID ----

    def do_uid(self, line, command):
        verb, _, rest = command.rest.partition(" ")
        method = getattr(self, "uid_" + verb.lower(), None)
        if method is None or line.selected is None:
            raise Refuse("what?", "BAD")
        return method(line, rest)

    def uid_fetch(self, line, rest):
        match = re.match(r"(\S+) \(((?:[^()]|\([^()]*\))*)\)(?: \(CHANGEDSINCE (\d+)\))?$", rest, re.I)
        if not match:
            raise Refuse("what?", "BAD")
        items = ITEM.findall(match[2])
        answers = []
        with self.lock:
            chosen = line.selected.chosen(match[1])
        for number, message in chosen:
            if match[3] and message.modseq <= int(match[3]):
                continue
            parts = [self.fetch_item(message, item) for item in items]
            answers.append(b"* %d FETCH (" % number + b" ".join(p for p in parts if p) + b")\r\n")
            if len(answers) == 100:
                line.raw(b"".join(answers))
                answers = []
        line.raw(b"".join(answers))

    def uid_search(self, line, rest):
        """Just ALL, and UID with a set."""
        match = re.match(r"UID (\S+)$", rest, re.I)
        uids = [m.uid for _, m in line.selected.chosen(match[1] if match else "1:*")]
        line.say("* SEARCH " + " ".join(map(str, uids)))

    def uid_store(self, line, rest):
        match = re.match(r"(\S+) (?:\(UNCHANGEDSINCE \d+\) )?([+-])FLAGS(\.SILENT)? \(([^)]*)\)$", rest,
                         re.I)
        if not match:
            raise Refuse("what?", "BAD")
        for number, message in line.selected.chosen(match[1]):
            flags = set(match[4].split())
            message.flags = message.flags | flags if match[2] == "+" else message.flags - flags
            line.selected.touch(message)
            if not match[3]:
                line.say(f"* {number} FETCH (UID {message.uid} FLAGS ({' '.join(message.flags)}))")

    def copy(self, message, folder):
        """One message into another folder; as it lies there then."""
        return self.store(folder, message.data, message.flags, message.date)

    def uid_copy(self, line, rest):
        uids, _, name = rest.partition(" ")
        _, target = self.folder(name)
        with self.lock:
            pairs = [(m.uid, self.copy(m, target).uid) for _, m in line.selected.chosen(uids)]
        if "UIDPLUS" not in self.capabilities or not pairs:
            return None
        old, new = (",".join(map(str, numbers)) for numbers in zip(*pairs))
        return f"[COPYUID {target.uidvalidity} {old} {new}] done"

    def uid_move(self, line, rest):
        words = self.uid_copy(line, rest)
        if words:
            line.say("* OK " + words)
        self.remove(line, line.selected.chosen(rest.partition(" ")[0]))

    def uid_expunge(self, line, rest):
        self.remove(line, [(n, m) for n, m in line.selected.chosen(rest) if "\\Deleted" in m.flags])

    def remove(self, line, chosen):
        for number, message in reversed(chosen):
            del line.selected.messages[number - 1]
            line.say(f"* {number} EXPUNGE")

    def fetch_body(self, message, item):
        match = re.match(r"BODY(?:\.PEEK)?\[([^] ]*)(?: \(([^)]*)\))?\](?:<(\d+)\.(\d+)>)?", item, re.I)
        data = message.data
        head, _, text = ((b"", b"", data[2:]) if data.startswith(b"\r\n") else
                         data.partition(b"\r\n\r\n"))
        if match[1].upper() == "HEADER":
            data = head + b"\r\n\r\n"
        elif match[1].upper() == "TEXT":
            data = text
        elif match[1].upper() == "HEADER.FIELDS":
            names = match[2].lower().encode().split()
            fields = re.findall(rb"[^\r\n]+(?:\r\n[ \t][^\r\n]*)*", head)
            data = b"".join(f + b"\r\n" for f in fields
                            if f.split(b":")[0].strip(b" \t\0").lower() in names) + b"\r\n"
        name = item.replace(".PEEK", "").split("<")[0].encode()
        if match[4]:
            data = data[int(match[3]):int(match[3]) + int(match[4])]
            name += b"<%s>" % match[3].encode()
        return name + b" {%d}\r\n" % len(data) + data

    def do_append(self, line, command):
        name, rest = take_string(command.rest)
        rest = rest.encode("latin-1") + b"\r\n"
        folder = self.folders.get(self.key(name))
        uploads, refusal = [], None
        while match := LITERAL.search(rest):
            if folder is None and not match[2]:
                break
            flags = re.search(rb"\(([^)]*)\)", rest)
            flags = flags[1].decode().split() if flags else ()
            date = re.search(rb'"(\s?\d+-\w+-\d+ [^"]*)"', rest)
            try:
                self.check_append(line, folder, int(match[1]), flags, bool(match[2]))
            except Refuse as words:
                if not match[2]:
                    raise
                refusal = refusal or words  # when all that comes unasked has been read
            if not match[2]:
                line.say("+ go on")
            data = line.file.read(int(match[1]))
            if len(data) < int(match[1]):
                raise Hangup
            uploads.append((data, flags, date[1].decode() if date else DATE))
            rest = line.file.readline()
        if folder is None:
            raise Refuse("[TRYCREATE] no such folder")
        if refusal:
            raise refusal
        with self.lock:
            kept = [(self.accept_message(folder, data), flags, date) for data, flags, date in uploads]
            messages = [self.store(folder, *each) for each in kept]
        return self.stored(line, folder, messages) + self.append_words


def wait_for(condition, seconds=10):
    """Until the condition holds; its last value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return value
