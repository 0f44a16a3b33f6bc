"""Mail and folders that servers stumble over, each with what is nasty about it as its name.

    messages()      (name, bytes as a file holds them, flags, keywords)
    FOLDERS         paths of folders, one tuple of names each
    write(root)     both as one maildir store; returns the rows of what must be on the server
"""
import itertools
import os
import pathlib
import re
import time

import gen_mail
import mailboxes

DATE = 1078131600  # all are of that second and the next ones
KEYWORDS = ["$Forwarded", "NonJunk", "$Label1", "Todo", "odd]one", "x" * 60]
LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S"}

FOLDERS = [
    ("x.y",), ("a..b",), (".hidden",), ("trailing.",), ("slash/inside",), ("back\\slash",), ("pipe|d",),
    (" leading",), ("trailing ",), ("two  blanks",), (" ",), ("~tilde",), ("^caret",), ("under_score",),
    ("R&D",), ("&AGE-",), ("&",), ("%",), ("a*b",), ('quo"te',), ("{brace}",), ("[bracket]",),
    ("semi;colon",), ("colon: all",), ("<angle>",), ("back`tick'",), ("!bang#hash?",), ("(paren)",),
    ("emoji \U0001f600",), ("Caf\u00e9",), ("Cafe\u0301 2",), ("\u65e5\u672c\u8a9e",), ("\u0416\u0443\u043a",),
    ("control\x01x",), ("tab\tx",), ("line\r\nend",), ("del\x7fx",),
    ("Case",), ("CASE",), ("case", "below"), ("INBOX", "below"), ("Inbox2",), ("inbox.x",),
    ("Files",), ("Trash",), ("[Gmail]",), ("[Gmail]", "Mine"), ("Sent", "2009"), ("NIL",), ("user.joe",),
    ("N" * 120,), ("W" * 200 + " long",), tuple(f"d{n}" for n in range(1, 13)),
    ("parent", "child", "grandchild"), ("parent",), ("Empty names", "x"),
]


def head(number, *more, subject=None, message_id=True):
    t = DATE + number
    lines = [f"Received: from a.example by b.example; {gen_mail.stamp(t)}", "From: Ann <ann@a.example>",
             "To: ben@b.example", f"Subject: {subject or number}", f"Date: {gen_mail.stamp(t - 30)}"]
    if message_id:
        lines.append(f"Message-ID: <nasty.{number}@a.example>")
    return b"".join(line if isinstance(line, bytes) else line.encode() + b"\n"
                    for line in itertools.chain(lines, more))


def raw_messages(n):
    """(name, bytes); `n` counts them."""
    yield "plain", head(next(n)) + b"\nHello.\n"
    yield "no body", head(next(n)) + b"\n"
    yield "no blank line", head(next(n))
    yield "no final line end", head(next(n)) + b"\nlast words"
    yield "CRLF throughout", (head(next(n)) + b"\nOne.\nTwo.\n").replace(b"\n", b"\r\n")
    yield "mixed line ends", head(next(n)) + b"\none\r\ntwo\nthree\r\n"
    yield "bare CR in the body", head(next(n)) + b"\none\rtwo\r and three\n"
    yield "CR CR LF", head(next(n)) + b"\none\r\r\ntwo\r\r\n"
    yield "bare CR in the header", head(next(n), b"X-Odd: a\rb\n") + b"\ntext\n"
    yield "NUL in the body", head(next(n)) + b"\nbefore\0behind\nand \0\0 more\n"
    yield "NUL in the header", head(next(n), b"X-Odd: a\0b\n") + b"\ntext\n"
    yield "Latin-1 in the header", head(next(n), b"X-From: J\xf6rg\n") + b"\nGr\xfc\xdfe\n"
    yield "UTF-8 in the header", head(next(n), "X-From: J\u00f6rg \u65e5\n".encode()) + "\nGr\u00fc\u00dfe\n".encode()
    yield "control characters", head(next(n)) + b"\n" + bytes(range(1, 10)) + bytes(range(14, 32)) + b"\x7f\n"
    yield "a line without a colon in the header", head(next(n), b"what is this\n") + b"\ntext\n"
    yield "an empty field name", head(next(n), b": nothing\n") + b"\ntext\n"
    yield "mbox From_ line first", b"From ann Mon Mar  1 09:00:00 2004\n" + head(next(n)) + b"\ntext\n"
    yield "a folded Message-ID", head(next(n), b"Message-ID:\n <nasty.folded@a.example>\n",
                                      message_id=False) + b"\ntext\n"
    yield "no Message-ID", head(next(n), message_id=False) + b"\nwithout an ID\n"
    yield "blanks behind fields", head(next(n), b"X-Blank: a  \t \nX-Empty:\n") + b"\ntext\n"
    yield "fields in small letters", (head(next(n)).replace(b"Subject:", b"subject:")
                                      .replace(b"From:", b"FROM:") + b"\ntext\n")
    yield "a header line of 9,000 octets", head(next(n), b"X-Long: " + b"l" * 9000 + b"\n") + b"\ntext\n"
    yield "a body line of 12,000 octets", head(next(n)) + b"\n" + b"long " * 2400 + b"\n"
    yield "a body line of 300,000 octets", head(next(n)) + b"\n" + b"b" * 300_000 + b"\n"
    yield "600 fields", head(next(n), *[b"X-%03d: many\n" % i for i in range(600)]) + b"\ntext\n"
    yield "1.3 MB", head(next(n)) + b"\n" + (b"0123456789" * 7 + b"\n") * 18_500
    yield "dots and From_ lines", head(next(n)) + b"\n.\n..\nFrom here\n>From there\n.\n"
    yield "commands in the body", (head(next(n)) + b"\nx DELETE INBOX\ny CREATE \"PWNED\"\n"
                                   b"z LOGOUT\n{4294967295+}\n* BYE\na OK done\n")
    yield "a literal in the body", head(next(n)) + b"\nx APPEND PWNED {3+}\nabc\n* 1 EXISTS\n+ go on\n"
    yield "blank lines only", head(next(n)) + b"\n\n\n\n"
    yield "8-bit and binary", head(next(n)) + b"\n" + bytes(range(0x80, 0x100)) + b"\n"
    yield "format of MIME", (head(next(n), b"MIME-Version: 1.0\n",
                                  b'Content-Type: multipart/mixed; boundary="b"\n') +
                             b"\npreamble\n--b\n\npart\n--b\nContent-Type: message/rfc822\n\n" +
                             head(next(n)) + b"\nwithin\n--b--\nepilogue\n")
    yield "a boundary without an end", (head(next(n), b"MIME-Version: 1.0\n",
                                             b'Content-Type: multipart/mixed; boundary="b"\n') +
                                        b"\n--b\n\npart\n")
    yield "encoded words", head(next(n), subject="=?UTF-8?B?w6TDtsO8?= =?X?Q?bad") + b"\ntext\n"
    yield "a Message-ID of 300 octets", head(next(n), b"Message-ID: <" + b"i" * 300 + b"@a.example>\n",
                                             message_id=False) + b"\ntext\n"
    yield "a quoted Message-ID", head(next(n), b'Message-ID: <"a b\\"c"@a.example>\n',
                                      message_id=False) + b"\ntext\n"


