"""Writes Outlook stores, middle layer: heaps, B-trees on heaps, property and table contexts (MS-PST 2.3).

Properties are {tag: value}: a tag is id << 16 | type as in MS-OXPROPS, a value what Python calls it
(int, bool, float, str, bytes, a list of str, bytes or int; a time is a FILETIME number). Text tags
end in 001F; a store in the ANSI format writes them as 001E in its code page. A bytes value is always
written as it is, so that broken text can be made.
"""
import struct

T_INT16, T_INT32, T_FLOAT, T_DOUBLE, T_BOOLEAN, T_OBJECT, T_INT64 = 2, 3, 4, 5, 0xB, 0xD, 0x14
T_STRING8, T_UNICODE, T_TIME, T_GUID, T_BINARY, T_MULTIPLE = 0x1E, 0x1F, 0x40, 0x48, 0x102, 0x1000
INLINE = {T_INT16: "<I", T_INT32: "<I", T_FLOAT: "<f", T_BOOLEAN: "<I"}  # in a property context
IN_ROW = {T_INT16: "<H", T_INT32: "<I", T_FLOAT: "<f", T_BOOLEAN: "<b", T_DOUBLE: "<d",
          T_INT64: "<q", T_TIME: "<Q"}  # in a row of a table
HEAP_VALUE_MAX = 3580  # larger values go to a subnode
PC, TC = 0xBC, 0x7C  # client signatures
ROW_ID, ROW_VERSION = 0x67F20003, 0x67F30003
NID_LTP = 0x1F


class Node:
    """A node being made: hands out the subnodes that large values and tables need."""

    def __init__(self, ndb, codec="cp1252"):
        self.ndb, self.codec = ndb, codec
        self.entries = []  # (nid, data, subnodes)
        self.next_large = 1

    def add(self, nid, data, subnodes=0):
        self.entries.append((nid, data, subnodes))

    def large(self, data):
        """A value or table too large for a heap."""
        nid = self.next_large << 5 | NID_LTP
        self.next_large += 1
        self.add(nid, data)
        return nid

    def subnodes(self):
        return self.ndb.subnodes(self.entries)


class Heap:
    """Heap-on-node (MS-PST 2.3.1): items in blocks, each block with a map of its items at the end."""

    def __init__(self, format, client):
        self.format, self.client = format, client
        self.root = 0
        self.full = []  # blocks of items that nothing fits into any more
        self.items, self.used = [], self.head_size(0)

    def head_size(self, number):
        return 12 if number == 0 else 66 if number % 128 == 8 else 2

    def add(self, data):
        """Keep an item; its HID."""
        # The map: two counts and one offset more than there are items, on an even place.
        if (self.used + len(data) + 2 * len(self.items) + 9 > self.format.block or
                len(self.items) == self.format.hid_items):
            self.full.append((self.items, self.used))
            self.items, self.used = [], self.head_size(len(self.full))
        self.items.append(data)
        self.used += len(data)
        return len(self.full) << self.format.hid_shift | len(self.items) << 5

    def replace(self, hid, data):
        """Another item of the same length."""
        number = hid >> self.format.hid_shift
        items = self.full[number][0] if number < len(self.full) else self.items
        items[(hid >> 5 & self.format.hid_items) - 1] = data

    def blocks(self):
        blocks = self.full + [(self.items, self.used)]
        levels = [self.fill_level(items, used) for items, used in blocks]
        for number, (items, used) in enumerate(blocks):
            yield self.block(number, items, number + 1 < len(blocks), levels)

    def fill_level(self, items, used):
        left = self.format.block - used - 2 * len(items) - 6
        for level, room in enumerate((3584, 2560, 2048, 1792, 1536, 1280, 1024, 768, 512, 256, 128,
                                      64, 32, 16, 8)):
            if left >= room:
                return level
        return 15

    def block(self, number, items, padded, levels):
        offsets, at = [], self.head_size(number)
        for item in items:
            offsets.append(at)
            at += len(item)
        offsets.append(at)
        page_map = struct.pack(f"<HH{len(offsets)}H", len(items), 0, *offsets)
        # All blocks of a data tree but the last are full.
        map_at = self.format.block - len(page_map) if padded else at
        map_at += -1 if padded and map_at % 2 else map_at % 2
        head = struct.pack("<H", map_at)
        if number == 0:
            head += struct.pack("<BBI", 0xEC, self.client, self.root) + self.packed(levels[:8], 4)
        elif number % 128 == 8:
            head += self.packed(levels[number:number + 128], 64)
        block = head + b"".join(items) + bytes(map_at - at) + page_map
        return block.ljust(self.format.block, b"\0") if padded else block

    @staticmethod
    def packed(levels, size):
        levels = levels + [0] * (2 * size - len(levels))
        return bytes(low | high << 4 for low, high in zip(levels[::2], levels[1::2]))

    def write(self, ndb):
        return ndb.data_of_blocks(self.blocks())


