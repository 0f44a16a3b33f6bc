#!/usr/bin/env python3
"""Writes fixtures/thunderbird: a small Thunderbird directory as the program itself would have left it.

  make_thunderbird_profile.py DIRECTORY

A profile that was moved (its absolute paths are wrong), with a POP account, Local Folders, feeds, an
IMAP account's offline copy and the folder of an account that was removed. Names hashed on disk, tags,
deleted but not compacted mail, a partial download, unsent mail. The output is always the same.
"""
import base64
import json
import pathlib
import sys
import textwrap
import time

PROFILE = "k7x2m9qa.default-release"
OLD = "/home/anna/.thunderbird/" + PROFILE  # where the profile was
READ, ANSWERED, STARRED, EXPUNGED, FEED, PARTIAL, QUEUED, FORWARDED = 1, 2, 4, 8, 0x40, 0x400, 0x800, 0x1000

ANNA = "Anna Berg <anna.berg@example.org>"
TOM = "Tom Okafor <tom@okafor.example>"
LIESE = "=?UTF-8?Q?Liese_M=C3=BCller?= <liese.mueller@example.net>"
SHOP = "Green Leaf Seeds <orders@greenleaf.example>"
CLUB = "Rowing Club <office@rowing.example>"


def disk_name(name):
    """nsMsgUtils.cpp, NS_MsgHashIfNecessary."""
    bad = [i for i, c in enumerate(name) if c in '/\\:*?"<>|;#']
    keep = bad[0] if bad else 0 if name[0] == "." else len(name) - 1 if name[-1] in ".~ " else None
    if keep is None and len(name.encode("utf-16-le")) // 2 > 55:
        keep = 55
    if keep is None:
        return name
    h = 1
    for byte in name.encode("utf-16-le"):
        h = (h * 0x63C63CD9 + 0x9C39C33D + byte) & 0xFFFFFFFF
    return name[:min(keep, 47)] + "%08x" % h


class Mail:
    count = 0

    def __init__(self, sender, to, subject, text, day, status=READ, keys="", message_id=True, received=True, extra="",
                 status2=0, charset="us-ascii", body=None):
        Mail.count += 1
        self.number, self.status, self.status2, self.keys = Mail.count, status, status2, keys
        self.time = time.strptime(day, "%Y-%m-%d %H:%M")
        date = time.strftime("%a, %d %b %Y %H:%M:00 +0100", self.time)
        head = []
        if received:
            head.append("Received: from relay.example (relay.example [192.0.2.%d])\n\tby pop.example.org with ESMTP id Q%05d\n"
                        "\tfor <anna.berg@example.org>; %s" % (self.number + 9, self.number * 731, date))
        head += ["From: " + sender, "To: " + to, "Subject: " + subject, "Date: " + date]
        if message_id:
            head.append("Message-ID: " + (message_id if isinstance(message_id, str) else
                                          "<%d.%d@%s>" % (self.number * 7919, self.number, sender.split("@")[1].strip(">"))))
        head.append("MIME-Version: 1.0")
        if extra:
            head.append(extra)
        if body is None:
            head.append("Content-Type: text/plain; charset=%s" % charset)
            head.append("Content-Transfer-Encoding: %s" % ("7bit" if charset == "us-ascii" else "8bit"))
            body = textwrap.dedent(text).strip("\n") + "\n"
        self.head = "\n".join(head) + "\n"
        self.body = body.encode("utf-8" if charset == "us-ascii" else charset)

    def file_bytes(self):
        """As the maildir store has it."""
        uidl = "%08x65e3a1c0" % self.number
        meta = ("X-Account-Key: account2\nX-UIDL: %s\nX-Mozilla-Status: %04x\nX-Mozilla-Status2: %08x\n"
                "X-Mozilla-Keys: %-80s\n" % (uidl, self.status, self.status2, self.keys))
        return meta.encode() + self.head.encode() + b"\n" + self.body

    def mbox_bytes(self):
        head, _, body = self.file_bytes().partition(b"\n\n")
        quoted = b"\n".join(b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in body.split(b"\n"))
        # as it does: separators and the empty line before them end in CR LF, the rest in LF
        asctime = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(1709452800 + self.number * 3600))
        return b"From - " + asctime.encode() + b"\r\n" + head + b"\n\n" + quoted + b"\r\n"


