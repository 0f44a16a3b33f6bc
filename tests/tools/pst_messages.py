"""Writes Outlook stores, upper layer: store, folders, messages, recipients, attachments (MS-PST 2.4).

    store = pst_messages.Store("mail.pst")
    inbox = store.folder("Inbox")
    store.add(inbox, Message(subject="Hello", body="Hello, world", sender=("Jane", "jane@a.example"),
                             recipients=[recipient(TO, "Joe", "joe@b.example")]))
    store.close()

Messages are written as they are added and forgotten; of each there remains one row of its folder's
table. Nothing depends on the clock or on chance: what is not said is derived from the NID.
"""
import hashlib
import struct
import zlib

import pst_ndb
from pst_ltp import Embedded, Node, Table, write_pc, write_table

TO, CC, BCC = 1, 2, 3
BY_VALUE, BY_REFERENCE, EMBEDDED, OLE, WEB_REFERENCE = 1, 2, 5, 6, 7  # PidTagAttachMethod
READ, UNMODIFIED, SUBMITTED, UNSENT, HAS_ATTACHMENT, FROM_ME, ASSOCIATED = (1 << n for n in (0, 1, 2, 3, 4, 5, 6))

# NIDs (MS-PST 2.4.1) and NID types.
NID_STORE, NID_NAMES, NID_ROOT, NID_RECEIVE_FOLDERS = 0x21, 0x61, 0x122, 0x62B
NID_RECIPIENTS, NID_ATTACHMENTS = 0x692, 0x671
FOLDER, SEARCH_FOLDER, MESSAGE, ATTACHMENT, HIDDEN = 2, 3, 4, 5, 8
HIERARCHY_TABLE, CONTENTS_TABLE, HIDDEN_TABLE = 0xD, 0xE, 0xF

CLASS, SUBJECT, BODY, HTML, RTF = 0x001A001F, 0x0037001F, 0x1000001F, 0x10130102, 0x10090102
HEADERS, MESSAGE_ID, REFERENCES, IN_REPLY_TO = 0x007D001F, 0x1035001F, 0x1039001F, 0x1042001F
FLAGS, SIZE, STATUS, IMPORTANCE, SENSITIVITY = 0x0E070003, 0x0E080003, 0x0E170003, 0x00170003, 0x00360003
SUBMITTED_AT, DELIVERED_AT, CREATED_AT, MODIFIED_AT = 0x00390040, 0x0E060040, 0x30070040, 0x30080040
DISPLAY_TO, DISPLAY_CC, DISPLAY_BCC = 0x0E04001F, 0x0E03001F, 0x0E02001F
SENDER_NAME, SENDER_TYPE, SENDER_ADDRESS, SENDER_SMTP, SENDER_ENTRY = (
    0x0C1A001F, 0x0C1E001F, 0x0C1F001F, 0x5D01001F, 0x0C190102)
FROM_NAME, FROM_TYPE, FROM_ADDRESS, FROM_SMTP, FROM_ENTRY = (
    0x0042001F, 0x0064001F, 0x0065001F, 0x5D02001F, 0x00410102)
LAST_VERB, ICON, FLAG_STATUS, NATIVE_BODY = 0x10810003, 0x10800003, 0x10900003, 0x10160003
INTERNET_CODE_PAGE, MESSAGE_CODE_PAGE, SEARCH_KEY = 0x3FDE0003, 0x3FFD0003, 0x300B0102
DISPLAY_NAME, ADDRESS_TYPE, ADDRESS, SMTP_ADDRESS = 0x3001001F, 0x3002001F, 0x3003001F, 0x39FE001F
RECIPIENT_TYPE, OBJECT_TYPE, ENTRY_ID, RECORD_KEY = 0x0C150003, 0x0FFE0003, 0x0FFF0102, 0x0FF90102
ATTACH_DATA, ATTACH_OBJECT, ATTACH_METHOD, ATTACH_SIZE = 0x37010102, 0x3701000D, 0x37050003, 0x0E200003
ATTACH_LONG_NAME, ATTACH_NAME, ATTACH_MIME, ATTACH_CID = 0x3707001F, 0x3704001F, 0x370E001F, 0x3712001F
ATTACH_LOCATION, ATTACH_FLAGS, ATTACH_HIDDEN, RENDERING = 0x3713001F, 0x37140003, 0x7FFE000B, 0x370B0003
ATTACH_PATH, ATTACH_NUMBER = 0x370D001F, 0x0E210003
CONTENT_COUNT, UNREAD_COUNT, SUBFOLDERS, CONTAINER_CLASS = 0x36020003, 0x36030003, 0x360A000B, 0x3613001F
PASSWORD, TOP_FOLDER, OUTBOX, TRASH, SENT, SEARCH_ROOT = (
    0x67FF0003, 0x35E00102, 0x35E20102, 0x35E30102, 0x35E40102, 0x35E70102)
