"""Damages Outlook stores, the same way for the same seed: bits, pages, blocks, ends, and forgeries whose
checksums are right again."""
import random
import struct

import pst_ndb


class Layout:
    """Where the pages and blocks of a store lie."""

    def __init__(self, data):
        self.data = data
        version = struct.unpack_from("<H", data, 10)[0]
        self.format = pst_ndb.ANSI if version <= 15 else (
            pst_ndb.OST_4K if version == 36 else pst_ndb.UNICODE)
        word, width = self.format.word, self.format.width
        nbt, bbt = (188, 196) if self.format.ansi else (224, 240)
        self.pages, self.blocks = [], []  # offsets; (BID, offset, stored size)
        self.nodes = []  # NIDs
        for root, leaf in ((nbt, self.node), (bbt, self.block)):
            self.walk(struct.unpack_from("<" + word, data, root)[0], leaf, 2 * width)

    def walk(self, offset, leaf, at):
        format = self.format
        self.pages.append(offset)
        if format.large:
            count, _, width, level = struct.unpack_from("<HHBB", self.data, offset + 0xFD8)
        else:
            count, _, width, level = struct.unpack_from("<BBBB", self.data, offset + format.entries_room)
        for entry in range(offset, offset + count * width, width):
            if level:
                self.walk(struct.unpack_from("<" + format.word, self.data, entry + at)[0], leaf, at)
            else:
                leaf(entry)

    def node(self, entry):
        self.nodes.append(struct.unpack_from("<I", self.data, entry)[0])

    def block(self, entry):
        bid, offset, size = struct.unpack_from(f"<2{self.format.word}H", self.data, entry)
        self.blocks.append((bid, offset, size))

    def block_end(self, offset, size):
        whole = size + self.format.trailer
        return offset + whole + -whole % self.format.align

    def forge(self, out, offset, size):
        """Make the checksum of a block right again."""
        checksum = pst_ndb.crc(bytes(out[offset:offset + size]))
        place = self.block_end(offset, size) - self.format.trailer + (8 if self.format.ansi else 4)
        struct.pack_into("<I", out, place, checksum)

    def forge_page(self, out, offset):
        size = self.format.page - self.format.trailer
        checksum = pst_ndb.crc(bytes(out[offset:offset + size]))
        struct.pack_into("<I", out, offset + size + (8 if self.format.ansi else 4), checksum)


def change(rnd, out, begin, end, count):
    for _ in range(count):
        at = rnd.randrange(begin, end)
        out[at] = rnd.choice((0, 0xFF, out[at] ^ 1 << rnd.randrange(8), rnd.randrange(256)))


def flip(rnd, layout, out):
    count = rnd.choice((1, 2, 5, 20, 100))
    for _ in range(count):
        out[rnd.randrange(len(out))] ^= 1 << rnd.randrange(8)
    return f"{count} bits"


def zero_page(rnd, layout, out):
    """A page of an index, gone."""
    at, size = rnd.choice(layout.pages), layout.format.page
    out[at:at + size] = bytes(size)
    return f"index page {at:#x} zeroed"


def zero_sector(rnd, layout, out):
    """512 or 4096 octets anywhere, as a disk loses them."""
    size = rnd.choice((512, 4096))
    at = rnd.randrange(len(out) // size) * size
    out[at:at + size] = bytes(len(out[at:at + size]))
    return f"{size} octets at {at:#x} zeroed"


def zero_block(rnd, layout, out):
    _, at, size = rnd.choice(layout.blocks)
    end = layout.block_end(at, size)
    out[at:end] = bytes(end - at)
    return f"block at {at:#x} zeroed"


def truncate(rnd, layout, out):
    at = rnd.randrange(len(out))
    del out[at:]
    return f"cut at {at:#x}"


def header(rnd, layout, out):
    change(rnd, out, 0, 564, rnd.choice((1, 3, 10)))
    return "header"


def garbage(rnd, layout, out):
    at, size = rnd.randrange(len(out)), rnd.choice((16, 512, 8192))
    size = min(size, len(out) - at)
    out[at:at + size] = rnd.randbytes(size)
    return f"garbage in {at:#x}+{size}"


def swap(rnd, layout, out):
    """Two blocks of one size, one in the other's place."""
    one = rnd.choice(layout.blocks)
    others = [block for block in layout.blocks if block[2] == one[2] and block != one]
    if not others:
        return flip(rnd, layout, out)
    other = rnd.choice(others)
    for (_, to, size), (_, source, _) in ((one, other), (other, one)):
        end = layout.block_end(source, size)
        out[to:to + end - source] = layout.data[source:end]
    return f"blocks at {one[1]:#x} and {other[1]:#x} swapped"


def forge_block(rnd, layout, out):
    _, at, size = rnd.choice(layout.blocks)
    change(rnd, out, at, at + size, rnd.choice((1, 2, 8)))
    layout.forge(out, at, size)
    return f"block at {at:#x} forged"


def forge_page(rnd, layout, out):
    at = rnd.choice(layout.pages)
    change(rnd, out, at, at + layout.format.page - layout.format.trailer, rnd.choice((1, 2, 8)))
    layout.forge_page(out, at)
    return f"index page {at:#x} forged"


# What a disk or a broken program does; the checksums tell of it.
DAMAGES = [flip, zero_page, zero_sector, zero_block, truncate, header, garbage, swap]
# What an attacker does: it may hide items, as their owner may; it must not break the reader.
FORGERIES = [forge_block, forge_page]


def mutant(data, layout, seed, kinds=None):
    """(damaged octets, what was done, whether it is a forgery)"""
    rnd = random.Random(seed)
    kind = rnd.choice(kinds or DAMAGES + FORGERIES)
    out = bytearray(data)
    return out, kind(rnd, layout, out), kind in FORGERIES
