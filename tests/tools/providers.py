"""Imitations of mail providers, on loopback and in memory: what each of them is known to do to a
client that uploads, beyond what IMAP says. What a considerate client never does to them goes into
`faults`, so that a test can ask for an empty list.

    with providers.PROVIDERS["gmail"]() as server:
        ... server.url() ... server.account() ... server.faults

Each class says in its first lines what it is after. Texts are those that the servers say.
"""
import re
import time

from memserver import Folder, Hangup, MemServer, Message, Refuse, take_string

SYSTEM = "\\Seen \\Answered \\Flagged \\Deleted \\Draft"


def field(data, name):
    """The first header field of that name, unfolded."""
    head = b"" if data.startswith(b"\r\n") else data.split(b"\r\n\r\n", 1)[0]
    match = re.search(rb"(?im)^" + name + rb":[ \t]*((?:[^\r\n]|\r\n[ \t])*)", head)
    return re.sub(rb"\r\n[ \t]+", b" ", match[1]).strip() if match else None


def split(data):
    """Header with its line ends, and the rest."""
    if data.startswith(b"\r\n"):
        return b"", data
    head, blank, rest = data.partition(b"\r\n\r\n")
    return (head + b"\r\n", b"\r\n" + rest) if blank else (data, b"")


def headed(data):
    """The same, as servers see it that write headers anew: what begins with no field has none."""
    return split(data) if re.match(rb"[!-9;-~]+[ \t]*:|From |\r\n", data) else (b"", b"\r\n" + data)


