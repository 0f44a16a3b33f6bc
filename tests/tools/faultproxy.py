#!/usr/bin/env python3
"""A TCP relay on loopback that breaks connections on purpose.

  faultproxy.py --to PORT [--listen PORT] [--cut-up N] [--cut-down N] [--how rst|fin|stall]
                [--refuse-after] [--delay MS]

--cut-up N       after N octets from the client to the server, counted over all connections
--cut-down N     after N octets from the server to the client
--how            rst (default), fin, or stall: nothing arrives that way any more, the line stays open
--refuse-after   once a fault has fired, no connection is relayed any more
--delay MS       everything arrives so much later

A fault fires once; octets read beyond the cut are thrown away. As a module: FaultProxy(port, cut_up=9)
is a context manager with .port, .moved["up"], .moved["down"] (octets relayed), .fired, .connections.
What the command line does not have:
cut_at={"down": rb"OK \\[APPENDUID"}   in front of the first octets that match
inject=b"* BYE x\\r\\n"               said to the client just before the line is cut
buffer=2048                          of each socket, in octets
jitter=0.02                          everything comes in odd pieces, each up to so many seconds later
alter=(rb"x", rb"y")                 what the client says is changed on its way (re.sub)
before={b" UID COPY ": act}          calls act() once, before the first octets from the client that hold
                                     these words go on: what others do to the account at that very moment
"""
import argparse
import queue
import random
import re
import socket
import struct
import threading
import time


class FaultProxy:
    CHUNK = 1 << 16

    def __init__(self, to, listen=0, cut_up=None, cut_down=None, how="rst", refuse_after=False,
                 delay=0.0, before=None, cut_at=None, inject=b"", buffer=None, alter=None, jitter=0.0):
        self.to, self.how, self.refuse_after, self.delay = to, how, refuse_after, delay
        self.before, self.inject, self.buffer = dict(before or {}), inject, buffer
        self.alter, self.jitter, self.random = alter, jitter, random.Random(4)
        self.cut_at = {way: re.compile(words) for way, words in (cut_at or {}).items()}
        self.limit = {"up": cut_up, "down": cut_down}
        self.moved = {"up": 0, "down": 0}
        self.fired = False
        self.connections = 0
        self.lock = threading.Lock()
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", listen))
        self.shrink(self.listener)
        self.port = self.listener.getsockname()[1]

    def heal(self):
        """From now on everything is relayed."""
        self.limit, self.cut_at = {"up": None, "down": None}, {}
        self.refuse_after = False

    def shrink(self, sock):
        """An accepted socket has the buffers of its listener."""
        for which in (socket.SO_SNDBUF, socket.SO_RCVBUF) if self.buffer else ():
            sock.setsockopt(socket.SOL_SOCKET, which, self.buffer)

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Closing it alone would leave the port open until somebody has connected to it once more.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            left = list(self.open)
        for sock in left:
            self.end(sock)

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            try:
                if self.fired and self.refuse_after:
                    raise OSError
                server = socket.socket()
                self.shrink(server)
                server.connect(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            with self.lock:
                self.open |= {client, server}
            # Before anything is relayed: with the first octets a fault may fire that closes both.
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for way, source, sink in (("up", client, server), ("down", server, client)):
                chunks = queue.Queue()
                threading.Thread(target=self.read, args=(way, source, chunks), daemon=True).start()
                threading.Thread(target=self.write, args=(way, source, sink, chunks),
                                 daemon=True).start()

    def read(self, way, source, chunks):
        """Take what comes; when it is to be there is decided here, so that a delay costs no speed."""
        try:
            while data := source.recv(self.CHUNK):
                for piece, late in self.pieces(data):
                    chunks.put((time.monotonic() + self.delay + late, piece))
        except OSError:
            pass
        chunks.put((time.monotonic() + self.delay, b""))

    def pieces(self, data):
        """How it comes: as it is, or in (octets, seconds) that no two lines have alike."""
        if not self.jitter:
            yield data, 0.0
            return
        with self.lock:
            late = self.jitter * self.random.random()
            ends = sorted(self.random.randrange(len(data)) for _ in range(self.random.choice((0, 1, 5))))
        for first, end in zip([0, *ends], [*ends, len(data)]):
            if end > first:
                yield data[first:end], late

    def write(self, way, source, sink, chunks):
        while True:
            due, data = chunks.get()
            time.sleep(max(0.0, due - time.monotonic()))
            with self.lock:
                left = None if self.limit[way] is None else self.limit[way] - self.moved[way]
                match = self.cut_at[way].search(data) if way in self.cut_at else None
                left = match.start() if match else left
                cut = not self.fired and data and left is not None and len(data) >= left
                if cut:
                    data, self.fired = data[:left], True
                self.moved[way] += len(data)
            if way == "up" and self.alter:
                data = re.sub(*self.alter, data)
            for words in [w for w in self.before if way == "up" and w in data]:
                self.before.pop(words)()
            try:
                sink.sendall(data)
                if cut and self.inject:
                    (sink if way == "down" else source).sendall(self.inject)
            except OSError:
                data = b""
            if cut and self.how == "stall":
                return
            if cut or not data:
                for sock in (source, sink):
                    self.end(sock, reset=cut and self.how == "rst")
                return

    def end(self, sock, reset=False):
        with self.lock:
            if sock not in self.open:
                return
            self.open.discard(sock)
        try:
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # The thread that reads from it must wake up: until then the socket stays open.
            sock.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        except OSError:
            pass
        sock.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--listen", type=int, default=0)
    parser.add_argument("--cut-up", type=int)
    parser.add_argument("--cut-down", type=int)
    parser.add_argument("--how", choices=("rst", "fin", "stall"), default="rst")
    parser.add_argument("--refuse-after", action="store_true")
    parser.add_argument("--delay", type=float, default=0, metavar="MS")
    o = parser.parse_args()
    with FaultProxy(o.to, o.listen, o.cut_up, o.cut_down, o.how, o.refuse_after,
                    o.delay / 1000) as proxy:
        print(proxy.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