def attachment_mail(**more):
    data = base64.encodebytes(bytes(range(256)) * 3).decode()
    body = ("This is a multi-part message in MIME format.\n--=-berg-77\nContent-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: quoted-printable\n\nThe plan of the boat house, as promised. Gr=C3=BC=C3=9Fe, Liese\n"
            "--=-berg-77\nContent-Type: application/octet-stream; name=\"plan.bin\"\nContent-Transfer-Encoding: base64\n"
            "Content-Disposition: attachment; filename=\"plan.bin\"\n\n" + data + "--=-berg-77--\n")
    return Mail(LIESE, ANNA, "=?UTF-8?Q?Pl=C3=A4ne_f=C3=BCr_das_Bootshaus?=", "", body=body,
                extra='Content-Type: multipart/mixed; boundary="=-berg-77"', **more)


def inbox():
    yield Mail(SHOP, ANNA, "Your order 20417", """
        Dear Anna,

        your seeds are on their way: 2 x marigold, 1 x sweet pea.
        They should be with you on Thursday.

        Green Leaf Seeds
        """, "2024-02-26 09:14")
    yield Mail(TOM, ANNA, "Saturday?", """
        Are we still on for Saturday? I can bring the ladder.
        T.
        """, "2024-02-27 18:40", status=READ | ANSWERED, keys="$label1")
    yield Mail(LIESE, ANNA, "=?UTF-8?B?R3LDvMOfZSBhdXMgTMO8YmVjaw==?=", """
        Liebe Anna,

        schöne Grüße aus Lübeck! Das Wetter ist, nun ja, norddeutsch.

        Deine Liese
        """, "2024-02-28 11:02", status=READ | STARRED, charset="utf-8")
    yield Mail(CLUB, ANNA, "Minutes of the meeting", """
        Dear members, the minutes of last week's meeting were put on the board.
        This copy was replaced by the next one.
        """, "2024-02-28 12:00", status=READ | EXPUNGED)
    yield Mail(CLUB, ANNA, "Minutes of the meeting (corrected)", """
        Dear members, the corrected minutes:

        1. The boat house needs a new roof.
        2. Tom will ask for offers.
        """, "2024-02-28 12:31", status=READ | FORWARDED, keys="club $label3")
    yield attachment_mail(day="2024-02-29 08:20", status=READ)
    yield Mail("lottery@win.invalid", ANNA, "You have won", "No, you have not.\n", "2024-02-29 23:59", status=EXPUNGED)
    yield Mail(TOM, ANNA, "Big photos", """
        Here are all the photos of the regatta in one mail, sorry!
        """, "2024-03-01 07:45", status=READ | PARTIAL)
    yield Mail("root@pi.example", "root", "Cron <anna@pi> backup", "backup: 312 files, 0 errors\n", "2024-03-01 04:00",
               status=0, message_id=False, received=False)
    yield Mail(SHOP, ANNA, "News in March", "Sow now: broad beans, peas, spinach.\n", "2024-03-02 10:00", status=0,
               message_id="<news.2024.3@greenleaf.example>")
    yield Mail(SHOP, ANNA, "News in March", "Sow now: broad beans, peas, spinach, and (we forgot) onions.\n",
               "2024-03-02 10:30", status=0, message_id="<news.2024.3@greenleaf.example>")


def projects():
    yield Mail(TOM, ANNA, "Offers for the roof", """
        Two offers so far.

        From what I hear, the first one is better.
        >From experience, the second is quicker.
        """, "2023-11-02 16:00")
    yield Mail(ANNA, TOM, "Re: Offers for the roof", "Then let us take the first one.\n", "2023-11-02 19:12",
               received=False)


def garden():
    yield Mail(LIESE, ANNA, "Cuttings", "I kept three cuttings for you.\n", "2022-09-10 15:00", status=READ, keys="$label4")
    yield Mail(LIESE, ANNA, "Re: Cuttings", "They have roots now.\n", "2022-09-30 15:00", status=READ | STARRED)