class Provider(MemServer):
    tells = "code"              # how they are told after it: code, untagged, or None: not
    first_validity = 1
    special = ()                # (attributes, name) of the folders that are there
    inbox_attributes = ""
    append_words = "APPEND completed"
    exists_words = "[ALREADYEXISTS] it exists already"
    parents = "\\Noselect"      # attributes of parents that are made on the way; None: none are
    any_case = False            # folder names that differ in case are one
    most_connections = 0
    connections_words = "[LIMIT] Too many connections"
    largest, too_large_words = 0, ""
    keeps_keywords = True
    flags_words = None          # the answer to a keyword that is none of permanent_flags
    errors_in_a_row, errors_bye = 0, ""
    throttle_after, throttle_words, throttle_ends = 0, None, None

    def __init__(self, certificate=None):
        super().__init__(certificate)
        self.faults, self.refused = [], []
        self.open, self.appended, self.throttled = 0, 0, False
        name = getattr(self, "inbox_name", "INBOX")
        self.next_validity = self.first_validity + 1
        self.folders = {name: Folder(self.first_validity, self.inbox_attributes, name)}
        for attributes, name in self.special:
            self.make(name, attributes)
        self.permanent = {word.lower() for word in self.permanent_flags.split()}

    # ---- for tests ----

    def account(self):
        """What is there: {folder: [(bytes, flags, date)]}, every message once."""
        return {name: [(m.data, m.flags, m.date) for m in folder.messages]
                for name, folder in self.folders.items() if folder.messages}

    def begin(self):
        """Another run of the program: what is counted for a while only begins again."""

    def fault(self, text):
        if text not in self.faults:
            self.faults.append(text)

    # ---- connections and the login ----

    def talk(self, line):
        with self.lock:
            self.open += 1
        line.errors, line.creates, line.previous, line.repeated = 0, 0, None, 0
        try:
            super().talk(line)
        finally:
            with self.lock:
                self.open -= 1

    def do_login(self, line, command):
        if self.most_connections and self.open > self.most_connections:
            raise Refuse(self.connections_words)
        line.capabilities, words = self.capabilities, "LOGIN completed"
        if self.tells == "untagged":
            line.say(f"* CAPABILITY {self.capabilities}")
        return f"[CAPABILITY {self.capabilities}] {words}" if self.tells == "code" else words

    def do_authenticate(self, line, command):
        mechanism, _, first = command.rest.partition(" ")
        for challenge in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6") if mechanism == "LOGIN" else ("",):
            if not first:
                line.say("+ " + challenge)
                line.file.readline()
        return self.do_login(line, command)

    def answer(self, line, command):
        self.count(line, command)
        method = getattr(self, "do_" + command.name.lower(), None)
        try:
            if method is None:
                self.fault(f"unknown command {command.name}")
                raise Refuse("Unknown command", "BAD")
            self.do(line, command)
            words = method(line, command) or f"{command.name} completed"
            line.errors = 0
            line.say(f"{command.tag} OK {words}")
        except Refuse as refusal:
            line.errors += 1
            line.say(f"{command.tag} {refusal.status} {refusal.words}")
            if self.errors_in_a_row and line.errors >= self.errors_in_a_row:
                self.fault(f"{line.errors} errors in a row")
                line.say(self.errors_bye)
                raise Hangup from None
            if self.throttle_ends and refusal.words == self.throttle_words[0]:
                line.say(self.throttle_ends)
                raise Hangup from None
        if command.name == "LOGOUT":
            raise Hangup

    def count(self, line, command):
        """Every command, before it is carried out."""

    def do(self, line, command):
        """The same; may raise Refuse."""

    def can(self, capability):
        return capability in self.capabilities.split()

    def do_id(self, line, command):
        if not self.can("ID"):
            self.fault("ID is not announced")
        line.say("* ID NIL")

    def do_namespace(self, line, command):
        if not self.can("NAMESPACE"):
            self.fault("NAMESPACE is not announced")
        super().do_namespace(line, command)

    def do_unselect(self, line, command):
        if not self.can("UNSELECT"):
            raise Refuse("Unknown command", "BAD")
        line.selected = None

    def do_getquotaroot(self, line, command):
        if not self.can("QUOTA"):
            self.fault("QUOTA is not announced")
        line.say('* QUOTAROOT "INBOX" ""', '* QUOTA "" ()')

    def do_xlist(self, line, command):
        self.do_list(line, command)

    # ---- folders ----

    def key(self, name):
        name = super().key(name)
        if self.any_case and name not in self.folders:
            return next((known for known in self.folders if known.lower() == name.lower()), name)
        return name

    def do_create(self, line, command):
        name = take_string(command.rest)[0].rstrip(self.separator)
        with self.lock:
            if self.key(name) in self.folders:
                raise Refuse(self.exists_words)
            name = self.check_name(name)
            levels = name.split(self.separator)
            for n in range(1, len(levels)):
                above = self.separator.join(levels[:n])
                if self.parents is not None and self.key(above) not in self.folders:
                    self.make(above, self.parents)
            above = self.key(self.separator.join(levels[:-1]))
            if above in self.folders:
                if "noinferiors" in self.folders[above].attributes.lower():
                    raise Refuse("this folder can have no children")
                name = self.separator.join([above, levels[-1]])
            self.make(name)

    # ---- uploads ----

    def check_append(self, line, folder, size, flags, plain):
        if plain and not self.can("LITERAL+") and not (self.can("LITERAL-") and size <= 4096):
            self.fault(f"a literal of {size} octets without waiting")
            line.say("* BAD Syntax error")
            raise Hangup
        if self.flags_words and any(f.lower() not in self.permanent for f in flags):
            self.fault(f"flags {flags}")
            raise Refuse(*self.flags_words)
        if self.largest and size > self.largest:
            raise Refuse(self.too_large_words)
        self.throttle(line)

    def throttle(self, line):
        """Once, after so many messages."""
        self.appended += 1
        if self.throttled or not self.throttle_after or self.appended <= self.throttle_after:
            return
        self.throttled = True
        raise Refuse(*self.throttle_words)

    def do_append(self, line, command):
        if self.separator and "\r" in command.rest:
            self.fault("CR in a command line")
        return super().do_append(line, command)

    def accept_message(self, folder, data):
        if re.search(rb"(?<!\r)\n", data):
            self.fault("bare LF")
        if not data.endswith(b"\r\n"):
            self.fault("no final CRLF")
        return data

    def refuse(self, data, words, status="NO"):
        """A message for what it is."""
        if data not in self.refused:
            self.refused.append(data)
        raise Refuse(words, status)

    def uid_store(self, line, rest):
        if self.keeps_keywords:
            return super().uid_store(line, rest)
        return super().uid_store(line, re.sub(r"(?<=[( ])[^\\ ()]+ ?(?=[^()]*\)$)", "", rest))

    def store(self, folder, data, flags, date):
        if not self.keeps_keywords:
            flags = [flag for flag in flags if flag.startswith("\\")]
        return folder.add(data, flags, date)