DRAFTS, OTHER_FOLDERS = 0x36D70102, 0x36D81102
RECEIVE_FOLDER = 0x66050003

HIERARCHY_COLUMNS = (DISPLAY_NAME, CONTENT_COUNT, UNREAD_COUNT, SUBFOLDERS, CONTAINER_CLASS)
CONTENTS_COLUMNS = (IMPORTANCE, CLASS, SENSITIVITY, SUBJECT, SUBMITTED_AT, FROM_NAME, DISPLAY_CC,
                    DISPLAY_TO, DELIVERED_AT, FLAGS, SIZE, STATUS, MODIFIED_AT)
RECIPIENT_COLUMNS = (RECIPIENT_TYPE, OBJECT_TYPE, ENTRY_ID, SEARCH_KEY, DISPLAY_NAME, ADDRESS_TYPE,
                     ADDRESS, SMTP_ADDRESS)
ATTACHMENT_COLUMNS = (ATTACH_SIZE, ATTACH_NAME, ATTACH_METHOD, RENDERING)

# Property sets (MS-OXPROPS 1.3.2), as stored.
PS_MAPI = bytes.fromhex("2803020000000000c000000000000046")
PS_PUBLIC_STRINGS = bytes.fromhex("2903020000000000c000000000000046")
PS_INTERNET_HEADERS = bytes.fromhex("8603020000000000c000000000000046")
PSETID_COMMON = bytes.fromhex("0820060000000000c000000000000046")
PSETID_APPOINTMENT = bytes.fromhex("0220060000000000c000000000000046")
PSETID_MEETING = bytes.fromhex("90dad86e0b451b1098da00aa003f1305")
PSETID_ADDRESS = bytes.fromhex("0420060000000000c000000000000046")
PSETID_TASK = bytes.fromhex("0320060000000000c000000000000046")
PSETID_NOTE = bytes.fromhex("0e20060000000000c000000000000046")

ONE_OFF = bytes.fromhex("812b1fa4bea310199d6e00dd010f5402")  # MUIDOOP, MS-OXCDATA 2.2.5.1


def filetime(unix):
    """100 ns since 1601 from seconds since 1970."""
    return round((unix + 11644473600) * 10_000_000)


def one_off(name, kind, address, unicode=True):
    """The entry id of somebody in no address book."""
    texts = "".join(text + "\0" for text in (name, kind, address))
    return (bytes(4) + ONE_OFF + struct.pack("<HH", 0, 0x9001 if unicode else 0x1001) +
            texts.encode("utf-16-le" if unicode else "cp1252"))


def recipient(role, name, address, kind="SMTP", smtp=None, **more):
    """A row of the recipient table; `more` is nothing but {"properties": {...}}."""
    row = {RECIPIENT_TYPE: role, OBJECT_TYPE: 6, DISPLAY_NAME: name, ADDRESS_TYPE: kind,
           ADDRESS: address}
    if smtp is not None:
        row[SMTP_ADDRESS] = smtp
    row.update(more.get("properties", {}))
    return row


class Attachment:
    """`data` is its bytes, or the Message inside; None: there is no data property."""

    def __init__(self, name=None, data=None, mime=None, method=None, cid=None, properties=None):
        inside = isinstance(data, Message)
        self.data = data
        self.properties = {ATTACH_METHOD: method or (EMBEDDED if inside else BY_VALUE),
                           RENDERING: 0xFFFFFFFF}
        for tag, value in ((ATTACH_LONG_NAME, name), (ATTACH_MIME, mime), (ATTACH_CID, cid),
                           (ATTACH_NAME, short_name(name) if name else None)):
            if value is not None:
                self.properties[tag] = value
        self.properties.update(properties or {})


def short_name(name):
    stem, dot, extension = name.rpartition(".")
    if len(stem or extension) <= 8 and len(extension) <= 3:
        return name
    return (stem if dot else name)[:6] + "~1" + ("." + extension[:3] if dot else "")