def messages():
    numbers = itertools.count(1)
    for name, data in raw_messages(numbers):
        yield name, data, ("\\Seen",), ()
    for flags in (("\\Flagged",), ("\\Answered", "\\Seen"), ("\\Draft",), tuple(LETTERS)):
        n = next(numbers)
        yield "flags " + " ".join(flags), head(n) + b"\nflags\n", flags, ()
    for word in KEYWORDS:
        n = next(numbers)
        yield f"keyword {word}", head(n) + b"\nkeyword\n", ("\\Seen",), (word,)


def same_id():
    """Two messages with one Message-ID: Gmail keeps the first alone."""
    for body in (b"\nfirst body\n", b"\nother body\n"):
        yield head(900) + body


def scanty():
    """(folder, name, bytes) of messages by which hardly a thing tells one from the other: no Message-ID, no
    date, no body."""
    yield "Scanty", "header fields alone", b"From: ann@a.example\nSubject: no more than this\n\n"
    yield "Scanty", "a header without an end", b"To: ben@b.example\nX-Blank:  \n \nX-Last: 1\n"
    yield "Scanty", "no header", b"9\n"
    yield "Scanty", "an empty header", b"\n99\n"
    yield "Scanty", "NUL behind a field name", b"From: ann@a.example\nSubject\0\0: odd\n\n"
    for n in range(45):
        words = b"".join(b" %d" % k for k in range(n, 45))
        yield ("Scanty" if n < 25 else "Scanty as well", f"nobody's {n}",
               b"Content-Type: text/plain\n\n%d words:%s\n" % (n, words))


def canonical(data):
    """As it goes up."""
    data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


class Store:
    """A maildir as Evolution keeps it, for it can spell every folder name: _XX is an octet."""

    def __init__(self, root):
        self.root, self.count, self.rows = pathlib.Path(root), 0, []
        self.folder(())
        (self.root / "..maildir++").touch()

    @staticmethod
    def spell(name):
        wire = mailboxes.encode_mutf7(name)
        return "".join(c if c.isalnum() else f"_{ord(c):02X}" for c in wire)

    def folder(self, path):
        folder = self.root / ("." + ".".join(map(self.spell, path))) if path else self.root
        for sub in ("cur", "new", "tmp"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        return folder

    def add(self, path, data, flags=("\\Seen",), keywords=(), name=""):
        self.count += 1
        date = re.search(rb"(?m)^Received: [^;]*; (.*)$", data)
        date = DATE + self.count if not date else int(mailboxes.calendar.timegm(time.strptime(
            date[1].decode().strip()[:25], "%a, %d %b %Y %H:%M:%S")))
        letters = "".join(sorted(LETTERS[f] for f in flags))
        letters += "".join(chr(ord("a") + KEYWORDS.index(word)) for word in keywords)
        if keywords:
            (self.folder(path) / "dovecot-keywords").write_text(
                "".join(f"{n} {word}\n" for n, word in enumerate(KEYWORDS)))
        file = self.folder(path) / "cur" / f"{date}.M{self.count:05}.host:2,{letters}"
        file.write_bytes(data)
        os.utime(file, (date, date))
        self.rows.append({"path": path or ("INBOX",), "data": canonical(data), "flags": flags,
                          "keywords": keywords, "date": date, "name": name})


def write(root):
    store = Store(root)
    for name, data, flags, keywords in messages():
        store.add(("Nasty",), data, flags, keywords, name)
    for n in range(3):
        store.add((), head(1000 + n) + b"\nin INBOX\n")
    for n, data in enumerate(same_id()):
        store.add(("Twins",), data, name=f"twin {n}")
    for folder, name, data in scanty():
        store.add((folder,), data, name=name)
    both = head(1100) + b"\nin two folders\n"
    for path in (("Sent",), ("Nasty",)):
        store.add(path, both, name="in two folders")
    for n, path in enumerate(FOLDERS):
        store.add(path, head(2000 + n, subject=f"folder {n}") + b"\nin a folder\n")
    return store.rows
