"""Cases of content: bodies and their charsets, attachments, messages in messages."""
import pst_rtf
from pst_cases import JANE, ME, blob, sha1, to, transport
from pst_messages import *  # noqa: F403

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154"
                    "789c6360606060000000050001a5f645400000000049454e44ae426082")

# (code page, Python's name for it, a text that it can write)
CODE_PAGES = [(page, f"cp{page}", text) for page, text in (
    (437, "Größe ½"), (737, "Καλημέρα"), (775, "Žąsų"), (850, "Größe ça"), (852, "Příliš žluťoučký"),
    (855, "Привет"), (857, "Ağaç İzmir"), (858, "Größe €"), (860, "São João"), (861, "Þórður"),
    (862, "שלום"), (863, "Noël ça"), (864, "ﺓ"), (865, "Ærø Øst"), (866, "Привет"), (869, "Καλημέρα"),
    (874, "สวัสดี"), (932, "会議のお知らせ"), (936, "会议通知"), (949, "회의 안내"), (950, "會議通知"),
    (1250, "Příliš žluťoučký"), (1251, "Привет"), (1252, "Größe € ‚so‘"), (1253, "Καλημέρα"),
    (1254, "Ağaç İzmir"), (1255, "שלום"), (1256, "مرحبا"), (1257, "Žąsų"), (1258, "Nguyên"))] + [
    (10000, "mac_roman", "Größe ça"), (10006, "mac_greek", "Καλημέρα"), (10007, "mac_cyrillic", "Привет"),
    (10029, "mac_latin2", "žluť"), (10079, "mac_iceland", "Þórður"), (10081, "mac_turkish", "İzmir"),
    (20127, "ascii", "Plain"), (20866, "koi8_r", "Привет"), (20932, "euc_jp", "会議"),
    (20936, "gb2312", "会议"), (21866, "koi8_u", "Привіт"), (28591, "latin_1", "Größe"),
    (28592, "iso8859_2", "Příliš žluť"), (28593, "iso8859_3", "Ġurdan Ħ"), (28594, "iso8859_4", "Žąsų"),
    (28595, "iso8859_5", "Привет"), (28596, "iso8859_6", "مرحبا"), (28597, "iso8859_7", "Καλημέρα"),
    (28598, "iso8859_8", "שלום"), (28599, "iso8859_9", "İzmir Ağaç"), (28600, "iso8859_10", "Þórður"),
    (28601, "iso8859_11", "สวัสดี"), (28603, "iso8859_13", "Žąsų"), (28604, "iso8859_14", "Ŵŷ"),
    (28605, "iso8859_15", "Größe €"), (28606, "iso8859_16", "Țară"), (38598, "iso8859_8", "שלום"),
    (50220, "iso2022_jp", "会議のお知らせ"), (50221, "iso2022_jp", "会議"), (50222, "iso2022_jp", "会議"),
    (50225, "iso2022_kr", "회의 안내"), (51932, "euc_jp", "会議のお知らせ"), (51936, "gb2312", "会议通知"),
    (51949, "euc_kr", "회의 안내"), (52936, "hz", "会议通知"), (54936, "gb18030", "会议 Größe 🎉"),
    (1361, "johab", "회의 안내"), (65000, "utf_7", "Größe 会議"), (65001, "utf_8", "Größe 会議 🎉")]
STRING8_BODY, STRING8_SUBJECT, HTML_TEXT = 0x1000001E, 0x0037001E, 0x1013001F


def code_page_cases(c):
    """Text as octets in every code page: the subject and body by the message's, HTML by the internet's."""
    folder = c.folder("Code pages")
    for page, codec, text in CODE_PAGES:
        octets = text.encode(codec)
        html = f"<html><body><p>{text}</p></body></html>".encode(codec)
        expect = {"subject": text, "text": f"{text}\r\n", "html": text, "head": {"Subject": text}}
        c.add(f"code-page-{page}", folder, expect | {"octets": True}, sender=("Page", "page@example.org"),
              subject=None, body=None, properties={
                  STRING8_SUBJECT: octets, STRING8_BODY: f"{text}\r\n".encode(codec), HTML: html,
                  MESSAGE_CODE_PAGE: page, INTERNET_CODE_PAGE: page})
    # An ANSI store has a code page of its own to fall back on.
    guessed = [] if c.store.ndb.format.ansi else ["charset-guessed"]
    c.add("code-page-unknown", folder, {"text": None, "fidelity": guessed}, body=None,
          properties={STRING8_BODY: b"caf\xe9\r\n", MESSAGE_CODE_PAGE: 4711, INTERNET_CODE_PAGE: 4711})


