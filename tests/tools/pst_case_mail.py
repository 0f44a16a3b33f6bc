"""Cases of messages: who they are from and to, what state they are in, what headers they came with."""
import struct

from pst_cases import BOB, JANE, ME, MIME_LINES, T0, blob, to, transport
from pst_messages import *  # noqa: F403

DN = "/o=Org/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="
HEADER_STATUS, REMOTE_DELETE = 0x1000, 0x2000


def exchange_sender(name, cn, smtp=None):
    """A sender within the organisation: known by a distinguished name."""
    properties = {SENDER_NAME: name, SENDER_TYPE: "EX", SENDER_ADDRESS: DN + cn, FROM_NAME: name,
                  FROM_TYPE: "EX", FROM_ADDRESS: DN + cn}
    if smtp:
        properties |= {SENDER_SMTP: smtp, FROM_SMTP: smtp}
    return properties


def plain_cases(c):
    lines = transport("<plain@example.org>", "plain", "=?utf-8?Q?J=C3=BCrgen?= <juergen@example.org>",
                      "jane@example.com, exuser@corp.example",
                      ["DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k1;",
                       "\tbh=dGVzdA==; b=AbCd", "References: <a@example.org>", "\t<b@example.org>",
                       "List-Id: A list <list.example.org>", *MIME_LINES])
    people = to(JANE) + to(BOB, role=CC) + to(("Secret", "secret@example.com"), role=BCC) + [
        recipient(TO, "Exch User", DN + "exuser", "EX", "exuser@corp.example")]
    c.add("plain", c.inbox, {"lines": lines[:-len(MIME_LINES)], "absent": ["Bcc"]}, recipients=people,
          body="Grüße\r\nplain\r\n", headers=blob(lines))
    c.add("sent-bcc-ex", c.sent, recipients=people, flags=READ | FROM_ME | SUBMITTED, expect={
        "head": {"In-Reply-To": "<a@example.org>", "References": "<0@example.org> <a@example.org>",
                 "Subject": "sent-bcc-ex", "From": [list(ME)],
                 "To": [list(JANE), ["Exch User", "exuser@corp.example"]], "Cc": [list(BOB)],
                 "Bcc": [["Secret", "secret@example.com"]]}},
        properties={IN_REPLY_TO: "<a@example.org>", REFERENCES: "<0@example.org> <a@example.org>"})
    c.add("unread", c.inbox, flags=0)
    c.add("high-bits-in-flags", c.inbox, flags=READ | 0x30000 | 0x40000000)
    c.add("nothing-known", c.inbox, {"mid": "", "fidelity": ["id-synthesised", "date-guessed"]},
          message_id=None, when=None,
          properties={CREATED_AT: filetime(T0), MODIFIED_AT: filetime(T0 + 9)})
    c.add("no-time-at-all", c.inbox, {"date": None}, when=None)
    c.add("draft", c.drafts, flags=UNSENT | READ, properties={DELIVERED_AT: None, SUBMITTED_AT: None})
    c.add("draft-without-recipients", c.drafts, flags=UNSENT, recipients=[], sender=None, when=None,
          properties={CREATED_AT: filetime(T0)}, expect={"head": {"Subject": "draft-without-recipients"}})
    c.add("unsent-in-outbox", c.outbox, {"state": "outbox"}, flags=UNSENT | SUBMITTED)
    c.add("in-the-junk", c.junk)
    c.add("in-the-trash", c.store.trash)


def state_cases(c):
    def state(case, properties, flags=(), keywords=(), **more):
        c.add(case, c.inbox, {"flags": sorted(["\\Seen", *flags]), "keywords": list(keywords), **more},
              properties=properties)

    state("replied", {LAST_VERB: 102}, ["\\Answered"])
    state("replied-all", {LAST_VERB: 103}, ["\\Answered"])
    state("replied-by-icon", {ICON: 0x105}, ["\\Answered"])
    state("forwarded", {LAST_VERB: 104}, keywords=["$Forwarded"])
    state("forwarded-by-icon", {ICON: 0x106}, keywords=["$Forwarded"])
    state("other-verb", {LAST_VERB: 516})
    state("flagged", {FLAG_STATUS: 2}, ["\\Flagged"])
    state("flag-completed", {FLAG_STATUS: 1})
    state("important", {IMPORTANCE: 2}, head={"Importance": "High"})
    state("unimportant", {IMPORTANCE: 0}, head={"Importance": "Low"})
    state("confidential", {SENSITIVITY: 3}, head={"Sensitivity": "Company-Confidential"})
    category = (PS_PUBLIC_STRINGS, "Keywords", 0x101F)
    c.add("categories", c.inbox, {"keywords": ["Red", "Blue"]}, named={category: ["Red", "Blue"]})
    c.add("category-with-blanks", c.inbox, {"categories": ["Grüne Kategorie", "a(b) {c} %*\"\\"]},
          named={category: ["Grüne Kategorie", "a(b) {c} %*\"\\"]})
    c.add("flagged-draft-replied", c.drafts, {"flags": ["\\Answered", "\\Draft", "\\Flagged", "\\Seen"],
                                              "keywords": ["Work"]}, flags=READ | UNSENT,
          properties={FLAG_STATUS: 2, LAST_VERB: 102}, named={category: ["Work"]})
    head = blob(transport("<header-only@example.org>", "header-only"))
    c.add("header-only", c.inbox, {"state": "partial", "fidelity": ["header-only"]}, body=None,
          headers=head, properties={STATUS: HEADER_STATUS})
    c.add("header-only-by-name", c.inbox, {"state": "partial", "fidelity": ["header-only"]}, body=None,
          headers=head.replace("header-only", "header-only-by-name"),
          named={(PSETID_COMMON, 0x8578, 3): 1})
    c.add("header-item-zero", c.inbox, named={(PSETID_COMMON, 0x8578, 3): 0})
    c.add("properties-twice", c.inbox, {"flags": None}, twice=[(FLAGS, READ | UNSENT), (IMPORTANCE, 2)])