class Message:
    """What is known of a message; properties win over what the plain arguments say.

    `recipients` None: the message has no recipient table at all. A property whose value is None is
    left out even where there is a default. `named` is {(set, LID or name, type): value}; `twice` lists
    (tag, value) pairs that stand in the property context once more."""

    def __init__(self, subject=None, body=None, sender=None, recipients=(), attachments=(),
                 headers=None, message_id=None, when=None, flags=READ, cls="IPM.Note",
                 properties=None, named=None, twice=(), codec=None):
        self.recipients = None if recipients is None else list(recipients)
        self.attachments = list(attachments)
        self.named, self.twice, self.codec = named or {}, list(twice), codec
        known = {CLASS: cls, SUBJECT: subject, BODY: body, HEADERS: headers, MESSAGE_ID: message_id,
                 FLAGS: flags | (HAS_ATTACHMENT if attachments else 0), IMPORTANCE: 1}
        if isinstance(subject, str):
            known[SUBJECT] = marked_subject(subject)
        if sender:
            name, address = sender
            known |= {SENDER_NAME: name, SENDER_TYPE: "SMTP", SENDER_ADDRESS: address,
                      FROM_NAME: name, FROM_TYPE: "SMTP", FROM_ADDRESS: address}
        if when is not None:
            known |= {SUBMITTED_AT: filetime(when), DELIVERED_AT: filetime(when + 5),
                      CREATED_AT: filetime(when + 6), MODIFIED_AT: filetime(when + 7)}
        for role, tag in ((TO, DISPLAY_TO), (CC, DISPLAY_CC), (BCC, DISPLAY_BCC)):
            names = [row.get(DISPLAY_NAME, "") for row in self.recipients or ()
                     if row.get(RECIPIENT_TYPE) == role]
            if names and all(isinstance(name, str) for name in names):
                known[tag] = "; ".join(names)
        known.update(properties or {})
        self.properties = {tag: value for tag, value in known.items() if value is not None}


def marked_subject(subject):
    """Behind U+0001 stands the length of the prefix ("Re: ") plus one (MS-PST 2.5.3.1.1.1)."""
    word, colon, _ = subject.partition(": ")
    prefix = len(word) + 2 if colon and 0 < len(word) <= 3 else 0
    return "\1" + chr(prefix + 1) + subject


class Folder:
    def __init__(self, nid, parent, name, cls, properties):
        self.nid, self.parent, self.name, self.cls = nid, parent, name, cls
        self.properties = properties or {}
        self.children = []
        self.messages = self.unread = 0
        self.node = self.contents = self.hidden = None


class Names:
    """The named property map (MS-PST 2.4.7)."""
    BUCKETS = 251

    def __init__(self):
        self.ids, self.sets = {}, []

    def id(self, property_set, name):
        key = (property_set, name)
        if key not in self.ids:
            self.ids[key] = 0x8000 + len(self.ids)
            if property_set not in (PS_MAPI, PS_PUBLIC_STRINGS, *self.sets):
                self.sets.append(property_set)
        return self.ids[key]

    def set_number(self, property_set):
        first = {PS_MAPI: 1, PS_PUBLIC_STRINGS: 2}
        return first.get(property_set) or 3 + self.sets.index(property_set)

    def properties(self):
        """The property context of the map's node."""
        entries, strings, buckets = b"", b"", {}
        for (property_set, name), number in self.ids.items():
            is_text = isinstance(name, str)
            which = self.set_number(property_set) << 1 | is_text
            if is_text:
                text = name.encode("utf-16-le")
                reference, hashed = len(strings), pst_ndb.crc(text)
                strings += struct.pack("<I", len(text)) + text + bytes(-len(text) % 4)
            else:
                reference = hashed = name
            entries += struct.pack("<IHH", reference, which, number - 0x8000)
            bucket = 0x1000 + (hashed ^ which) % self.BUCKETS
            buckets[bucket] = buckets.get(bucket, b"") + struct.pack("<IHH", hashed, which,
                                                                     number - 0x8000)
        return {0x00010003: self.BUCKETS, 0x00020102: b"".join(self.sets), 0x00030102: entries,
                0x00040102: strings, **{number << 16 | 0x102: data for number, data in buckets.items()}}