def body_cases(c):
    def body(case, tree=None, text=None, html=None, **more):
        expect = {"tree": tree, "text": text, "html": html, **more.pop("expect", {})}
        properties = more.pop("properties", {})
        c.add(case, c.inbox, expect, properties={BODY: text, **properties}, **more)

    both = ["multipart/alternative", "text/plain", "text/html"]
    page = "<html><head></head><body><p>Grüße <b>fett</b></p></body></html>"
    body("text-only", ["text/plain"], "Just text.\r\n")
    body("text-and-html", both, "Grüße fett\r\n", "Grüße <b>fett</b>",
         properties={HTML: page.encode(), MESSAGE_CODE_PAGE: 1252})
    body("html-only", ["text/html"], None, "Grüße <b>fett</b>", properties={HTML: page.encode()})
    body("html-in-latin1", ["text/html"], None, "Grüße <b>fett</b>", properties={
        HTML: page.encode("latin-1"), INTERNET_CODE_PAGE: 28591})
    body("html-meta-wins", ["text/html"], None, "Grüße <b>fett</b>", properties={
        HTML: page.replace("<head>", '<head><meta charset="windows-1252">').encode("cp1252"),
        INTERNET_CODE_PAGE: 65001})
    body("html-utf16", ["text/html"], None, "Grüße <b>fett</b>", properties={
        HTML: b"\xff\xfe" + page.encode("utf-16-le")})
    body("html-with-nul", ["text/html"], None, "Grüße <b>fett</b>",
         properties={HTML: page.encode() + b"\0\0\0"})
    body("html-nul-inside", ["text/html"], None, "behind", properties={
        HTML: b"<html><body>before\0 behind</body></html>"})
    if not c.store.ndb.format.ansi:
        body("html-as-text-property", ["text/html"], None, "Grüße <b>fett</b>",
             properties={HTML_TEXT: page})
    body("html-one-long-line", ["text/html"], None, "fett", properties={
        HTML: b"<html><body>" + b"<i>x</i>" * 30000 + b"<b>fett</b></body></html>"})
    body("no-body", expect={"fidelity": ["no-body"]})
    body("empty-text", None, "")
    body("long-lines", ["text/plain"], "word " * 2000 + "\r\n" + "x" * 3000 + "\r\nend\r\n")
    body("from-and-dots", ["text/plain"], "From here\r\n.\r\n..\r\n>From\r\n-- \r\nend\r\n")
    body("no-final-line-end", ["text/plain"], "no end")
    body("controls-in-text", ["text/plain"], None, properties={BODY: "a\x00b\x07c\r\rd\n\n\x1a"})
    body("big-body", ["text/plain"], "".join(f"Zeile {number} ünd\r\n" for number in range(13000)))
    body("emoji-body", ["text/plain"], "Grüße 🎉 日本\r\n")


