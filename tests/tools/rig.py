"""What the tests of the whole program share: scratch folders, throw-away servers, running mailhoist.

$MAILHOIST names the program under test (default build/dev/mailhoist).
"""
import contextlib
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import mailboxes

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("MAILHOIST", TOP / "build/dev/mailhoist")).resolve()
RELEASE = TOP / "build/release/mailhoist"
SERVERS = TOP / "tests/servers"
TIMEOUT = 300  # seconds that one run of the program may take at most

# Exit statuses (the man page's EXIT STATUS).
OK, REFUSED, UNBALANCED, DIFFERS = 0, 111, 121, 122
USAGE, NOINPUT, UNAVAILABLE, CANTCREAT, IOERR, TEMPFAIL, PROTOCOL = 64, 66, 69, 73, 74, 75, 76
CONNECT, TLS, LOGIN, QUOTA = 10, 12, 16, 113
FAULT = 86  # a crash test ended the process (src/base/fault.h)

_user_numbers = itertools.count(1)


def roomy_memory():
    """/dev/shm where it is large enough: the tests kill processes, not the power, so that waiting for
    a disk proves nothing and takes most of the time."""
    memory = pathlib.Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return None
    return memory if shutil.disk_usage(memory).free > 2 << 30 else None


@contextlib.contextmanager
def scratch(memory=True):
    """A temporary folder that a server running as nobody can pass through."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="mailhoist-test-",
                                         dir=roomy_memory() if memory else None))
    path.chmod(0o711)
    try:
        yield path
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", path], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(path, ignore_errors=True)


class Server:
    """A throw-away server: dovecot, cyrus or courier; options are those of tests/servers/KIND.sh, in
    lower case."""

    def __init__(self, folder, kind="dovecot", **options):
        self.folder, self.script = pathlib.Path(folder), SERVERS / f"{kind}.sh"
        environment = {f"{kind.upper()}_{key.upper()}": str(value) for key, value in options.items()}
        for _ in range(3):  # a free port may be taken by somebody else before the server has it
            done = subprocess.run([self.script, "start", self.folder], env=os.environ | environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if "already in use" not in done.stdout + done.stderr:
                break
            shutil.rmtree(self.folder, ignore_errors=True)
        if done.returncode != 0:
            raise RuntimeError(f"{kind}.sh: {done.stdout}{done.stderr}")
        lines = (self.folder / "server.env").read_text().splitlines()
        settings = dict(line.split("=", 1) for line in lines if line)
        self.host, self.password = settings["IMAP_HOST"], settings["IMAP_PASSWORD"]
        self.port, self.tls_port = int(settings["IMAP_PORT"]), int(settings["IMAPS_PORT"])
        self.ca = settings["IMAP_CA"]
        self.pop3_port = int(settings.get("POP3_PORT", 0))
        self.pop3s_port = int(settings.get("POP3S_PORT", 0))
        self.users = settings["IMAP_USERS"].split() if "IMAP_USERS" in settings else None

    def stop(self):
        subprocess.run([self.script, "stop", self.folder], check=False, stdin=subprocess.DEVNULL)

    def new_user(self):
        """With Dovecot every user name is an account of its own; the others have a list."""
        if self.users is not None:
            return self.users.pop(0)
        return f"user{next(_user_numbers)}x{os.getpid()}"

    def url(self, user, port=None, prefix=""):
        return f"imaps://{user}@{self.host}:{port or self.tls_port}{prefix}"

    def plain_url(self, user, port=None):
        return f"imap://{user}@{self.host}:{port or self.port}"

    def connect(self, user):
        return mailboxes.connect(self.host, self.port, user, self.password)

    def dump(self, user, content=False):
        client = self.connect(user)
        try:
            return list(mailboxes.dump(client, content))
        finally:
            client.logout()

    def append(self, user, folder, data, flags="", date=None):
        """Put one message there as the user's mail program would."""
        client = self.connect(user)
        try:
            wire = mailboxes.quoted(mailboxes.encode_mutf7(folder))
            client.create(wire)
            status, answer = client.append(wire, flags, date, data)
            if status != "OK":
                raise RuntimeError(f"APPEND: {answer}")
        finally:
            client.logout()


class Result:
    def __init__(self, done, command):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.command = command

    def __str__(self):
        return (f"{' '.join(map(str, self.command))}\nstatus {self.status}\n"
                f"--- stdout\n{self.out[-6000:]}\n--- stderr\n{self.err[-6000:]}")


def report_of_breaking(text):
    """What a program wrote to stderr, from where a sanitizer or an assertion has its say; else nothing.
    Exit statuses do not tell: theirs is 1, which others have, and a worker's is seen by its parent only."""
    found = re.search("ERROR: (Address|Leak)Sanitizer|runtime error:|Assertion `", text)
    return text[text.rfind("\n", 0, found.start()) + 1:] if found else ""


def hoist(*arguments, password=None, env=None, program=PROGRAM, cwd=None, timeout=TIMEOUT, **more):
    """Run the program; its texts are decoded, sanitizer reports fail at once."""
    environment = os.environ | {"LC_ALL": "C.UTF-8"} | (env or {})
    environment.pop("MAILHOIST_PASSWORD", None)
    if password is not None:
        environment["MAILHOIST_PASSWORD"] = password
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=cwd, timeout=timeout, capture_output=True,
                          stdin=more.pop("stdin", subprocess.DEVNULL), text=True,
                          errors="surrogateescape", **more)
    result = Result(done, command)
    if report_of_breaking(result.err):
        raise AssertionError(f"the program broke: {result}")
    return result


class ProgramTest(unittest.TestCase):
    """A test of the program: a scratch folder for each test and a state folder in it."""

    @classmethod
    def setUpClass(cls):
        if not PROGRAM.exists():
            raise FileNotFoundError(f"{PROGRAM} is not built")

    def setUp(self):
        self.folder = self.enterContextOf(scratch())
        self.state = self.folder / "state"

    def enterContextOf(self, context):  # unittest has enterContext() from Python 3.11 on
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def hoist(self, *arguments, status=OK, **more):
        """Run it with our state folder and check its exit status."""
        result = hoist(*arguments, **more)
        if status is not None:
            self.assertEqual(result.status, status, str(result))
        return result

    def assertMailboxes(self, expected, found):
        faults = mailboxes.compare(expected, found)
        self.assertFalse(faults, "\n" + "\n".join(faults))


class ServerTest(ProgramTest):
    """With one server for all tests of the class, and a fresh account for each test."""
    server_kind = "dovecot"
    server_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server_folder = scratch()
        folder = cls.server_folder.__enter__()
        cls.addClassCleanup(cls.server_folder.__exit__, None, None, None)
        if cls.server_kind != "dovecot":
            cls.unpack()
        cls.server = Server(folder / cls.server_kind, cls.server_kind, **cls.server_options)
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def unpack(cls):
        """The packages of the other servers come from the network, once."""
        done = subprocess.run([SERVERS / "unpack.sh", cls.server_kind], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest(f"no {cls.server_kind} here: {done.stderr.strip()}")

    def setUp(self):
        super().setUp()
        self.user = self.server.new_user()

    def to(self, **more):
        """Arguments that name the account, the authority and the state folder."""
        return ["--to", self.server.url(self.user, **more), "--tls-ca", self.server.ca,
                "--state", self.state]

    def run_to_server(self, command, *arguments, status=OK, **more):
        return self.hoist(command, *arguments, *self.to(), password=self.server.password,
                          status=status, **more)