def people_cases(c):
    """Addresses where no transport header tells them."""
    def received(case, address, **more):
        """address: what From must be; None: it is not known."""
        expect = {"head": {"From": [address]} if address else {}, **more.pop("expect", {})}
        if not address:
            expect["fidelity"] = ["address-unresolved", "header-synthesised"]
            expect["not_in_head"] = ["MAILER-DAEMON"]
        c.add(case, c.inbox, expect, sender=None, **more)

    received("exchange-sender-smtp", ["Exch User", "exuser@corp.example"],
             properties=exchange_sender("Exch User", "exuser", "exuser@corp.example"))
    received("exchange-sender-learned", ["Exch User", "exuser@corp.example"],
             properties=exchange_sender("Exch User", "EXUSER"))
    received("exchange-sender-unknown", None, properties=exchange_sender("Nobody Knows", "unknown"),
             expect={"from_name": "Nobody Knows"})
    received("sender-by-one-off", ["Öne Off", "oneoff@example.net"], properties={
        SENDER_NAME: "Öne Off", FROM_NAME: "Öne Off",
        SENDER_ENTRY: one_off("Öne Off", "SMTP", "oneoff@example.net"),
        FROM_ENTRY: one_off("Öne Off", "SMTP", "oneoff@example.net")})
    received("no-sender-at-all", None, expect={"fidelity": [], "not_in_head": ["MAILER-DAEMON"]})
    c.add("sent-on-behalf", c.inbox, {"head": {"From": [["The Boss", "boss@example.org"]],
                                               "Sender": [["Assistant", "assistant@example.org"]]}},
          sender=("Assistant", "assistant@example.org"),
          properties={FROM_NAME: "The Boss", FROM_ADDRESS: "boss@example.org"})
    entry = one_off("Helpdesk", "SMTP", "help@example.org")
    flat = struct.pack("<I", len(entry)) + entry + bytes(-len(entry) % 4)
    c.add("reply-to", c.inbox, {"head": {"Reply-To": [["Helpdesk", "help@example.org"]]}}, properties={
        0x0050001F: "Helpdesk", 0x004F0102: struct.pack("<II", 1, len(flat)) + flat})

    def sent(case, rows, fields, **more):
        c.add(case, c.sent, {"head": {"From": [list(ME)], **fields}, **more.pop("expect", {})},
              recipients=rows, flags=READ | FROM_ME, **more)

    sent("exchange-recipients", [recipient(TO, "Exch User", DN + "exuser", "EX", "exuser@corp.example"),
                                 recipient(CC, "Nobody Knows", DN + "unknown", "EX")],
         {"To": [["Exch User", "exuser@corp.example"]]}, expect={"fidelity": ["address-unresolved"]})
    sent("recipient-by-one-off", [
        {RECIPIENT_TYPE: TO, DISPLAY_NAME: "Uni Code",
         ENTRY_ID: one_off("Uni Code", "SMTP", "uni@example.net")},
        {RECIPIENT_TYPE: CC, DISPLAY_NAME: "An Si",
         ENTRY_ID: one_off("An Si", "SMTP", "ansi@example.net", unicode=False)}],
         {"To": [["Uni Code", "uni@example.net"]], "Cc": [["An Si", "ansi@example.net"]]})
    sent("resent-types", [recipient(0x10000000 | TO, *JANE), recipient(0x10000000 | BCC, *BOB)],
         {"To": [list(JANE)], "Bcc": [list(BOB)]})
    odd = [('Doe, John "Jack" (Sales)', "john@example.com"), ("a;b <c> \\ d", "odd@example.com"),
           ("日本 太郎", "taro@example.jp"), ("", "nameless@example.com"),
           ("bare@example.com", "bare@example.com"), ("Very " * 60 + "long", "long@example.com")]
    sent("odd-names", to(*odd), {"To": [list(person) for person in odd]})
    sent("name-with-line-end", to(("Line\r\nBcc: victim@example.com", "line@example.com")), {},
         expect={"absent": ["Bcc"]})
    sent("not-internet", [recipient(TO, "Fax", "Joe@+49 89 1234", "FAX")], {},
         expect={"fidelity": ["address-unresolved"]})
    many = [recipient((TO, CC)[number % 2], f"User {number}", f"user{number}@example.com")
            for number in range(1000)]
    sent("1000-recipients", many, {name: [[row[DISPLAY_NAME], row[ADDRESS]] for row in many[first::2]]
                                   for first, name in ((0, "To"), (1, "Cc"))})
    sent("empty-recipient-table", [], {})
    c.add("no-recipient-table", c.inbox, recipients=None,
          headers=blob(transport("<no-recipient-table@example.org>", "no-recipient-table")))
    sent("no-recipient-table-no-headers", None, {}, properties={DISPLAY_TO: "Jane Doe; Bob"})