def rtf_cases(c):
    text = "Grüße aus Zürich\n{geschweift} \\ 100 %\nEnde €\n"
    pieces = [b"<html>", b"<body>", b"<p>", "Grüße {a} ", b"<b>", "fett", b"</b>", b"</p>", b"</body>",
              b"</html>"]

    def rtf(case, data, **expect):
        c.add(case, c.inbox, expect, body=None, properties={RTF: data, MESSAGE_CODE_PAGE: 1252})

    rtf("rtf-from-text", pst_rtf.compressed(pst_rtf.from_text(text)), text=text, tree=["text/plain"])
    rtf("rtf-from-html", pst_rtf.compressed(pst_rtf.from_html(pieces)), html="Grüße {a} <b>fett</b>",
        tree=["text/html"])
    rtf("rtf-mela-text", pst_rtf.plain(pst_rtf.from_text(text)), text=text, tree=["text/plain"])
    rtf("rtf-mela-html", pst_rtf.plain(pst_rtf.from_html(pieces)), html="Grüße {a} <b>fett</b>",
        tree=["text/html"])
    native = pst_rtf.native("native Grüße")
    rtf("rtf-native", pst_rtf.compressed(native), text_has="native Grüße", fidelity=["rtf-to-text"],
        files_sha1=[sha1(native)])
    long_text = "".join(f"Zeile {number} mit Text, Grüße\n" for number in range(9000))
    rtf("rtf-large", pst_rtf.compressed(pst_rtf.from_text(long_text)), text=long_text)
    broken = bytearray(pst_rtf.compressed(pst_rtf.from_text(text)))
    broken[40] ^= 0x55
    rtf("rtf-damaged", bytes(broken), fidelity=["rtf-damaged"])
    rtf("rtf-too-short", b"\x10\0\0\0LZ", fidelity=["rtf-damaged"])
    c.add("rtf-beside-text", c.inbox, {"text": "text\r\n", "tree": ["text/plain"], "files": []},
          body="text\r\n", properties={RTF: pst_rtf.compressed(pst_rtf.from_text("text\n"))})
    c.add("rtf-beside-html", c.inbox, {"html": "<b>fett</b>", "files": []}, body="fett\r\n", properties={
        HTML: b"<html><body><b>fett</b></body></html>",
        RTF: pst_rtf.compressed(pst_rtf.from_html(pieces))})


def attachment_cases(c):
    data = bytes(range(256)) * 1200
    png = Attachment("logo.png", PNG, "image/png", cid="cid1@x", properties={ATTACH_FLAGS: 4})
    html = b'<html><body><img src="cid:cid1@x">x</body></html>'
    c.add("attachments", c.inbox, {"related": ["logo.png"]}, body="see\r\n", attachments=[
        Attachment("données été.bin", data, "application/octet-stream"), png,
        Attachment("empty.txt", b"", "text/plain")], properties={HTML: html},
        headers=blob(transport("<attachments@example.org>", "attachments")))
    c.add("inline-hidden", c.inbox, {"related": ["image001.png"]}, attachments=[
        Attachment("image001.png", PNG, "image/png", cid="i1", properties={ATTACH_HIDDEN: True})],
        properties={HTML: b'<html><body><img src="cid:i1"></body></html>'})
    c.add("inline-by-reference-in-html", c.inbox, {"related": ["a.png"]}, attachments=[
        Attachment("a.png", PNG, "image/png", cid="a.png@01D2"), Attachment("b.png", PNG, "image/png")],
        properties={HTML: b'<html><body><img src="cid:a.png@01D2"></body></html>'})
    c.add("inline-by-location", c.inbox, {"related": ["pic.png"]}, attachments=[
        Attachment("pic.png", PNG, "image/png", properties={
            ATTACH_LOCATION: "http://example.org/pic.png"})],
        properties={HTML: b'<html><body><img src="http://example.org/pic.png"></body></html>'})
    c.add("cid-without-html", c.inbox, attachments=[Attachment("a.png", PNG, "image/png", cid="x@y")])
    names = ["plain.txt", "Bücher & mehr.pdf", "日本語のファイル名.docx", 'quote".txt', "semi;colon.txt",
             "back\\slash.txt", "../../etc/passwd", "line\r\nX-Evil: 1.txt", "x" * 250 + ".txt", "same.txt",
             "same.txt", "no-extension"]
    c.add("attachment-names", c.inbox, {"absent": ["X-Evil"], "names_may_differ": True}, attachments=[
        Attachment(name, f"content of {number}".encode()) for number, name in enumerate(names)])
    c.add("attachment-without-name", c.inbox, {"files": [["", sha1(b"nameless")]]},
          attachments=[Attachment(None, b"nameless", "application/x-thing")])
    c.add("short-name-only", c.inbox, attachments=[
        Attachment(None, b"short", properties={ATTACH_NAME: "SHORT.TXT"})])
    c.add("attachment-mail-types", c.inbox, attachments=[
        Attachment("mail.eml", b"From: a@example.org\r\nSubject: x\r\n\r\nBody\r\n", "message/rfc822"),
        Attachment("signed.txt", b"no multipart at all", "multipart/mixed"),
        Attachment("bad.bin", b"x", "not a type"), Attachment("t.txt", "Grüße\r\n".encode(), "text/plain")],
        expect={"names_may_differ": True, "files": None})
    c.add("400-attachments", c.inbox, attachments=[
        Attachment(f"file{number:03}.txt", f"file{number:03}.txt".encode(), "text/plain")
        for number in range(400)])
    c.add("by-reference", c.inbox, {"fidelity": ["attachment-referenced"], "files": None}, attachments=[
        Attachment("plan.xls", None, method=BY_REFERENCE, properties={ATTACH_PATH: "\\\\server\\share\\plan.xls"})])
    c.add("web-reference", c.inbox, {"fidelity": ["attachment-referenced"], "files": None}, attachments=[
        Attachment("cloud.docx", None, method=WEB_REFERENCE,
                   properties={ATTACH_PATH: "https://cloud.example.org/d/1"})])
    c.add("ole-object", c.inbox, {"fidelity": ["attachment-ole"], "names_may_differ": True}, attachments=[
        Attachment("Picture (Metafile)", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1528), method=OLE)])
    c.add("attachment-cut", c.inbox, {"fidelity": ["attachment-truncated"]}, attachments=[
        Attachment("cut.bin", b"only this", properties={ATTACH_SIZE: 100000})])
    c.add("attachment-without-data", c.inbox, {"fidelity": ["attachment-missing"], "files": None},
          attachments=[Attachment("gone.bin", None)])
    c.add("rights-managed", c.inbox, {"fidelity": ["rights-managed"]}, attachments=[
        Attachment("message.rpmsg", b"\x76\xe8\x04\x60\xc4\x11\xe3\x86" + bytes(200),
                   "application/x-microsoft-rpmsg-message")],
        properties={0x7FFF001F: "application/x-microsoft-rpmsg-message"})