def write_bth(heap, header, records, key_size, entry_size):
    """A B-tree on the heap (MS-PST 2.3.2) from ascending (key bytes + entry bytes)."""
    levels, width = 0, key_size + entry_size
    root = 0
    while records:
        most = HEAP_VALUE_MAX // width
        leaves = [records[at:at + most] for at in range(0, len(records), most)]
        hids = [heap.add(b"".join(leaf)) for leaf in leaves]
        if len(hids) == 1:
            root = hids[0]
            break
        records = [leaf[0][:key_size] + struct.pack("<I", hid) for leaf, hid in zip(leaves, hids)]
        width, levels = key_size + 4, levels + 1
    heap.replace(header, struct.pack("<BBBBI", 0xB5, key_size, entry_size, levels, root))


def tag_in(format, tag):
    """The tag as this format has it: no Unicode text in ANSI stores."""
    if format.ansi and tag & 0xEFFF == T_UNICODE:
        return tag - 1
    return tag


def packed(code, kind, value):
    """A number; MAPI's are signed, its bit fields are not, so both are taken."""
    if kind == T_INT32:
        value &= 0xFFFFFFFF
    return struct.pack(code, value)


def stored(tag, value, codec):
    """The bytes of a value that does not stand inline."""
    kind = tag & 0xFFFF
    if kind & T_MULTIPLE:
        return stored_multiple(kind & ~T_MULTIPLE, value, codec)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if kind == T_UNICODE:
        return value.encode("utf-16-le", "surrogatepass")
    if kind == T_STRING8:
        return value.encode(codec, "replace")
    if kind in IN_ROW:
        return packed(IN_ROW[kind], kind, value)
    raise TypeError(f"property {tag:08x}: {value!r}")


def stored_multiple(kind, values, codec):
    """MS-PST 2.3.3.4: a count and offsets before what has no fixed size."""
    parts = [stored(kind, value, codec) for value in values]
    if kind in IN_ROW:
        return b"".join(parts)
    at, offsets = 4 + 4 * len(parts), []
    for part in parts:
        offsets.append(at)
        at += len(part)
    return struct.pack(f"<I{len(parts)}I", len(parts), *offsets) + b"".join(parts)


def hnid(heap, node, data):
    """Where a value lies: on the heap, or in a subnode. 0: it is empty."""
    if not data:
        return 0
    if len(data) <= HEAP_VALUE_MAX:
        return heap.add(data)
    return node.large(node.ndb.data(data))


class Embedded:
    """The value of a PtypObject: a subnode of the node, and its size."""

    def __init__(self, nid, size):
        self.nid, self.size = nid, size


def write_pc(node, properties):
    """A property context (MS-PST 2.3.3); the BID of its heap. `properties` is a dict, or a list of
    pairs where a property is to stand twice."""
    format = node.ndb.format
    heap = Heap(format, PC)
    heap.root = heap.add(bytes(8))
    records = []
    pairs = properties.items() if isinstance(properties, dict) else properties
    for tag, value in sorted(pairs, key=lambda pair: pair[0] >> 16):
        tag = tag_in(format, tag)
        kind = tag & 0xFFFF
        if kind in INLINE:
            entry = packed(INLINE[kind], kind, value)
        elif isinstance(value, Embedded):
            entry = struct.pack("<I", heap.add(struct.pack("<II", value.nid, value.size)))
        else:
            entry = struct.pack("<I", hnid(heap, node, stored(tag, value, node.codec)))
        records.append(struct.pack("<HH", tag >> 16, kind) + entry)
    write_bth(heap, heap.root, records, 2, 6)
    return heap.write(node.ndb)