class Gmail(Provider):
    """Labels: a message lies in All Mail once and is seen in the folder of each of its labels. What
    has the Message-ID of one that is there becomes that one, and gets a label more: OK, with a UID
    that may be an old one. No MULTIAPPEND; LITERAL-."""
    greeting = "* OK Gimap ready for requests from 192.0.2.1 a1mb2b0e"
    before = ("IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR "
              "AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER")
    capabilities = ("IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS "
                    "ENABLE MOVE ESEARCH UTF8=ACCEPT LIST-EXTENDED LITERAL- SPECIAL-USE "
                    "APPENDLIMIT=35651584")
    tells = "untagged"
    inbox_attributes = "\\HasNoChildren"
    special = (("\\HasChildren \\Noselect", "[Gmail]"), ("\\All \\HasNoChildren", "[Gmail]/All Mail"),
               ("\\Drafts \\HasNoChildren", "[Gmail]/Drafts"),
               ("\\HasNoChildren \\Important", "[Gmail]/Important"),
               ("\\HasNoChildren \\Sent", "[Gmail]/Sent Mail"),
               ("\\HasNoChildren \\Junk", "[Gmail]/Spam"),
               ("\\Flagged \\HasNoChildren", "[Gmail]/Starred"),
               ("\\HasNoChildren \\Trash", "[Gmail]/Trash"))
    all_mail, apart = "[Gmail]/All Mail", ("[Gmail]/Spam", "[Gmail]/Trash")
    any_case = True
    reserved = {"inbox", "drafts", "important", "sent", "sent mail", "spam", "starred", "trash", "bin",
                "all mail", "chats", "[gmail]", "[google mail]"}
    most_connections = 3
    connections_words = "[ALERT] Too many simultaneous connections. (Failure)"
    largest, too_large_words = 35651584, "[TOOBIG] Message too large (Failure)"
    throttle_after = 20
    throttle_words = ("[OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)",)
    append_words = "(Success)"

    def check_name(self, name):
        levels = name.split("/")
        if name.startswith("[Gmail]/") or (len(levels) == 1 and name.lower() in self.reserved):
            raise Refuse("[CANNOT] Folder name is not allowed. (Failure)")
        for level in levels:
            if level != level.strip() or "  " in level:
                raise Refuse("[CANNOT] Folder name is not allowed: excess whitespace. (Failure)")
            if re.search(r"[\\\"^]", level) or not level:
                raise Refuse("[CANNOT] Folder name is not allowed. (Failure)")
        if len(name) > 225:
            raise Refuse("[CANNOT] Folder name is too long. (Failure)")
        return name

    def labels(self, message):
        """Folders but All Mail in which it is seen."""
        return sorted(name for name, folder in self.folders.items()
                      if name != self.all_mail and any(m.data is message.data for m in folder.messages))

    def known(self, data):
        message_id = field(data, b"message-id")
        everything = self.folders[self.all_mail].messages
        if message_id is None:
            return next((m for m in everything if m.data is data), None)
        index = self.__dict__.setdefault("by_id", {})
        return index.get(message_id)

    def label(self, folder, original):
        """The message as it is seen in the folder."""
        seen = folder.__dict__.setdefault("seen", {})
        if id(original.data) not in seen:
            message = Message(folder.uidnext, original.data, (), original.date)
            message.flags = original.flags  # one set: flags are the message's, not the folder's
            folder.uidnext += 1
            folder.messages.append(message)
            folder.touch(message)
            seen[id(original.data)] = message
        return seen[id(original.data)]

    def store(self, folder, data, flags, date):
        if folder.name in self.apart:
            return folder.add(data, flags, date)
        original = self.known(data)
        if original is None:
            original = self.folders[self.all_mail].add(data, flags, date)
            message_id = field(data, b"message-id")
            if message_id is not None:
                self.by_id[message_id] = original
        elif original.data is not data and original.data != data and data not in self.refused:
            self.refused.append(data)
        if folder.name == self.all_mail:
            return original
        return self.label(folder, original)

    def fetch_item(self, message, item):
        if item.upper() == "X-GM-MSGID":
            ids = self.__dict__.setdefault("ids", {})
            return b"X-GM-MSGID %d" % ids.setdefault(id(message.data), 1278455344230334865 + len(ids))
        if item.upper() == "X-GM-LABELS":
            return b"X-GM-LABELS (" + b" ".join(f'"{n}"'.encode() for n in self.labels(message)) + b")"
        return super().fetch_item(message, item)

    def remove(self, line, chosen):
        for _, message in chosen:
            line.selected.__dict__.get("seen", {}).pop(id(message.data), None)
        super().remove(line, chosen)