def embedded_cases(c):
    def inner(depth):
        inside = [Attachment(None, inner(depth - 1))] if depth else [Attachment("deep.txt", b"deepest")]
        return Message(f"inner {depth}", f"Level {depth} ü\r\n", ("Inner", "inner@example.org"), to(JANE),
                       inside, message_id=f"<inner{depth}@example.org>", when=1500000000 + depth)

    c.add("embedded", c.inbox, {"tree": ["multipart/mixed", "text/plain", "message/rfc822"]}, attachments=[
        Attachment(None, Message("inner subject ü", "inner body", ME, to(("Inner", "inner@example.org")),
                                 when=1500000000, message_id="<inner@example.org>"))])
    c.add("embedded-three-deep", c.inbox, {"deep": ["inner 2", "inner 1", "inner 0"]},
          attachments=[Attachment("Forwarded mail", inner(2))])
    c.add("embedded-twelve-deep", c.inbox, {"deep_or_reported": True},
          attachments=[Attachment("Forwarded mail", inner(11))])
    c.add("embedded-with-headers", c.inbox, attachments=[Attachment("x", Message(
        "inner headers", "inner body", ME, to(JANE), headers=blob(transport("<ih@example.org>", "inner headers")),
        message_id="<ih@example.org>", when=1500000000)), Attachment("beside.txt", b"beside")])
    c.add("embedded-contact", c.inbox, attachments=[Attachment("Jane", Message(
        "Jane", None, ME, [], cls="IPM.Contact", when=1500000000, properties={DISPLAY_NAME: "Jane Doe"}))])


def all_body_cases(c):
    for cases in (body_cases, rtf_cases, code_page_cases, attachment_cases, embedded_cases):
        cases(c)