def archive_2022():
    for month in (1, 4, 7, 10):
        yield Mail(CLUB, ANNA, "Fee for quarter %d" % (month // 3 + 1), "Dear Anna, the fee for this quarter is 40.\n",
                   "2022-%02d-05 08:00" % month)


def sent():
    yield Mail(ANNA, TOM, "Re: Saturday?", "Yes! Ten o'clock, and the ladder please.\n", "2024-02-27 20:05",
               received=False)
    yield Mail(ANNA, LIESE, "=?UTF-8?Q?Re=3A_Gr=C3=BC=C3=9Fe?=", "Danke! Hier scheint die Sonne.\n", "2024-02-28 21:00",
               received=False)
    yield Mail(ANNA, CLUB, "The roof", "I have the offers here.\n", "2023-11-03 09:30", received=False)


class Profile:
    def __init__(self, root):
        self.dir, self.cache = root / PROFILE, {}

    def folder(self, account, names, mails, flags=4, cached=True, msf_name=None):
        disk = [disk_name(n) for n in names]
        below = "/".join([d + ".sbd" for d in disk[:-1]] + disk[-1:])
        path = self.dir / account / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(m.mbox_bytes() for m in mails))
        path.with_name(path.name + ".msf").write_bytes(msf(flags, msf_name))
        if cached:
            self.cache["%s/%s/%s.msf" % (OLD, account, below)] = {
                "expungedBytes": 0, "flags": flags, "folderName": names[-1], "folderSize": path.stat().st_size,
                "totalMsgs": -1, "totalUnreadMsgs": -1}


def msf(flags, name):
    """The summary file, without the messages' own rows."""
    text = ("// <!-- <mdb:mork:z v=\"1.4\"/> -->\n< <(a=c)> // (f=iso-8859-1)\n"
            "  (80=ns:msg:db:row:scope:msgs:all)(88=flags)(9F=ns:msg:db:row:scope:dbfolderinfo:all)\n"
            "  (A0=ns:msg:db:table:kind:dbfolderinfo)(A1=numMsgs)(AB=version)(AF=folderName)>\n")
    cells = "(^AB=1)(^88=%x)" % flags
    if name:
        escaped = "".join("$%02X" % b if b > 126 else "\\" + chr(b) if b in b"()$\\" else chr(b) for b in name.encode())
        text += "<(83=%s)>\n" % escaped
        cells += "(^AF^83)"
    return (text + "{1:^9F {(k^A0:c)(s=9u)} \n  [1%s]}\n\n@$${1{@\n@$$}1}@\n" % cells).encode()


PREFS = """\
// Mozilla User Preferences

// DO NOT EDIT THIS FILE.

user_pref("app.normandy.enabled", false);
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account2.identities", "id1");
user_pref("mail.account.account2.server", "server2");
user_pref("mail.account.account3.server", "server3");
user_pref("mail.account.account4.server", "server4");
user_pref("mail.accountmanager.accounts", "account2,account1,account3,account4");
user_pref("mail.accountmanager.defaultaccount", "account2");
user_pref("mail.accountmanager.localfoldersserver", "server1");
user_pref("mail.identity.id1.archive_folder", "mailbox://nobody@Local%20Folders/Archives");
user_pref("mail.identity.id1.draft_folder", "mailbox://nobody@Local%20Folders/Drafts");
user_pref("mail.identity.id1.fcc_folder", "mailbox://nobody@Local%20Folders/Posted%3A%20my%20mail");
user_pref("mail.identity.id1.fullName", "Anna Berg");
user_pref("mail.identity.id1.stationery_folder", "mailbox://nobody@Local%20Folders/Templates");
user_pref("mail.identity.id1.useremail", "anna.berg@example.org");
user_pref("mail.root.pop3-rel", "[ProfD]Mail");
user_pref("mail.server.server1.directory", "OLD/Mail/Local Folders");
user_pref("mail.server.server1.directory-rel", "[ProfD]Mail/Local Folders");
user_pref("mail.server.server1.hostname", "Local Folders");
user_pref("mail.server.server1.name", "Local Folders");
user_pref("mail.server.server1.storeContractID", "@mozilla.org/msgstore/berkeleystore;1");
user_pref("mail.server.server1.type", "none");
user_pref("mail.server.server1.userName", "nobody");
user_pref("mail.server.server2.directory", "OLD/Mail/pop.example.org");
user_pref("mail.server.server2.directory-rel", "[ProfD]Mail/pop.example.org");
user_pref("mail.server.server2.hostname", "pop.example.org");
user_pref("mail.server.server2.leave_on_server", true);
user_pref("mail.server.server2.moveOnSpam", true);
user_pref("mail.server.server2.moveTargetMode", 1);
user_pref("mail.server.server2.name", "anna.berg@example.org");
user_pref("mail.server.server2.spamActionTargetFolder", "mailbox://nobody@Local%20Folders/Unwanted");
user_pref("mail.server.server2.storeContractID", "@mozilla.org/msgstore/berkeleystore;1");
user_pref("mail.server.server2.type", "pop3");
user_pref("mail.server.server2.userName", "anna.berg");
user_pref("mail.server.server3.directory-rel", "[ProfD]Mail/Feeds");
user_pref("mail.server.server3.hostname", "Feeds");
user_pref("mail.server.server3.name", "Blogs & News Feeds");
user_pref("mail.server.server3.type", "rss");
user_pref("mail.server.server3.userName", "nobody");
user_pref("mail.server.server4.directory-rel", "[ProfD]ImapMail/imap.example.com");
user_pref("mail.server.server4.hostname", "imap.example.com");
user_pref("mail.server.server4.name", "Work (IMAP)");
user_pref("mail.server.server4.type", "imap");
user_pref("mail.server.server4.userName", "a.berg");
""".replace("OLD", OLD)