class Table:
    """A table context (MS-PST 2.3.4). Rows are taken one by one; what is kept is the finished row."""

    def __init__(self, node, tags):
        self.node, self.format = node, node.ndb.format
        self.heap = Heap(self.format, TC)
        self.index_header = self.heap.add(bytes(8))
        self.columns, self.row_size, self.ends = self.layout(
            [tag_in(self.format, tag) for tag in tags])
        self.rows, self.ids = [], []

    @staticmethod
    def width(tag):
        kind = tag & 0xFFFF
        return struct.calcsize(IN_ROW[kind]) if kind in IN_ROW else 4

    def layout(self, tags):
        """Wide cells first; behind the cells a bit for each says whether it is there."""
        rest = sorted((tag for tag in tags if tag not in (ROW_ID, ROW_VERSION)),
                      key=lambda tag: (-self.width(tag), tag))
        columns, at, ends = {}, 0, {}
        for bit, tag in enumerate([ROW_ID, ROW_VERSION] + rest):
            columns[tag] = (at, self.width(tag), bit)
            at += self.width(tag)
            ends[self.width(tag)] = at
        four = max(ends.get(8, 0), ends[4])
        two = max(ends.get(2, 0), four)
        one = max(ends.get(1, 0), two)
        row_size = one + (len(columns) + 7) // 8
        return columns, row_size, (four, two, one, row_size)

    def add(self, row_id, values):
        row = bytearray(self.row_size)
        cells = {ROW_ID: row_id, ROW_VERSION: len(self.rows) + 1, **values}
        for tag, value in cells.items():
            tag = tag_in(self.format, tag)
            offset, width, bit = self.columns[tag]
            kind = tag & 0xFFFF
            if kind in IN_ROW:
                row[offset:offset + width] = packed(IN_ROW[kind], kind, value)
            else:
                place = hnid(self.heap, self.node, stored(tag, value, self.node.codec))
                struct.pack_into("<I", row, offset, place)
            row[self.ends[2] + bit // 8] |= 0x80 >> bit % 8
        self.ids.append(row_id)
        self.rows.append(bytes(row))

    def matrix(self):
        """The rows; they do not straddle blocks."""
        if len(self.rows) * self.row_size <= HEAP_VALUE_MAX:
            return self.heap.add(b"".join(self.rows)) if self.rows else 0
        most = self.format.block // self.row_size
        blocks = [b"".join(self.rows[at:at + most]) for at in range(0, len(self.rows), most)]
        full = [block.ljust(self.format.block, b"\0") for block in blocks[:-1]]
        return self.node.large(self.node.ndb.data_of_blocks(full + blocks[-1:]))

    def write(self):
        """The BID of its heap; large values have become subnodes of the node."""
        number = "<IH" if self.format.ansi else "<II"
        places = sorted((row_id, place) for place, row_id in enumerate(self.ids))
        write_bth(self.heap, self.index_header, [struct.pack(number, *pair) for pair in places], 4,
                  struct.calcsize(number) - 4)
        info = struct.pack("<BB4HIII", TC, len(self.columns), *self.ends, self.index_header,
                           self.matrix(), 0)
        for tag, (offset, width, bit) in sorted(self.columns.items()):
            info += struct.pack("<IHBB", tag, offset, width, bit)
        self.heap.root = self.heap.add(info)
        return self.heap.write(self.node.ndb)


def write_table(node, tags, rows):
    """A table of (row id, {tag: value})."""
    table = Table(node, tags)
    for row_id, values in rows:
        table.add(row_id, values)
    return table.write()
