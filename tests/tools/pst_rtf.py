"""RTF bodies as Outlook keeps them: compressed (MS-OXRTFCP) and wrapped around text or HTML (MS-OXRTFEX)."""
import struct

import pst_ndb

DICTIONARY = (rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
              rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
              b"\r\n" rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx")
WINDOW, LONGEST = 4096, 17


def plain(rtf):
    """Kept as it is: "MELA"."""
    return struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf


def compressed(rtf):
    """"LZFu": references into the last 4096 octets, which begin with a dictionary."""
    tokens = list(lzfu_tokens(rtf))
    stream = bytearray()
    for at in range(0, len(tokens), 8):
        group = tokens[at:at + 8]
        stream.append(sum(1 << bit for bit, token in enumerate(group) if len(token) == 2))
        stream += b"".join(group)
    return struct.pack("<II4sI", len(stream) + 12, len(rtf), b"LZFu",
                       pst_ndb.crc(bytes(stream))) + bytes(stream)


def lzfu_tokens(rtf):
    """A literal is one octet; a reference two: 12 bits of place, 4 bits of length less two."""
    text = DICTIONARY + rtf
    seen = {text[at:at + 3]: at for at in range(len(DICTIONARY) - 2)}
    at = len(DICTIONARY)
    while at < len(text):
        begin, length = seen.get(text[at:at + 3]), 0
        # A reference to the place written next would end the stream.
        if begin is not None and at - begin < WINDOW:
            while (length < LONGEST and at + length < len(text) and
                   text[begin + length] == text[at + length]):
                length += 1
        if length >= 3:
            yield struct.pack(">H", begin % WINDOW << 4 | length - 2)
        else:
            length = 1
            yield text[at:at + 1]
        for place in range(at, at + length):
            seen[text[place:place + 3]] = place
        at += length
    yield struct.pack(">H", at % WINDOW << 4)


def escaped(text, codec):
    """Text as RTF: octets above 127 as \\'xx, what the code page lacks as \\uN?."""
    out = []
    for char in text:
        if char in "\\{}":
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\par\r\n")
        elif char == "\t":
            out.append("\\tab ")
        elif ord(char) < 128:
            out.append(char)
        else:
            try:
                out.append("".join(f"\\'{octet:02x}" for octet in char.encode(codec)))
            except UnicodeEncodeError:
                units = struct.unpack("<%dh" % (len(char.encode("utf-16-le")) // 2),
                                      char.encode("utf-16-le"))
                out.append("".join(f"\\u{unit}?" for unit in units))
    return "".join(out).encode("ascii")


def prologue(kind, code_page):
    return (rb"{\rtf1\ansi\ansicpg%d%s\deff0{\fonttbl" % (code_page, kind) + b"\r\n" +
            rb"{\f0\fswiss Arial;}" + b"\r\n" + rb"{\f1\fmodern Courier New;}}" + b"\r\n" +
            rb"{\colortbl\red0\green0\blue0;\red0\green0\blue255;}" + b"\r\n" +
            rb"\uc1\pard\plain\deftab360 \f0\fs20 ")


def from_text(text, code_page=1252):
    return prologue(rb"\fromtext ", code_page) + escaped(text, f"cp{code_page}") + b"}"


def from_html(pieces, code_page=1252):
    """`pieces`: a str is text, a bytes an HTML tag; text that only RTF readers are to see stands
    between \\htmlrtf and \\htmlrtf0, as Outlook writes it."""
    out = [prologue(rb"\fromhtml1 ", code_page)]
    for piece in pieces:
        if isinstance(piece, bytes):
            tag = piece.replace(b"\\", b"\\\\").replace(b"{", b"\\{").replace(b"}", b"\\}")
            out.append(b"{\\*\\htmltag64 " + tag + b"}\r\n")
            if tag.startswith((b"<p", b"<br")):
                out.append(rb"\htmlrtf \par" + b"\r\n" + rb"\htmlrtf0 ")
        else:
            out.append(escaped(piece, f"cp{code_page}"))
    return b"".join(out) + b"}"


def native(text, code_page=1252):
    """What a user wrote in Rich Text: no other form of it exists."""
    return prologue(b"", code_page) + rb"{\b Bold} and {\i italic}: " + escaped(text, f"cp{code_page}") + b"\\par}"


assert len(DICTIONARY) == 207