class Exchange(Provider):
    """Rewrites headers, so that sizes are not what was sent; RFC822.SIZE is a guess even then. Says
    BAD with a time when it is asked too much, and hangs up after ten errors in a row."""
    greeting = "* OK The Microsoft Exchange IMAP4 service is ready. [TABPADEAUAAy]"
    before = ("IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE "
              "NAMESPACE LITERAL+")
    capabilities = ("IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT "
                    "CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE "
                    "NAMESPACE LITERAL+")
    tells = None
    inbox_attributes = "\\Marked \\HasNoChildren"
    special = (("\\HasNoChildren \\Drafts", "Drafts"), ("\\HasNoChildren \\Sent", "Sent"),
               ("\\HasNoChildren \\Trash", "Deleted"), ("\\HasNoChildren \\Junk", "Junk"))
    permanent_flags = SYSTEM + " $MDNSent"
    flags_words = ("Command Argument Error. 11", "BAD")
    exists_words = "Mailbox already exists."
    any_case, parents, rewrites = True, "\\HasChildren", True
    largest, too_large_words = 37748736, "Maximum size of appendable message has been exceeded."
    longest_line = 10239
    errors_in_a_row, errors_bye = 10, "* BYE Connection closed. 14"
    throttle_after = 20
    throttle_words = ("Request is throttled. Suggested Backoff Time: 700 milliseconds", "BAD")

    def check_name(self, name):
        if name.lower() == "files":
            raise Refuse("Folder name is reserved.")
        if name != name.rstrip():
            raise Refuse("Folder name is invalid.")
        return name

    def throttle(self, line):
        told = getattr(self, "told_at", 0)
        if 0.2 < time.monotonic() - told < 0.65:  # what was on its way comes sooner
            self.fault("an upload before the back-off time was over")
        try:
            super().throttle(line)
        except Refuse:
            self.told_at = time.monotonic()
            raise

    def accept_message(self, folder, data):
        if max(map(len, data.split(b"\r\n"))) > self.longest_line:
            self.refuse(data, "Command Argument Error. 11", "BAD")
        head, rest = headed(super().accept_message(folder, data))
        head = re.sub(rb"(?m)(?<=[^ \t\n])[ \t]+\r\n", b"\r\n", head)
        head = re.sub(rb"(?im)^(received|return-path|message-id|date|subject|from|to|cc):[ \t]*",
                      lambda m: m[1].title() + b": ", head)
        return (head + b"X-MS-Exchange-Organization-AuthAs: Internal\r\n"
                b"X-MS-Exchange-Organization-AuthMechanism: 04\r\n" + rest)

    def size_of(self, message):
        return len(message.data) + message.data.count(b"\n") % 7


class Yahoo(Provider):
    """Wants the final CRLF, and its capabilities asked for once."""
    caps = "ID MOVE NAMESPACE XYMHIGHESTMODSEQ UIDPLUS LITERAL+ CHILDREN X-MSG-EXT OBJECTID"
    before = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER " + caps
    greeting = f"* OK [CAPABILITY {before}] IMAP4rev1 Hello"
    capabilities = "IMAP4rev1 UNSELECT " + caps
    tells = None
    inbox_name = "Inbox"
    special = (("\\HasNoChildren \\Drafts", "Draft"), ("\\HasNoChildren \\Sent", "Sent"),
               ("\\HasNoChildren \\Junk", "Bulk"), ("\\HasNoChildren \\Trash", "Trash"))
    permanent_flags = SYSTEM + " $Forwarded $Junk $NotJunk"
    flags_words = ("[CLIENTBUG] APPEND Invalid flag", "BAD")
    most_connections = 5
    connections_words = "[LIMIT] LOGIN Rate limit hit."
    throttle_after, throttle_ends = 30, "* BYE IMAP4rev1 Server logging out"
    throttle_words = ("[LIMIT] APPEND Rate limit hit.",)
    asked, most_asked = 0, 1

    def begin(self):
        self.asked = 0

    def do_capability(self, line, command):
        self.asked += 1
        if self.asked > self.most_asked:
            self.fault("CAPABILITY asked again and again")
            line.say(f"{command.tag} NO [LIMIT] CAPABILITY Rate limit hit.",
                     "* BYE IMAP4rev1 Server logging out")
            raise Hangup
        super().do_capability(line, command)

    def accept_message(self, folder, data):
        if not data.endswith(b"\r\n"):
            self.fault("no final CRLF")
            raise Refuse("[CLIENTBUG] APPEND Additional arguments found after last expected argument",
                         "BAD")
        return super().accept_message(folder, data)


