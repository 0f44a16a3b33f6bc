"""A scripted IMAP server on loopback: each connection is handled by a function of the test.

    def refuse(line):                 # one connection; line is a Connection
        line.say("* OK ready")
        while command := line.hear():
            line.say(f"{command.tag} NO [AUTHENTICATIONFAILED] no")

    with FakeServer(refuse) as server: ... server.port ... server.heard
"""
import collections
import socket
import ssl
import threading

Command = collections.namedtuple("Command", "tag name rest")


class Connection:
    def __init__(self, sock, server):
        self.sock, self.server = sock, server
        self.file = sock.makefile("rb")

    def say(self, *lines):
        self.raw(b"".join(line.encode() + b"\r\n" for line in lines))

    def raw(self, data):
        self.sock.sendall(data)

    def hear(self):
        """The next command, or None at the end of the connection."""
        text = self.file.readline()
        if not text:
            return None
        words = text.decode("latin-1").strip().split(" ", 2) + ["", ""]
        command = Command(words[0], words[1].upper(), words[2])
        self.server.heard.append(command)
        return command

    def start_tls(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")


class FakeServer:
    def __init__(self, handler, certificate=None):
        self.handler, self.certificate = handler, certificate
        self.heard = []  # commands of all connections
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # A thread that still waits in accept() would take the connections of the next listener that
        # gets the same descriptor.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line = Connection(sock, self)
                if self.certificate:
                    line.start_tls(self.certificate)
                self.handler(line)
        except OSError:
            pass  # the client went away, as it should in many of these tests