def subject_cases(c):
    def subject(case, value, expected, **more):
        head = {} if expected is None else {"Subject": expected}
        c.add(case, c.inbox, {"subject": expected, "head": head, **more.pop("expect", {})},
              properties={SUBJECT: value}, **more)

    subject("subject-prefix", "\1\x05Re: hello", "Re: hello")
    subject("subject-unmarked", "no mark", "no mark")
    subject("subject-empty", "", "")
    subject("subject-absent", None, "")
    subject("subject-long", "\1\1" + "Überlange Betreffzeile " * 80, "Überlange Betreffzeile " * 80)
    subject("subject-japanese", "\1\1会議のお知らせ🎉", "会議のお知らせ🎉")
    subject("subject-line-end", "\1\1First\r\nX-Evil: yes", None, expect={"absent": ["X-Evil"]})
    subject("subject-tab-and-bell", "\1\1a\tb\x07c", None)
    subject("subject-nul", "\1\1seen\0unseen", "seen")
    if not c.store.ndb.format.ansi:
        subject("lone-surrogate", b"B\0a\0d\0 \0\x00\xd8x\0y\0", "Bad \ufffdxy")
        subject("odd-utf16", "\1\1whole".encode("utf-16-le") + b"x", "whole")


def header_cases(c):
    """Transport headers as stores have them."""
    def headed(case, text, lines=None, **more):
        c.add(case, c.inbox, {"lines": lines, **more.pop("expect", {})}, headers=text, **more)

    def usual(case, **more):
        return transport(f"<{case}@example.org>", case, **more)

    lines = usual("microsoft-line")
    headed("microsoft-line", blob(["Microsoft Mail Internet Headers Version 2.0", *lines]), lines,
           expect={"not_in_head": ["Microsoft Mail"]})
    lines = usual("bare-lf", extra=["X-Folded: one", "\ttwo", *MIME_LINES])
    headed("bare-lf", blob(lines, "\n"), lines[:-len(MIME_LINES)])
    lines = usual("no-blank-end")
    headed("no-blank-end", blob(lines, blank=False), lines)
    headed("no-line-end", "\r\n".join(usual("no-line-end")), usual("no-line-end"))
    lines = usual("body-behind")
    headed("body-behind", blob(lines) + "This is: not a header\r\n", lines, expect={"absent": ["This is"]})
    lines = [line for line in usual("headers-lack-most") if line.startswith(("Received", "\tby"))]
    headed("headers-lack-most", blob(lines), lines, expect={
        "head": {"From": [list(ME)], "To": [list(JANE)], "Subject": "headers-lack-most",
                 "Message-ID": "<headers-lack-most@example.org>"}})
    headed("headers-are-garbage", "\x01\x02 nothing of this is a header\r\n\r\n",
           expect={"head": {"From": [list(ME)], "Subject": "headers-are-garbage"}})
    headed("headers-only-blanks", "\r\n\r\n", expect={"head": {"From": [list(ME)]}})
    lines = usual("eight-bit-header", extra=["X-Name: Jürgen Müller"])
    headed("eight-bit-header", blob(lines), lines[:-1])
    lines = usual("long-header-line", extra=["X-Long: " + "x" * 2000])
    headed("long-header-line", blob(lines), lines[:-1])
    lines = usual("many-headers", extra=[f"X-Number-{number}: {number}" for number in range(600)])
    headed("many-headers", blob(lines), lines)
    headed("id-from-headers", blob(usual("id-from-headers")), usual("id-from-headers"), message_id=None)
    c.add("lf-body", c.inbox, {"text": "one\ntwo\n"}, body="one\ntwo\n")


def all_mail_cases(c):
    for cases in (plain_cases, state_cases, people_cases, subject_cases, header_cases):
        cases(c)