def main():
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    p = Profile(root)
    pop, local = "Mail/pop.example.org", "Mail/Local Folders"

    p.folder(pop, ["Inbox"], inbox(), flags=0x1004)
    p.folder(pop, ["Trash"], [Mail(SHOP, ANNA, "Old offer", "Until Sunday only.\n", "2023-06-01 10:00")], flags=0x104)
    p.folder(local, ["Posted: my mail"], sent(), flags=0x204)
    p.folder(local, ["Drafts"], [Mail(ANNA, TOM, "The boat", "Dear Tom,\n\nabout the boat: \n", "2024-03-02 22:15",
                                      received=False)], flags=0x404)
    p.folder(local, ["Archives"], [], flags=0x4004)
    p.folder(local, ["Archives", "2022"], archive_2022())
    p.folder(local, ["Projects"], projects())
    p.folder(local, ["Projects", "Garden"], garden())
    p.folder(local, ["Projects", "Offers? 2023/24"], [
        Mail("Roofs & Sons <info@roofs.example>", TOM, "Our offer", "The roof, all in all: 7,400.\n", "2023-10-30 12:00"),
        Mail("Dachdecker Vogt <post@vogt.example>", TOM, "Angebot", "Das Dach: 7.900 €, fertig in zwei Wochen.\n",
             "2023-10-31 12:00", charset="utf-8")])
    # only its .msf knows the name
    p.folder(local, ["Überweisungen; Haus"], [Mail(CLUB, ANNA, "Receipt", "We have received 40.\n", "2024-01-06 08:00")],
             cached=False, msf_name="Überweisungen; Haus")
    # nobody knows it
    p.folder(local, ["What was it?"], [Mail(TOM, ANNA, "Remember?", "Where was that?\n", "2021-05-05 05:05")], cached=False)
    p.folder(local, ["Unwanted"], [Mail("pills@spam.invalid", ANNA, "CHEAP", "Buy.\n", "2024-03-01 03:03", status=0)],
             flags=0x40000004)
    p.folder(local, ["Unsent Messages"], [Mail(ANNA, LIESE, "Postcard", "This one was never sent.\n", "2024-03-02 23:00",
                                               status=READ | QUEUED, received=False)], flags=0x804)
    p.folder("Mail/Feeds", ["Weather"], [
        Mail("Weather <news@weather.invalid>", ANNA, "Rain", "It rains.\n", "2024-03-0%d 06:00" % day, status=FEED,
             received=False) for day in (1, 2)])
    p.folder("Mail/old.example.net", ["Inbox"], [Mail(TOM, ANNA, "My old address", "Here I am.\n", "2015-01-01 12:00")],
             cached=False)
    p.folder("ImapMail/imap.example.com", ["INBOX"], [Mail("Boss <boss@example.com>", ANNA, "Monday", "At nine.\n",
                                                           "2024-03-01 17:00")], cached=False)
    (p.dir / "prefs.js").write_text(PREFS)
    (p.dir / "folderCache.json").write_text(json.dumps(p.cache, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    (p.dir / pop / "popstate.dat").write_text(
        "# POP3 State File\n# This is a generated file!  Do not edit.\n\n*pop.example.org anna.berg\n" +
        "".join("k %08x65e3a1c0 %d\n" % (n, 1709452800 + n * 3600) for n in range(1, 12)))
    (p.dir / pop / "msgFilterRules.dat").write_text('version="9"\nlogging="no"\n')
    (root / "profiles.ini").write_text("[Profile0]\nName=default-release\nIsRelative=1\nPath=%s\nDefault=1\n\n"
                                       "[General]\nStartWithLastProfile=1\nVersion=2\n" % PROFILE)


if __name__ == "__main__":
    main()
