"""Writes Outlook stores, lowest layer: blocks, pages, B-trees and the header (MS-PST 2.2).

The file is written front to back. Space comes in regions, each beginning with its allocation map; a
region is kept in memory until it is full, so that nothing is ever written twice but the header. What
grows with the store are the two indexes alone: a few dozen bytes for each block and node.

Three formats: Unicode (wVer 23), ANSI (14), and the 4K pages of newer OST files (36), whose blocks
are deflated where that helps. CRCs, signatures and back-pointers are real in all of them.
"""
import struct
import zlib

NONE, PERMUTE, CYCLIC = 0, 1, 2  # bCryptMethod
PAGE_BBT, PAGE_NBT, PAGE_FMAP, PAGE_PMAP, PAGE_AMAP, PAGE_DLIST = 0x80, 0x81, 0x82, 0x83, 0x84, 0x86

# mpbbCrypt (MS-PST 5.1): the substitution tables R and S; I is the inverse of R.
TABLE_R = bytes.fromhex(
    "41361362a8216ebbf416cc047f64e85d1ef2cb2a74c55e35d295479e962d9a884c7d843fdbac31b6485ff6c4d8398be7"
    "233b388ec8c1df25b120a546604e9cfbaad35651457c550007c92b9d859b09a08fadb30f63ab894bd7a7155a716642bf"
    "264a6b98faea7753b270052cfd593a867ece06eb827857c78d43afb41cd45bcde2e9274fc3087280cfb0eff5286dbe30"
    "4d3492d50e3c2232e5e4f99fc2d10a8112e1ee918376e397e6618a1779a4b7dc907a5c8c02a6ca69de501a1193b95287"
    "58fced1d37491b6ae0293399bd6cd994f340546ff0c673b8d63e6518441fdd6710f10c19ecae03a1147ba90bfff8a3c0"
    "a201f72ebc2468750dfeba2fb5d0da3d")
TABLE_S = bytes.fromhex(
    "14530f56b3c87a9ceb65481716159f02cc547c83000d0c0ba262a876dbd9edc7c5a4dcac8574d6d0a79bae9a967166c3"
    "6399b8dd73928e847da55ed15d93b1575150808952944f4e0a6bbc8d7f6e47464140440111cb033ff7f4e1a98f3c3af9"
    "fbf0193082092ec99da08649ee6f4d6dc42d813425871b88aafc06a11238fd4c4272641337246a757743ffe6b44b365c"
    "e4d8353d45b92cecb7312b290768a30e697b189e2139be281a5b78f523ca2ab0af3efe048ce7e5983295d3f64ae8a6ea"
    "e9f3d52f7020f21f0567ad5510cecde3273bdabad7c226d4911dd21c2233f8faf15aefcf90b68bb5bdc0bf08971e6ce2"
    "61e0c6c159abbb58de5fdf60797eb28a")
TABLE_I = bytes(TABLE_R.index(value) for value in range(256))


class Format:
    """What differs between the three formats."""

    def __init__(self, name, version, client_version, page, align, block, word, trailer):
        self.name, self.version, self.client_version = name, version, client_version
        self.page, self.align, self.block = page, align, block  # sizes; `block`: most data in one
        self.word = word  # "Q" or "I": BIDs and offsets
        self.trailer = trailer  # of blocks; of pages as well
        self.width = struct.calcsize("<" + word)
        self.ansi = word == "I"
        self.large = page == 4096
        self.first_map = 0x22000 if self.large else 0x4400
        self.header_pages = 0x21000 if self.large else 0x4200  # where the density list lies
        # An allocation map has one bit for each unit of `align` bytes.
        self.map_bytes = page - trailer if self.large else 496
        self.region = self.map_bytes * 8 * align
        self.entries_room = 4056 if self.large else (496 if self.ansi else 488)
        # Heap-on-node: an HID is (block, index) above five zero bits.
        self.hid_shift, self.hid_items = (19, 16383) if self.large else (16, 2047)