class Store:
    """A store being written. Its folders Top, Search root, Deleted Items are there from the start."""

    def __init__(self, path, format=pst_ndb.UNICODE, crypt=pst_ndb.PERMUTE, name="Personal Folders",
                 uid=None, codec="cp1252", version=None, crypt_byte=None, password=None,
                 top_name="Top of Personal Folders", trash_name="Deleted Items"):
        self.ndb = pst_ndb.Ndb(path, format, crypt, version, crypt_byte)
        self.codec, self.names = codec, Names()
        self.names.id(PS_PUBLIC_STRINGS, "Keywords")  # readers refuse an empty map
        self.names.id(PSETID_COMMON, 0x8578)
        self.uid = uid or hashlib.md5(name.encode()).digest()
        self.properties = {RECORD_KEY: self.uid, DISPLAY_NAME: name, 0x35DF0003: 0x89,
                           PASSWORD: zlib.crc32(password.encode()) if password else 0}
        self.receive_folders = []  # (message class, NID)
        self.folders = {}
        self.root = self.make_folder(NID_ROOT, NID_ROOT, "", "")
        self.top = self.folder(top_name, self.root, cls="")
        self.search_root = self.folder("Search Root", self.root, cls="")
        self.trash = self.folder(trash_name)

    # ---- folders ----

    def make_folder(self, nid, parent, name, cls, properties=None):
        folder = Folder(nid, parent, name, cls, properties)
        folder.node = Node(self.ndb, self.codec)
        folder.contents = Table(folder.node, CONTENTS_COLUMNS)
        self.folders[nid] = folder
        return folder

    def folder(self, name, parent=None, cls="IPF.Note", properties=None, nid=None):
        parent = parent or self.top
        folder = self.make_folder(nid or self.ndb.new_nid(FOLDER), parent.nid, name, cls, properties)
        parent.children.append(folder)
        return folder

    def search_folder(self, name, parent=None):
        parent = parent or self.search_root
        node = Node(self.ndb, self.codec)
        nid = self.ndb.new_nid(SEARCH_FOLDER)
        data = write_pc(node, {DISPLAY_NAME: name, CONTENT_COUNT: 3, UNREAD_COUNT: 0,
                               SUBFOLDERS: False, CONTAINER_CLASS: "IPF.Note"})
        self.ndb.node(nid, data, node.subnodes(), parent.nid)
        return nid

    def entry_id(self, folder, uid=None):
        return bytes(4) + (uid or self.uid) + struct.pack("<I", folder.nid)

    def role(self, tag, folder, uid=None):
        """A role that the store itself points at: OUTBOX, TRASH, SENT."""
        self.properties[tag] = self.entry_id(folder, uid)

    def inbox(self, folder):
        """The folder that new mail is delivered to."""
        self.receive_folders += [("", folder.nid), ("IPM.Note", folder.nid), ("REPORT.IPM", folder.nid)]

    def drafts_and_junk(self, holder, drafts=None, junk=None, uid=None):
        """Two roles that a folder (the Inbox or the root) points at."""
        if drafts:
            holder.properties[DRAFTS] = self.entry_id(drafts, uid)
        if junk:
            holder.properties[OTHER_FOLDERS] = [b""] * 4 + [self.entry_id(junk, uid)]

    # ---- messages ----

    def add(self, folder, message, listed=True, hidden=False, nid=None, parent=None):
        """Write a message; its NID. `listed` False: the contents table does not know it; `hidden`: an
        associated item; `parent`: another parent node than the folder."""
        nid = nid or self.ndb.new_nid(HIDDEN if hidden else MESSAGE, first=0x10000)
        data, subnodes = self.write_message(message, nid)
        self.ndb.node(nid, data, subnodes, folder.nid if parent is None else parent)
        if listed and folder is not None:
            self.list_message(folder, message, nid, hidden)
        return nid

    def list_message(self, folder, message, nid, hidden=False):
        """A row of the folder's contents table."""
        if hidden:
            folder.hidden = folder.hidden or Table(folder.node, CONTENTS_COLUMNS)
        table = folder.hidden if hidden else folder.contents
        table.add(nid, {tag: message.properties[tag] for tag in CONTENTS_COLUMNS
                        if tag in message.properties})
        if not hidden:
            folder.messages += 1
            folder.unread += not message.properties.get(FLAGS, 0) & READ

    def write_message(self, message, nid):
        """The data and subnode BIDs of a message, embedded ones included."""
        node = Node(self.ndb, message.codec or self.codec)
        pairs = dict(message.properties)
        for (property_set, name, kind), value in message.named.items():
            pairs[self.names.id(property_set, name) << 16 | kind] = value
        if SEARCH_KEY not in pairs:
            pairs[SEARCH_KEY] = hashlib.md5(self.uid + struct.pack("<I", nid)).digest()
        if message.recipients is not None:
            self.write_recipients(node, message.recipients)
        if message.attachments:
            self.write_attachments(node, message.attachments, nid)
        pairs.setdefault(SIZE, sum(len(value) for value in pairs.values()
                                   if isinstance(value, (bytes, str))))
        pairs = {tag: value for tag, value in pairs.items() if value is not None}
        data = write_pc(node, list(pairs.items()) + message.twice if message.twice else pairs)
        return data, node.subnodes()

    def write_recipients(self, node, recipients):
        inner = Node(self.ndb, node.codec)
        data = write_table(inner, self.columns(RECIPIENT_COLUMNS, recipients),
                           enumerate(recipients))
        node.add(NID_RECIPIENTS, data, inner.subnodes())

    @staticmethod
    def columns(usual, rows):
        return list(dict.fromkeys([*usual, *(tag for row in rows for tag in row)]))

    def write_attachments(self, node, attachments, message_nid):
        inner, rows = Node(self.ndb, node.codec), []
        for number, attachment in enumerate(attachments):
            nid = 0x401 + number << 5 | ATTACHMENT
            properties = self.write_attachment(node, attachment, nid, number, message_nid)
            rows.append((nid, {tag: properties[tag] for tag in ATTACHMENT_COLUMNS
                               if tag in properties}))
        data = write_table(inner, ATTACHMENT_COLUMNS, rows)
        node.add(NID_ATTACHMENTS, data, inner.subnodes())

    def write_attachment(self, node, attachment, nid, number, message_nid):
        inner = Node(self.ndb, node.codec)
        properties = {ATTACH_NUMBER: number, **attachment.properties}
        size = 0
        if isinstance(attachment.data, Message):
            inside = self.ndb.new_nid(MESSAGE, first=0x10000)
            data, subnodes = self.write_message(attachment.data, inside)
            inner.add(inside, data, subnodes)
            properties[ATTACH_OBJECT] = Embedded(inside, 4096)
            size = 4096
        elif attachment.data is not None:
            tag, value = ATTACH_DATA, attachment.data
            size = len(value)
            if properties[ATTACH_METHOD] == OLE:  # an object too, its bytes in a subnode
                tag, value = ATTACH_OBJECT, Embedded(inner.large(self.ndb.data(value)), size)
            properties[tag] = value
        properties.setdefault(ATTACH_SIZE, size + 300)
        properties = {tag: value for tag, value in properties.items() if value is not None}
        node.add(nid, write_pc(inner, properties), inner.subnodes())
        return properties

    # ---- the end ----

    def close(self):
        for folder in self.folders.values():
            self.write_folder(folder)
        if self.receive_folders:
            self.write_receive_folders()
        for tag, folder in ((TOP_FOLDER, self.top), (TRASH, self.trash),
                            (SEARCH_ROOT, self.search_root)):
            self.properties.setdefault(tag, self.entry_id(folder))
        self.write_plain(NID_STORE, {tag: value for tag, value in self.properties.items()
                                     if value is not None})
        self.write_plain(NID_NAMES, self.names.properties())
        self.ndb.close()

    def write_plain(self, nid, properties):
        node = Node(self.ndb, self.codec)
        data = write_pc(node, properties)
        self.ndb.node(nid, data, node.subnodes())

    def folder_row(self, folder):
        row = {DISPLAY_NAME: folder.name, CONTENT_COUNT: folder.messages,
               UNREAD_COUNT: folder.unread, SUBFOLDERS: bool(folder.children)}
        if folder.cls:
            row[CONTAINER_CLASS] = folder.cls
        row.update(folder.properties)
        return row

    def write_folder(self, folder):
        node = Node(self.ndb, self.codec)
        data = write_pc(node, {tag: value for tag, value in self.folder_row(folder).items()
                               if value is not None})
        self.ndb.node(folder.nid, data, node.subnodes(), folder.parent)
        below = Node(self.ndb, self.codec)
        rows = ((child.nid, {tag: value for tag, value in self.folder_row(child).items()
                             if tag in HIERARCHY_COLUMNS and value is not None})
                for child in folder.children)
        self.write_table_node(folder, HIERARCHY_TABLE, below,
                              write_table(below, HIERARCHY_COLUMNS, rows))
        self.write_table_node(folder, CONTENTS_TABLE, folder.node, folder.contents.write())
        hidden = folder.hidden or Table(Node(self.ndb, self.codec), CONTENTS_COLUMNS)
        self.write_table_node(folder, HIDDEN_TABLE, hidden.node, hidden.write())

    def write_table_node(self, folder, kind, node, data):
        self.ndb.node(folder.nid & ~31 | kind, data, node.subnodes())

    def write_receive_folders(self):
        node = Node(self.ndb, self.codec)
        rows = ((number, {CLASS: cls, RECEIVE_FOLDER: nid})
                for number, (cls, nid) in enumerate(self.receive_folders, 1))
        data = write_table(node, (CLASS, RECEIVE_FOLDER), rows)
        self.ndb.node(NID_RECEIVE_FOLDERS, data, node.subnodes())
