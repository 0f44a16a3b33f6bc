"""Cases of message classes: signed mail, reports, meetings, what is no mail, and folders that disagree."""
from pst_cases import ME, T0, blob, sha1, to, transport
from pst_messages import *  # noqa: F403

SIGNED = ('Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
          '\tmicalg=sha-256; boundary="=_signed"\r\n\r\n'
          "This is an S/MIME message.\r\n\r\n--=_signed\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe \r\n--=_signed\r\n"
          'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
          "Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n--=_signed--\r\n").encode()
# Class, and what kind of thing it is; None: either is right as long as it is counted.
ZOO = [("IPM.Post", "mail"), ("IPM.Contact", "contact"), ("IPM.Contact.Custom", "contact"),
       ("IPM.Appointment", "appointment"), ("IPM.Task", "task"), ("IPM.TaskRequest", None),
       ("IPM.StickyNote", "note"), ("IPM.Activity", "journal"), ("IPM.DistList", "list"),
       ("IPM.Schedule.Meeting.Request", "mail"), ("REPORT.IPM.Note.NDR", "mail"),
       ("IPM.Recall.Report", "mail"), ("IPM.Document.Word.Document.8", "mail"),
       ("IPM.Microsoft.Voicemail", "mail"), ("IPM.Note.Microsoft.Voicemail.UM", "mail"),
       ("IPM.Sharing", "mail"), ("IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", None),
       ("IPM.Custom.Form", "mail"), ("ipm.note", "mail"), ("ipm.contact", "contact"), ("IPM", "mail"),
       ("IPM.NoteWorthy", "mail"), ("IPM.Contacts", "mail"), ("", "mail"), (None, "mail"),
       ("IPM.Microsoft.ScheduleData.FreeBusy", None), ("IPM.Configuration.CategoryList", None)]


def zoo_cases(c):
    folder = c.folder("Class zoo")
    for number, (cls, kind) in enumerate(ZOO):
        c.add(f"zoo-{number}", folder, {"kind": kind}, subject=f"class {cls}", cls=cls)


def signed_cases(c):
    lines = transport("<signed@example.org>", "signed")
    c.add("signed", c.inbox, {"verbatim": SIGNED.partition(b"\r\n\r\n")[2].decode(), "files": None,
                              "tree": ["multipart/signed", "text/plain", "application/pkcs7-signature"],
                              "text": None, "lines": lines},
          cls="IPM.Note.SMIME.MultipartSigned", body=None, headers=blob(lines),
          attachments=[Attachment("smime.p7m", SIGNED, "multipart/signed")])
    envelope = bytes.fromhex("3080060a2a864886f70d010703") + bytes(range(200))
    c.add("encrypted", c.inbox, {"tree": ["application/pkcs7-mime"], "text": None,
                                 "files": [["smime.p7m", sha1(envelope)]]},
          cls="IPM.Note.SMIME", body=None,
          headers=blob(transport("<encrypted@example.org>", "encrypted")),
          attachments=[Attachment("smime.p7m", envelope, "application/pkcs7-mime")])
    c.add("signed-without-attachment", c.inbox, cls="IPM.Note.SMIME.MultipartSigned")


def report_cases(c):
    original = Message("the original", "Original text", ME, to(("Gone", "gone@example.net")),
                       when=1500000000, message_id="<original@example.org>")
    status = [recipient(TO, "Gone", "gone@example.net", properties={
        0x0C200003: 511, 0x0C21_001F: "mx.example.net", 0x0C04_0003: 1, 0x0C05_0003: 0xFFFFFFFF,
        0x0C1B001F: "550 5.1.1 unknown user",
        0x1001001F: "unknown user"})]
    properties = {0x0032_0040: filetime(T0), 0x0049001F: "the original",
                  0x1046001F: "<original@example.org>"}

    def report(case, cls, kind, **more):
        expect = {"report": kind, "text": None, "status": more.pop("status", [])}
        c.add(case, c.inbox, expect, cls=cls, recipients=more.pop("rows", status),
              properties=properties, **more)

    report("not-delivered", "REPORT.IPM.Note.NDR", "delivery-status", body="Your message did not reach",
           status=["Final-Recipient: rfc822; gone@example.net", "Action: failed", "Status: 5.1.1",
                   "Remote-MTA: dns; mx.example.net", "Diagnostic-Code: smtp; 550 5.1.1 unknown user"],
           attachments=[Attachment("the original", original)])
    report("delivered", "REPORT.IPM.Note.DR", "delivery-status", body=None)
    report("read", "REPORT.IPM.Note.IPNRN", "disposition-notification", body=None)
    report("not-read", "REPORT.IPM.Note.IPNNRN", "disposition-notification", body="Deleted unread")


def meeting_cases(c):
    def named(**more):
        uid = bytes.fromhex("040000008200e00074c5b7101a82e008") + bytes(24) + b"\x10\0\0\0" + bytes(range(16))
        return {(PSETID_APPOINTMENT, 0x820D, 0x40): filetime(T0 + 86400),
                (PSETID_APPOINTMENT, 0x820E, 0x40): filetime(T0 + 90000),
                (PSETID_APPOINTMENT, 0x8208, 0x1F): "Raum 5, Erdgeschoß",
                (PSETID_APPOINTMENT, 0x8217, 3): 1,
                (PSETID_MEETING, 0x0003, 0x102): uid, (PSETID_MEETING, 0x0023, 0x102): uid, **more}

    for case, cls, method in (("meeting-request", "Request", "REQUEST"),
                              ("meeting-cancelled", "Canceled", "CANCEL"),
                              ("meeting-accepted", "Resp.Pos", "REPLY"),
                              ("meeting-declined", "Resp.Neg", "REPLY"),
                              ("meeting-tentative", "Resp.Tent", "REPLY")):
        c.add(case, c.inbox, {"calendar": ["METHOD:" + method, "DTSTART:20200204T090000Z", "UID:"],
                              "fidelity": ["calendar-synthesised", "header-synthesised"]},
              cls="IPM.Schedule.Meeting." + cls, named=named())
    c.add("meeting-without-times", c.inbox, cls="IPM.Schedule.Meeting.Request")