class ICloud(Provider):
    """No LITERAL+, special folders by name alone, INBOX without children."""
    greeting = ("* OK [CAPABILITY XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN] "
                "(2428B47-26126cfe23cd) p00-iscream-f9f7bf749-qjr87")
    before = "XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN"
    capabilities = ("XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 CONDSTORE ENABLE QRESYNC QUOTA XAPPLELITERAL "
                    "NAMESPACE UIDPLUS CHILDREN BINARY UNSELECT SORT CATENATE URLAUTH LANGUAGE ESEARCH "
                    "ESORT THREAD=REFERENCES WITHIN SASL-IR SEARCHRES METADATA ID IDLE")
    tells = None
    inbox_attributes = "\\Noinferiors"
    special = tuple(("\\HasNoChildren", name) for name in
                    ("Sent Messages", "Deleted Messages", "Drafts", "Junk", "Archive"))
    largest, too_large_words = 20971520, "Unexpected exception (took 3548 ms)"
    most_connections = 3
    connections_words = "[UNAVAILABLE] Too many connections"
    append_words = "APPEND completed (took 12 ms)"


class Zimbra(Provider):
    """Hangs up on 25 CREATEs in a row, and on 25 APPENDs in a row that are alike in folder, date,
    flags and size; and after five errors."""
    greeting = "* OK mail.example Zimbra IMAP4rev1 server ready"
    capabilities = ("IMAP4rev1 ACL BINARY CATENATE CHILDREN CONDSTORE ENABLE ESEARCH ESORT ID IDLE "
                    "LIST-EXTENDED LITERAL+ LOGIN-REFERRALS MULTIAPPEND NAMESPACE QRESYNC QUOTA "
                    "RIGHTS=ektx SASL-IR SEARCHRES SORT UIDPLUS UNSELECT WITHIN XLIST")
    special = (("", "Drafts"), ("", "Junk"), ("", "Sent"), ("", "Trash"))
    exists_words = "CREATE failed: mailbox already exists"
    parents, any_case = "", True
    errors_in_a_row, errors_bye = 5, "* BYE Zimbra IMAP4rev1 server closing connection"
    most_repeats = 25

    def count(self, line, command):
        line.creates = line.creates + 1 if command.name == "CREATE" else 0
        key = command.rest if command.name == "APPEND" else None
        line.repeated = line.repeated + 1 if key is not None and key == line.previous else 1
        line.previous = key
        if line.creates > self.most_repeats or (key and line.repeated > self.most_repeats):
            self.fault(f"{command.name} repeated")
            line.say(self.errors_bye)
            raise Hangup

    def check_name(self, name):
        for level in name.split("/"):
            if re.search(r'[:"\x00-\x1f]', level) or level != level.strip() or len(level) > 128:
                raise Refuse("CREATE failed: invalid mailbox name")
        return name


class HMailServer(Provider):
    """No UIDPLUS, no LITERAL+, no UNSELECT; keywords are dropped without a word."""
    greeting = "* OK IMAPrev1"
    capabilities = "IMAP4 IMAP4rev1 CHILDREN IDLE QUOTA SORT ACL NAMESPACE RIGHTS=texk"
    separator = "."
    keeps_keywords, any_case = False, True
    largest = 20480000
    too_large_words = "Message size exceeds fixed maximum message size. Size: 30000 KB, Max size: 20000 KB"


class Zoho(Provider):
    """Another limit of size before the login than after it; LITERAL-."""
    greeting = "* OK svwall.zoho.com IMAP4 Server (Zoho Mail IMAP4rev1 Server version 1.0)"
    caps = ("IMAP4rev1 UNSELECT CHILDREN XLIST NAMESPACE IDLE MOVE ID AUTH=PLAIN SASL-IR UIDPLUS ESEARCH "
            "LIST-EXTENDED WITHIN LITERAL- APPENDLIMIT=%d")
    before, capabilities = caps % 10485760, caps % 26214400
    tells = "untagged"
    special = tuple(("\\Noinferiors", name) for name in ("Drafts", "Sent", "Spam", "Trash"))
    largest, too_large_words = 26214400, "[TOOBIG] Message too large"
    most_connections = 2
    connections_words = "[ALERT] Too many simultaneous connections. (Failure)"