UNICODE = Format("unicode", 23, 19, 512, 64, 8176, "Q", 16)
ANSI = Format("ansi", 14, 19, 512, 64, 8180, "I", 12)
OST_4K = Format("ost4k", 36, 12, 4096, 512, 65512, "Q", 24)
FORMATS = {format.name: format for format in (UNICODE, ANSI, OST_4K)}


def crc(data):
    """CRC-32 that begins with 0 and is not inverted at the end (MS-PST 5.3)."""
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def signature(offset, bid):
    value = (offset ^ bid) & 0xFFFFFFFF  # MS-PST 5.5
    return (value >> 16 ^ value) & 0xFFFF


def cyclic(data, bid):
    """MS-PST 5.2; encodes and decodes."""
    key = (bid >> 16 ^ bid) & 0xFFFF
    out = bytearray(len(data))
    for place, byte in enumerate(data):
        low, high = key & 0xFF, key >> 8
        byte = TABLE_S[TABLE_R[byte + low & 0xFF] + high & 0xFF]
        out[place] = TABLE_I[byte - high & 0xFF] - low & 0xFF
        key = key + 1 & 0xFFFF
    return bytes(out)


class Space:
    """Hands out places in the file and writes them region by region, each with its maps."""

    def __init__(self, file, format):
        self.file, self.format = file, format
        self.number = 0  # of the region
        self.free = 0  # bytes that no map counts as taken
        self.begin_region()

    def begin_region(self):
        """A region begins with its map; every eighth also with a page map, some with a free map."""
        self.start = self.format.first_map + self.number * self.format.region
        self.data = bytearray(self.format.page)
        self.gaps = []
        kinds = []
        if self.number % 8 == 0:
            kinds.append(PAGE_PMAP)
        if self.number >= 128 and (self.number - 128) % 496 == 0:
            kinds.append(PAGE_FMAP)
        for kind in kinds:
            self.data += self.map_page(kind, self.start + len(self.data),
                                       b"\xff" * self.format.map_bytes)

    def map_page(self, kind, offset, content):
        content = content.rjust(self.format.page - self.format.trailer, b"\0")
        return content + page_trailer(self.format, kind, 0, crc(content), offset)

    def place(self, data, align=0):
        """Put data there; its offset. The caller made it a multiple of the unit long."""
        offset = self.begin(len(data), align)
        self.data += data
        return offset

    def begin(self, size, align=0):
        """Where the next `size` bytes will lie: a signature is made of that before the bytes are."""
        gap = -(self.start + len(self.data)) % align if align else 0
        if len(self.data) + gap + size > self.format.region:
            self.end_region()
            return self.begin(size, align)
        if gap:
            self.gaps.append((len(self.data), gap))
            self.data += bytes(gap)
        return self.start + len(self.data)

    def end_region(self, last=False):
        unit, taken = self.format.align, len(self.data)
        bits = bytearray(b"\xff" * (taken // unit // 8) + bytes([0xFF00 >> taken // unit % 8 & 0xFF]))
        bits = bits[:self.format.map_bytes].ljust(self.format.map_bytes, b"\0")
        for begin, size in self.gaps:
            for bit in range(begin // unit, (begin + size) // unit):
                bits[bit // 8] &= ~(0x80 >> bit % 8)
            self.free += size
        self.data[:self.format.page] = self.map_page(PAGE_AMAP, self.start, bytes(bits))
        whole = taken + -taken % 4096 if last else self.format.region
        whole = min(whole, self.format.region)
        self.free += whole - taken
        self.file.write(self.data)
        self.file.write(bytes(whole - taken))
        self.end = self.start + whole
        if not last:
            self.number += 1
            self.begin_region()


def page_trailer(format, kind, sig, checksum, bid):
    if format.ansi:
        return struct.pack("<BBHII", kind, kind, sig, bid, checksum)
    trailer = struct.pack("<BBHIQ", kind, kind, sig, checksum, bid)
    return trailer + struct.pack("<Q", 1) if format.large else trailer


class Ndb:
    """A store being written: blocks, data trees, subnode trees and nodes."""

    # Outlook deflates lists of blocks as well; libpff cannot read these.
    deflate_internal = False

    def __init__(self, path, format=UNICODE, crypt=PERMUTE, version=None, crypt_byte=None):
        self.format, self.crypt = format, crypt
        self.version = format.version if version is None else version
        self.crypt_byte = crypt if crypt_byte is None else crypt_byte
        self.file = open(path, "wb")
        self.file.write(bytes(format.first_map))
        self.space = Space(self.file, format)
        self.next_block, self.next_page = 1, 1
        self.blocks = bytearray()  # BBT leaf entries, ascending as BIDs are
        self.nodes = []  # NBT leaf entries
        self.next_index = {}  # highest index handed out, by NID type

    # ---- blocks ----

    def block(self, data, internal=False):
        """One block; its BID."""
        format = self.format
        bid = self.next_block << 2 | (2 if internal else 0)
        self.next_block += 1
        inflated = len(data)
        if not internal and self.crypt == PERMUTE:
            data = data.translate(TABLE_R)
        elif not internal and self.crypt == CYCLIC:
            data = cyclic(data, bid)
        if format.large and (self.deflate_internal or not internal):
            smaller = zlib.compress(data)
            if len(smaller) < len(data):
                data = smaller
        size = len(data) + format.trailer
        size += -size % format.align
        offset = self.space.begin(size)
        parts = (data, bytes(size - len(data) - format.trailer),
                 self.block_trailer(data, inflated, offset, bid))
        self.space.place(b"".join(parts))
        if format.ansi:
            self.blocks += struct.pack("<IIHH", bid, offset, len(data), 2)
        elif format.large:
            self.blocks += struct.pack("<QQHHHH", bid, offset, len(data), inflated, 2, 0)
        else:
            self.blocks += struct.pack("<QQHHI", bid, offset, len(data), 2, 0)
        return bid

    def block_trailer(self, data, inflated, offset, bid):
        sig, checksum = signature(offset, bid), crc(data)
        if self.format.ansi:
            return struct.pack("<HHII", len(data), sig, bid, checksum)
        trailer = struct.pack("<HHIQ", len(data), sig, checksum, bid)
        return trailer + struct.pack("<HHI", 2, inflated, 0) if self.format.large else trailer

    def data(self, data):
        """A data tree of any size; its BID, 0 for no data."""
        room = self.format.block
        if len(data) <= room:
            return self.block(data) if data else 0
        return self.data_of_blocks(data[at:at + room] for at in range(0, len(data), room))

    def data_of_blocks(self, pieces):
        """A data tree of these blocks: one block, an XBLOCK or an XXBLOCK (MS-PST 2.2.2.8.3.2)."""
        bids, total = [], 0
        for piece in pieces:
            bids.append(self.block(piece))
            total += len(piece)
        if len(bids) == 1:
            return bids[0]
        room = (self.format.block - 8) // self.format.width
        rows = [bids[at:at + room] for at in range(0, len(bids), room)]
        left, lists = total, []
        for row in rows:
            part = min(left, len(row) * self.format.block) if len(rows) > 1 else total
            lists.append(self.bid_list(1, row, part))
            left -= part
        return lists[0] if len(lists) == 1 else self.bid_list(2, lists, total)

    def bid_list(self, level, bids, total):
        head = struct.pack("<BBHI", 1, level, len(bids), total)
        return self.block(head + struct.pack(f"<{len(bids)}{self.format.word}", *bids), internal=True)

    def subnodes(self, entries):
        """A subnode tree of (nid, data BID, subnode BID), 0 for none (MS-PST 2.2.2.8.3.3)."""
        if not entries:
            return 0
        word, width = self.format.word, self.format.width
        head = "<BBH" if self.format.ansi else "<BBHI"
        room = self.format.block - struct.calcsize(head)
        entries = sorted(entries)

        def tree_block(level, rows):
            fields = [2, level, len(rows)] + ([] if self.format.ansi else [0])
            flat = [value for row in rows for value in row]
            return self.block(struct.pack(head, *fields) + struct.pack(f"<{len(flat)}{word}", *flat),
                              internal=True)

        most = room // (3 * width)
        leaves = [entries[at:at + most] for at in range(0, len(entries), most)]
        bids = [(leaf[0][0], tree_block(0, leaf)) for leaf in leaves]
        return bids[0][1] if len(bids) == 1 else tree_block(1, bids)

    # ---- nodes ----

    def new_nid(self, kind, first=0x400):
        index = self.next_index.get(kind, first) + 1
        self.next_index[kind] = index
        return index << 5 | kind

    def node(self, nid, data, subnodes=0, parent=0):
        self.next_index[nid & 31] = max(self.next_index.get(nid & 31, 0x400), nid >> 5)
        if self.format.ansi:
            self.nodes.append((nid, struct.pack("<IIII", nid, data, subnodes, parent)))
        else:
            self.nodes.append((nid, struct.pack("<QQQII", nid, data, subnodes, parent, 0)))

    # ---- the end ----

    def btree(self, kind, leaves, width):
        """The pages of one B-tree from its ascending leaf entries; BID and offset of the root."""
        level, entries = 0, [leaves[at:at + width] for at in range(0, len(leaves), width)]
        while True:
            most = self.format.entries_room // width
            pages = [entries[at:at + most] for at in range(0, len(entries), most)] or [[]]
            above = []
            for rows in pages:
                bid, offset = self.btree_page(kind, rows, most, width, level)
                key = rows[0][:self.format.width] if rows else bytes(self.format.width)
                above.append(bytes(key) + struct.pack("<2" + self.format.word, bid, offset))
            if len(above) == 1:
                return bid, offset
            level, entries, width = level + 1, above, 3 * self.format.width

    def btree_page(self, kind, rows, most, width, level):
        format = self.format
        bid = self.next_page << 2
        self.next_page += 1
        content = b"".join(rows).ljust(format.entries_room, b"\0")
        if format.large:
            content += struct.pack("<HHBBH", len(rows), most, width, level, 0).ljust(16, b"\0")
        else:
            content += struct.pack("<BBBB", len(rows), most, width, level)
            content += b"" if format.ansi else bytes(4)
        offset = self.space.begin(format.page, format.page)
        sig = signature(offset, bid)
        self.space.place(content + page_trailer(format, kind, sig, crc(content), bid), format.page)
        return bid, offset

    def close(self):
        width = 12 if self.format.ansi else 24
        self.bbt = self.btree(PAGE_BBT, bytes(self.blocks), width)
        leaves = b"".join(entry for _, entry in sorted(self.nodes))
        self.nbt = self.btree(PAGE_NBT, leaves, 16 if self.format.ansi else 32)
        self.space.end_region(last=True)
        self.file.seek(0)
        self.file.write(self.header())
        self.file.close()

    def header(self):
        format = self.format
        client = b"SO" if format.large else b"SM"
        indexes = struct.pack("<32I", *(self.next_index.get(kind, 0x400) for kind in range(32)))
        head = client + struct.pack("<HHBBII", self.version, format.client_version, 1, 1, 0, 0)
        word = "<" + format.word
        if format.ansi:
            head += struct.pack("<III", self.next_block << 2, self.next_page << 2, 1)
        else:
            head += struct.pack("<QQI", 0, self.next_page << 2, 1)
        head += indexes + (b"" if format.ansi else bytes(8)) + bytes(4)
        for value in (self.space.end, self.space.start, self.space.free, 0, *self.nbt, *self.bbt):
            head += struct.pack(word, value)
        head += b"\2\0\0\0" + (b"" if format.ansi else bytes(4))  # the maps are valid
        head += b"\xff" * 256 + struct.pack("<BBH", 0x80, self.crypt_byte, 0)
        if format.ansi:
            head = head.ljust(504, b"\0")
            return b"!BDN" + struct.pack("<I", crc(head[:471])) + head
        head += struct.pack("<Q", self.next_block << 2)
        full = crc(head[:516])
        return (b"!BDN" + struct.pack("<I", crc(head[:471])) + head +
                struct.pack("<I", full)).ljust(564, b"\0")