def other_cases(c):
    """What is not mail, in folders of its own, with the stray mail that gets there."""
    contacts, calendar = c.folder("Kontakte", cls="IPF.Contact"), c.folder("Kalender", cls="IPF.Appointment")
    tasks, notes = c.folder("Aufgaben", cls="IPF.Task"), c.folder("Notizen", cls="IPF.StickyNote")
    journal = c.folder("Journal", cls="IPF.Journal")
    c.add("contact", contacts, {"kind": "contact"}, subject="Jane Doe", cls="IPM.Contact", recipients=[],
          properties={DISPLAY_NAME: "Jane Doe", 0x3A06001F: "Jane", 0x3A11001F: "Doe",
                      0x3A16001F: "Example Größe GmbH", 0x3A08001F: "+49 89 1", 0x3A1C001F: "+49 170 2",
                      0x3A42_0040: filetime(315532800)},
          named={(PSETID_ADDRESS, 0x8083, 0x1F): "jane@example.com",
                 (PSETID_ADDRESS, 0x8082, 0x1F): "SMTP", (PSETID_ADDRESS, 0x8005, 0x1F): "Jane Doe"})
    c.add("appointment", calendar, {"kind": "appointment"}, cls="IPM.Appointment", named={
        (PSETID_APPOINTMENT, 0x820D, 0x40): filetime(T0), (PSETID_APPOINTMENT, 0x820E, 0x40): filetime(T0 + 1800),
        (PSETID_APPOINTMENT, 0x8208, 0x1F): "Straße 1", (PSETID_APPOINTMENT, 0x8215, 0xB): False})
    c.add("all-day", calendar, {"kind": "appointment"}, cls="IPM.Appointment", named={
        (PSETID_APPOINTMENT, 0x820D, 0x40): filetime(1580688000),
        (PSETID_APPOINTMENT, 0x820E, 0x40): filetime(1580774400), (PSETID_APPOINTMENT, 0x8215, 0xB): True})
    c.add("task", tasks, {"kind": "task"}, cls="IPM.Task", named={
        (PSETID_TASK, 0x8102, 5): 0.5, (PSETID_TASK, 0x8101, 3): 1})
    c.add("sticky-note", notes, {"kind": "note"}, cls="IPM.StickyNote", named={(PSETID_NOTE, 0x8B00, 3): 3})
    c.add("journal-entry", journal, {"kind": "journal"}, cls="IPM.Activity")
    c.add("distribution-list", contacts, {"kind": "list"}, cls="IPM.DistList", named={
        (PSETID_ADDRESS, 0x8054, 0x1102): [one_off("Jane", "SMTP", "jane@example.com")],
        (PSETID_ADDRESS, 0x8053, 0x1F): "Friends"})
    for folder in (contacts, calendar, tasks, journal):
        c.add(f"stray-in-{folder.nid}", folder)


def folder_cases(c):
    c.add("slash-in-name", c.folder("Ünïcödé / slash", c.inbox))
    c.add("dots-and-signs", c.folder('..\\%&*"~{}', c.inbox))
    c.add("name-with-blanks", c.folder("  two  blanks  "))
    c.add("emoji-name", c.folder("🎉 Fest"))
    for number in (1, 2):
        c.add(f"same-name-{number}", c.folder("Same name"))
    folder = c.folder("Empty folder")
    for level in range(12):
        folder = c.folder(f"Level {level}", folder)
    c.add("twelve-levels", folder)
    c.store.search_folder("Unread Mail")
    c.add("below-the-trash", c.folder("Old", c.store.trash))


def disagreeing_cases(c):
    """Stores that contradict themselves: nothing may go missing without a word."""
    folder = c.folder("Says seven", properties={CONTENT_COUNT: 7})
    c.add("said-seven", folder)
    c.problem("count", nid=folder.nid, said=7, have=1)
    folder = c.folder("Table lacks one")
    c.add("listed", folder)
    nid = c.add("not-in-table", folder, listed=False)
    folder.messages += 1
    c.problem("unlisted", nid=folder.nid, item=nid)
    folder = c.folder("Table has too many")
    c.add("there", folder)
    c.store.list_message(folder, Message("never written"), 0x3FFFC4)
    c.problem("phantom", nid=folder.nid, item=0x3FFFC4)
    nid = c.add("orphan", folder, {"orphan": True}, listed=False, parent=0x77702)
    c.problem("orphan", item=nid)
    c.add("hidden-in-inbox", c.inbox, hidden=True, cls="IPM.Configuration.X")
    c.add("hidden-mail", c.inbox, hidden=True, cls="IPM")


def all_class_cases(c):
    for cases in (zoo_cases, signed_cases, report_cases, meeting_cases, other_cases, folder_cases,
                  disagreeing_cases):
        cases(c)
