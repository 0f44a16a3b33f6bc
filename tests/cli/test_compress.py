"""COMPRESS=DEFLATE against a server of our own, and when mailhoist asks for it by itself."""
import io
import random
import socket
import time
import zlib

import rig
from memserver import MemServer, Refuse

HEAD = b"From: a@b.example\r\nDate: Mon, 1 Mar 2004 09:00:00 +0000\r\nSubject: %d\r\n" \
       b"Message-ID: <%d@b.example>\r\n\r\n"


class Inflating(io.RawIOBase):
    def __init__(self, sock):
        super().__init__()
        self.sock, self.inflate, self.rest = sock, zlib.decompressobj(-15), b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self.rest:
            data = self.sock.recv(4096)
            if not data:
                return 0
            self.rest = self.inflate.decompress(data)
        count = min(len(buffer), len(self.rest))
        buffer[:count], self.rest = self.rest[:count], self.rest[count:]
        return count


class Deflating(MemServer):
    """Has compression; answers so late; reads so many octets a second."""
    capabilities = MemServer.capabilities + " COMPRESS=DEFLATE"
    late, rate, window, willing = 0.0, 0, 9, True

    def talk(self, line):
        self.held = b""
        if self.rate:
            line.file = io.BufferedReader(Slow(line.sock, self.rate))
        super().talk(line)

    def answer(self, line, command):
        time.sleep(self.late)
        super().answer(line, command)
        if command.name == "COMPRESS" and self.willing:
            deflate = zlib.compressobj(6, zlib.DEFLATED, -self.window)
            plain = line.raw
            line.raw = lambda data: plain(deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))
            line.file = io.BufferedReader(Inflating(line.sock))

    def do_compress(self, line, command):
        if not self.willing:
            raise Refuse("[COMPRESSIONACTIVE] not today")


class Slow(io.RawIOBase):
    """A line that brings so many octets a second."""
    def __init__(self, sock, rate):
        super().__init__()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.sock, self.rate = sock, rate

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self.sock.recv_into(buffer, min(len(buffer), 32768))
        time.sleep(count / self.rate)
        return count


class Compression(rig.ProgramTest):
    def fill(self, texts):
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)
        self.mails = [HEAD % (number, number) + text for number, text in enumerate(texts)]
        for number, data in enumerate(self.mails):
            (self.source / "cur" / f"{1100000000 + number}.M1.host:2,S").write_bytes(data)

    def migrate(self, server, *options, command="run", state="state"):
        return self.hoist(command, self.source, "--to", server.url(), "--state", self.folder / state,
                          *options, password="x", env={"MAILHOIST_HURRY": "1"})

    def test_by_itself_it_is_not_asked_for_here(self):
        self.fill([b"hello\r\n"])
        with Deflating() as server:
            self.migrate(server)
            self.assertEqual(server.commands("COMPRESS"), [])
            self.assertEqual(server.bodies("INBOX"), self.mails)

    def test_small_windows(self):
        """The server packs with a window of 512 octets, and of all sizes above."""
        letters = bytes(random.Random(3).choices(b"abcdefgh", k=9999))
        self.fill([b"line of text\r\n" * 3000, letters.replace(b"abc", b"\r\n") + b"\r\n"])
        for bits in (9, 12, 15):
            class Small(Deflating):
                window = bits

            with self.subTest(bits=bits), Small() as server:
                self.migrate(server, "--compress", "on", "--verify", "full", state=f"s{bits}")
                self.assertGreater(len(server.commands("COMPRESS")), 0)
                self.assertTrue(server.bodies("INBOX") == self.mails)

    def test_refused(self):
        self.fill([b"hello\r\n"])
        with Deflating() as server:
            server.willing = False
            self.migrate(server, "--compress", "on")
            self.assertEqual(server.bodies("INBOX"), self.mails)
            self.assertEqual(len(server.commands("COMPRESS")), server.connections, "asked once each")

    def test_off(self):
        self.fill([b"hello\r\n"])
        with Deflating() as server:
            server.late = 0.02
            for number in range(2600):
                server.put("INBOX", HEAD % (10**6 + number, 10**6 + number))
            self.migrate(server, "--compress", "off", command="plan")
            self.assertEqual(server.commands("COMPRESS"), [])

    def test_a_long_index_from_far_away(self):
        self.fill([b"hello\r\n"])
        with Deflating() as server:
            server.late = 0.02
            for number in range(2600):
                server.put("INBOX", HEAD % (10**6 + number, 10**6 + number))
            self.migrate(server, "--verify", "none")
            self.assertEqual(len(server.commands("COMPRESS")), 1)
            self.assertEqual(server.connections, 2, "uploads want a line without")
            self.assertEqual(server.bodies("INBOX")[2600:], self.mails)
            del server.heard[:]
            self.migrate(server, "--verify", "none")
            self.assertEqual(server.commands("COMPRESS"), [], "the index is known")

    def test_a_slow_line(self):
        """Uploads that wait for the line: it is measured, and the rest goes compressed."""
        blank = b"all work and no play makes jack a dull boy\r\n" * 12000  # half a megabyte
        self.fill([b"%d\r\n" % number + blank for number in range(50)])
        with Deflating() as server:
            server.late, server.rate = 0.01, 2_500_000
            self.migrate(server, "--connections", "1", "--verify", "none")
            self.assertEqual(len(server.commands("COMPRESS")), 1)
            self.assertTrue(sorted(server.bodies("INBOX")) == sorted(self.mails))
