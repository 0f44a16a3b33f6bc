"""POP programs, and how their users keep what they have fetched: for re-enactments (reenact.py).

The programs are real: mpop, getmail and fetchmail, into maildirs and mbox files. What a mail client
does afterwards is done here as it does it: files move into the folders of a Maildir++ tree, messages
into other mbox files, with the marks that such stores have. What Thunderbird does with a POP account
is done here altogether.

A client has
  fetch(server, user)       everything that is there, left there: a list of Fetched
  file(fetched, folder, flags)      into a local folder; may be done twice, into two folders
  add(mail, folder, flags)          a message that never came by POP
  close()                           the store is complete; what was not filed is deleted
  arguments                 of mailhoist: the source, and the state file
"""
import os
import pathlib
import shutil
import time

import gen_mail
import mailboxes
import make_thunderbird_profile
import pop_life

INBOX = "Inbox"
FETCHED_AT = 1600000000


class Fetched:
    """One message as the program has delivered it: its bytes, with LF; and where, if that matters."""

    def __init__(self, data, uidl=None, path=None, separator=None):
        self.data, self.uidl, self.path, self.separator = data, uidl, path, separator


def wire(data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Client:
    name = programs = None
    tags = False  # can the store keep tags?
    by_retr = True  # or by TOP, which does not mark as read
    traces = True  # tells the message itself that it came by POP?

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.arguments = []

    @classmethod
    def missing(cls):
        return [p for p in cls.programs if not pop_life.have(p)]


# ---- what they keep mail in ----

class MaildirStore(Client):
    """Maildir++; the user's mail program renames files into the folders."""
    LETTERS = {"\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "$Forwarded": "P"}

    def deliver(self, target, state):
        self.root, self.count = target, 0
        self.arguments = [target, "--pop-state", state]
        self.delivered = sorted(target.glob("new/*"))
        return [Fetched(path.read_bytes(), path=path) for path in self.delivered]

    def place(self, folder, name, flags):
        box = self.root
        if folder != INBOX:
            box = self.root / ("." + mailboxes.encode_mutf7(folder.replace("/", ".")))
        pop_life.maildir(box)
        letters = "".join(sorted(self.LETTERS[f] for f in flags if f in self.LETTERS))
        if not letters and folder == INBOX:  # nobody has looked at it yet
            return box / "new" / name
        return box / "cur" / f"{name}:2,{letters}"

    def file(self, fetched, folder, flags):
        self.count += 1
        name = f"{fetched.path.name.split(':')[0]}.{self.count}"
        shutil.copy2(fetched.path, self.place(folder, name, flags))

    def add(self, mail, folder, flags):
        self.count += 1
        path = self.place(folder, f"{mail.date}.L{self.count}.home", flags)
        path.write_bytes(mail.data.replace(b"\r\n", b"\n"))
        os.utime(path, (mail.date, mail.date))

    def close(self):
        for path in self.delivered:
            path.unlink()


class MboxStore(Client):
    """Mbox files, as mutt keeps them: Status, X-Status."""
    tags = True

    def deliver(self, spool, state):
        self.root, self.spool = self.home / "Mail", spool
        self.root.mkdir()
        self.arguments = [f"mbox:{self.root}", "--pop-state", state]
        parts = (b"\n" + spool.read_bytes()).split(b"\n\nFrom ")
        parts[0] = parts[0].removeprefix(b"\nFrom ")
        fetched = []
        for part in parts:
            separator, data = part.split(b"\n", 1)
            data = data if data.endswith(b"\n") else data + b"\n"
            fetched.append(Fetched(data, separator=b"From " + separator))
        return fetched

    def write(self, folder, separator, data, flags):
        parts = folder.split("/")
        path = self.root.joinpath(*(f".{p}.directory" for p in parts[:-1]), parts[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        status = "RO" if "\\Seen" in flags else "O"
        more = "".join(c for f, c in (("\\Answered", "A"), ("\\Flagged", "F")) if f in flags)
        tags = " ".join(sorted(f for f in flags if not f.startswith("\\")))
        fields = (f"Status: {status}\n" + (f"X-Status: {more}\n" if more else "") +
                  (f"X-Keywords: {tags}\n" if tags else ""))
        head, body = data.split(b"\n\n", 1)
        with open(path, "ab") as file:
            file.write(separator + b"\n" + head + b"\n" + fields.encode() + b"\n" + body + b"\n")

    def file(self, fetched, folder, flags):
        self.write(folder, fetched.separator, fetched.data, flags)

    def add(self, mail, folder, flags):
        separator = "From sender@mail.example " + time.asctime(time.gmtime(mail.date))
        self.write(folder, separator.encode(), mail.data.replace(b"\r\n", b"\n"), flags)

    def close(self):
        self.spool.unlink()


# ---- the programs ----

class MpopMaildir(MaildirStore):
    name, programs = "mpop-maildir", ["mpop"]

    def fetch(self, server, user):
        return self.deliver(*pop_life.fetch_by_mpop(server, user, self.home))


class MpopMbox(MboxStore):
    """Without a Received line of its own: nothing but the state file tells of POP."""
    name, programs = "mpop-mbox", ["mpop"]
    traces = False

    def fetch(self, server, user):
        return self.deliver(*pop_life.fetch_by_mpop(server, user, self.home, received=False,
                                                    mbox=True))


class Getmail(MaildirStore):
    name, programs = "getmail", ["getmail"]

    def fetch(self, server, user):
        return self.deliver(*pop_life.fetch_by_getmail(server, user, self.home))


class Fetchmail(MaildirStore):
    """It fetches by TOP what is to stay on the server."""
    name, programs = "fetchmail", ["fetchmail"]
    by_retr = False

    def fetch(self, server, user):
        return self.deliver(*pop_life.fetch_by_fetchmail(server, user, self.home))


class Thunderbird(Client):
    """A profile with one POP account: mbox files, popstate.dat, prefs.js; folders whose names the
    file system cannot hold are called otherwise on disk, and only their .msf knows."""
    name, programs = "thunderbird", []
    tags = True
    BITS = {"\\Seen": 0x1, "\\Answered": 0x2, "\\Flagged": 0x4, "$Forwarded": 0x1000}
    PREFS = {"mail.accountmanager.accounts": '"account1"',
             "mail.account.account1.server": '"server1"',
             "mail.server.server1.type": '"pop3"', "mail.server.server1.hostname": '"pop.example"',
             "mail.server.server1.userName": '"joe"', "mail.server.server1.leave_on_server": "true",
             "mail.server.server1.directory-rel": '"[ProfD]Mail/pop.example"',
             "mail.server.server1.storeContractID": '"@mozilla.org/msgstore/berkeleystore;1"'}

    def fetch(self, server, user):
        self.profile = self.home / "profile"
        self.account = pop_life.ThunderbirdAccount(self.profile / "Mail/pop.example")
        self.arguments = [f"thunderbird:{self.profile}"]
        fetched = [Fetched(data.replace(b"\r\n", b"\n"), uidl=uidl)
                   for uidl, data in pop_life.retrieve(server, user)]
        self.account.states = [f"k {f.uidl} {FETCHED_AT}" for f in fetched]
        return fetched

    def write(self, folder, uidl, data, flags):
        parts = [make_thunderbird_profile.disk_name(p) for p in folder.split("/")]
        parent = self.account.folder
        for part, name in zip(parts[:-1], folder.split("/")):
            self.folder(parent / part, name)
            parent = parent / (part + ".sbd")
        path = parent / parts[-1]
        self.folder(path, folder.split("/")[-1])
        status = sum(self.BITS.get(f, 0) for f in flags)
        tags = " ".join(sorted(f for f in flags if f not in self.BITS))
        fields = f"X-Account-Key: account1\nX-UIDL: {uidl}\n" if uidl is not None else ""
        with open(path, "ab") as file:
            file.write(f"From - {time.asctime(time.gmtime(FETCHED_AT))}\n{fields}X-Mozilla-Status: "
                       f"{status:04x}\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: {tags:80}\n"
                       .encode() + data + b"\n")

    @staticmethod
    def folder(path, name):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            pathlib.Path(f"{path}.msf").write_bytes(make_thunderbird_profile.msf(4, name))

    def file(self, fetched, folder, flags):
        self.write(folder, fetched.uidl, fetched.data, flags)

    def add(self, mail, folder, flags):
        self.write(folder, None, mail.data.replace(b"\r\n", b"\n"), flags)

    def close(self):
        self.account.close()
        self.profile.joinpath("prefs.js").write_text("// Mozilla User Preferences\n\n" + "".join(
            f'user_pref("{key}", {value});\n' for key, value in self.PREFS.items()))


CLIENTS = {c.name: c for c in (MpopMaildir, MpopMbox, Getmail, Fetchmail, Thunderbird)}