class Strato(Provider):
    """Everything below INBOX's siblings with '.', and a rule for system flags."""
    before = "IMAP4 IMAP4rev1 APPENDLIMIT=104857600 AUTH=PLAIN AUTH=LOGIN"
    greeting = f"* OK [CAPABILITY {before}] IMAP server ready (P2 TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384)"
    capabilities = ("IMAP4 IMAP4rev1 APPENDLIMIT=104857600 AUTH=PLAIN AUTH=LOGIN CREATE-SPECIAL-USE QUOTA "
                    "CHILDREN ENABLE ESORT ESEARCH ID IDLE MOVE LIST-EXTENDED LITERAL+ NAMESPACE SORT "
                    "SPECIAL-USE UIDPLUS UNSELECT WITHIN XLIST")
    tells = None
    separator = "."
    special = (("\\Drafts", "INBOX.Drafts"), ("\\Sent", "INBOX.Sent"), ("\\Trash", "INBOX.Trash"))


class Yandex(Provider):
    """The separator is '|'; special uses by XLIST alone."""
    greeting = "* OK Yandex IMAP4rev1 at sas1-12345.mail.yandex.net:993 ready to talk with ::ffff:192.0.2.1"
    capabilities = "IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST UIDPLUS ENABLE ID AUTH=PLAIN IDLE MOVE"
    separator = "|"
    special = (("\\Drafts", "Drafts"), ("\\Sent", "Sent"), ("\\Spam", "Spam"), ("\\Trash", "Trash"))


class Domino(Provider):
    """The separator is a backslash; headers are put in another order and spelled anew."""
    greeting = "* OK Domino IMAP4 Server Release 9.0.1FP9 ready Fri, 14 Dec 2018 08:38:25 +0100"
    before = capabilities = "IMAP4rev1 AUTH=PLAIN LITERAL+ NAMESPACE QUOTA UIDPLUS"
    tells = None
    separator = "\\"
    inbox_name, inbox_attributes = "Inbox", "\\Noinferiors \\HasNoChildren"
    rewrites = True

    def do_namespace(self, line, command):
        line.say(r'* NAMESPACE (("" "\\")) (("Other\\" "\\")) (("Shared\\" "\\"))')

    def accept_message(self, folder, data):
        head, rest = headed(super().accept_message(folder, data))
        fields = re.findall(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*", head)
        if b"".join(fields) != head:
            return data
        fields.sort(key=lambda f: (f.split(b":")[0].lower() in (b"received", b"return-path"), 0))
        return b"".join(fields) + b"X-MIMETrack: Itemize by IMAP Server\r\n" + rest


class LiarUidplus(Provider):
    """Announces UIDPLUS, and tells no UIDs."""
    before = "IMAP4rev1 UIDPLUS AUTH=PLAIN"
    greeting = f"* OK [CAPABILITY {before}] ready"
    capabilities = "IMAP4rev1 UIDPLUS"

    def stored(self, line, folder, messages):
        return ""


class Swapped(Provider):
    """Tells UID and UIDVALIDITY in the wrong order."""
    before = "IMAP4REV1 AUTH=LOGIN"
    greeting = f"* OK [CAPABILITY {before}] IMAP4rev1 DavMail server ready"
    capabilities = "IMAP4REV1 UIDPLUS"
    first_validity = 1_500_000_000

    def stored(self, line, folder, messages):
        return f"[APPENDUID {messages[0].uid} {folder.uidvalidity}] "


class Bare(Provider):
    """Nothing but RFC 3501, keywords refused, one connection."""
    greeting = "* OK IMAP4rev1 ready"
    capabilities = "IMAP4rev1"
    permanent_flags = SYSTEM
    flags_words = ("Invalid flag", "NO")
    most_connections = 1
    connections_words = "Too many open connections (2 of 1 for joe)"


PROVIDERS = {"gmail": Gmail, "exchange": Exchange, "yahoo": Yahoo, "icloud": ICloud, "zimbra": Zimbra,
             "hmailserver": HMailServer, "zoho": Zoho, "strato": Strato, "yandex": Yandex,
             "domino": Domino, "liar-uidplus": LiarUidplus, "swapped": Swapped, "bare": Bare}
