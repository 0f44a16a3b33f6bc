#!/usr/bin/env python3
"""make bench: what mailhoist costs beside a raw blaster and beside other programs, in one run.

The same mail (20,000 messages, 1 GB, several folders) goes by TLS to a throw-away Dovecot on
loopback: by the blaster (ready-made MULTIAPPENDs: what the server can take at all), by `mailhoist run`
(scan, match, journal, upload, verification of every header and size), by mbsync, and, with fewer
messages, by offlineimap and imapsync where they are installed. Each program's account is read back and
counted. The programs take turns for BENCH_ROUNDS rounds; the best round of each counts.

  BENCH_MESSAGES=20000  BENCH_ROUNDS=2  BENCH_SLOW_MESSAGES=1000  BENCH_FILES=200000
  BENCH_ONLY=mail|scan|line|index|filing|pst   one part only (line: round trips of BENCH_LATENCIES="0 20 80"
                                         ms; index: BENCH_INDEX=100000 messages on the server; pst: an
                                         Outlook store of BENCH_PST_MESSAGES=100000)
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("MAILHOIST", str(TOP / "build/release/mailhoist"))
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tests/tools"))
import bench_filing  # noqa: E402
import bench_index  # noqa: E402
import bench_line  # noqa: E402
import bench_pst  # noqa: E402
import mailboxes  # noqa: E402
import rig  # noqa: E402

MESSAGES = int(os.environ.get("BENCH_MESSAGES", 20000))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 2))
SLOW_MESSAGES = int(os.environ.get("BENCH_SLOW_MESSAGES", min(1000, MESSAGES)))
FILES = int(os.environ.get("BENCH_FILES", MESSAGES * 10))
ONLY = os.environ.get("BENCH_ONLY", "")
TOOLS = TOP / "build/release/tools"
MEAN = 56000  # the cap on single messages takes some of it away: 1.0 GB with 20,000

# What the README promises: (name, at least / at most, limit)
GOALS = []


def goal(name, value, limit, unit, at_least=True):
    good = value >= limit if at_least else value <= limit
    GOALS.append((name, value, limit, unit, at_least, good))


class Usage:
    def __init__(self, seconds, peak_kib, cpu):
        self.seconds, self.peak_kib, self.cpu = seconds, peak_kib, cpu


def measured(command, log, env=None, statuses=(0,)):
    """Run it; wall time, peak memory and CPU time of that one process. time(1) starts it: what is
    forked from here would inherit our own peak."""
    usage = f"{log}.usage"
    timed = ["/usr/bin/time", "-q", "-f", "%e %M %U %S", "-o", usage, *map(str, command)]
    with open(log, "wb") as output:
        done = subprocess.run(timed, stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.STDOUT, env=env)
    if done.returncode not in statuses:
        sys.stderr.write(pathlib.Path(log).read_text(errors="replace")[-3000:])
        raise RuntimeError(f"{command[0]} ended with status {done.returncode}")
    seconds, peak, user, system = map(float, pathlib.Path(usage).read_text().split())
    return Usage(seconds, peak, user + system)


def generate(messages, folders=6, mean=MEAN, median=8000, **outputs):
    command = [sys.executable, TOP / "tests/tools/gen_mail.py", "--messages", messages, "--mean", mean,
               "--median", median, "--folders", folders]
    for kind, path in outputs.items():
        command += ["--" + kind, path]
    text = subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True).stdout
    return int(text.split()[2])


class Bench:
    measured = staticmethod(measured)

    def __init__(self, folder, server, mail_folder):
        self.folder, self.server, self.mail_folder = folder, server, mail_folder
        self.best = {}
        self.number = 0

    def user(self):
        self.number += 1
        return f"bench{self.number}"

    def forget(self, user):
        """The next program finds as much room as this one did."""
        shutil.rmtree(self.mail_folder / user, ignore_errors=True)

    def note(self, name, usage, messages):
        rate = messages / usage.seconds
        print(f"  {name:26} {usage.seconds:7.2f} s  {rate:7.0f} messages/s  "
              f"peak {usage.peak_kib / 1024:5.1f} MiB  cpu {usage.cpu:6.2f} s", flush=True)
        if name not in self.best or rate > self.best[name][0]:
            self.best[name] = (rate, usage)

    def count(self, user, want, name):
        """The server has what was sent: every folder's messages are counted."""
        client = self.server.connect(user)
        have = mailboxes.count_messages(client)
        client.logout()
        if have != want:
            raise RuntimeError(f"{name}: {have} messages on the server instead of {want}")

    def blaster(self, stream, messages):
        user = self.user()
        usage = measured([TOOLS / "blaster", self.server.host, self.server.tls_port, user,
                          self.server.password, stream], self.folder / "blaster.log")
        self.note("raw blaster", usage, messages)
        self.count(user, messages, "blaster")
        self.forget(user)

    def mailhoist(self, source, manifest, messages, prove):
        user, state = self.user(), self.folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        env = os.environ | {"MAILHOIST_PASSWORD": self.server.password}
        command = [rig.PROGRAM, "run", source, "--to", self.server.url(user), "--tls-ca",
                   self.server.ca, "--state", state]
        first = measured(command, self.folder / "run.log", env)
        self.note("mailhoist run", first, messages)
        second = measured(command, self.folder / "again.log", env)
        self.note("mailhoist run again", second, messages)
        if prove:
            expected = mailboxes.read_rows(manifest)
            client = self.server.connect(user)
            faults = mailboxes.compare(expected, mailboxes.dump(client))
            client.logout()
            if faults:
                raise RuntimeError("mailhoist: " + "\n".join(faults))
            print("  (read back: every message once, byte for byte, with its flags and date)")
        self.forget(user)
        return first, second

    def mbsync(self, maildir, messages, port=None):
        user = self.user()
        state = self.folder / "mbsync-state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir()
        # mbsync writes UIDs into the store's folders: it gets hard links to the files.
        copy = self.folder / "mbsync-maildir"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(maildir, copy, copy_function=os.link)
        config = self.folder / "mbsyncrc"
        config.write_text(f"""IMAPStore far
Host localhost
Port {port or self.server.tls_port}
User {user}
Pass {self.server.password}
SSLType IMAPS
CertificateFile {self.server.ca}
DisableExtension COMPRESS=DEFLATE

MaildirStore near
Inbox {copy}
SubFolders Maildir++

Channel all
Far :far:
Near :near:
Patterns * !Drafts !Trash
Sync Push New
Create Far
CopyArrivalDate yes
SyncState {state}/
""")
        usage = measured(["mbsync", "-c", config, "all"], self.folder / "mbsync.log")
        self.note("mbsync, no compression", usage, messages)
        self.count(user, messages, "mbsync")
        self.forget(user)
        shutil.rmtree(copy)
        return messages / usage.seconds

    def offlineimap(self, maildir, messages):
        user = self.user()
        copy = self.folder / "offlineimap-maildir"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(maildir, copy / "INBOX")
        config = self.folder / "offlineimaprc"
        config.write_text(f"""[general]
accounts = a
metadata = {self.folder}/offlineimap-state
maxsyncaccounts = 1
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {copy}
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {self.server.tls_port}
remoteuser = {user}
remotepass = {self.server.password}
ssl = yes
sslcacertfile = {self.server.ca}
usecompression = no
""")
        usage = measured(["offlineimap", "-o", "-u", "quiet", "-c", config],
                         self.folder / "offlineimap.log")
        self.note("offlineimap", usage, messages)
        self.forget(user)

    def imapsync(self, stream, messages):
        source, target = self.user(), self.user()
        measured([TOOLS / "blaster", self.server.host, self.server.tls_port, source,
                  self.server.password, stream], self.folder / "blaster.log")
        host, port, password = self.server.host, self.server.tls_port, self.server.password
        usage = measured(["imapsync", "--host1", host, "--port1", port, "--ssl1", "--user1", source,
                          "--password1", password, "--host2", host, "--port2", port, "--ssl2",
                          "--user2", target, "--password2", password, "--nolog",
                          "--noreleasecheck"], self.folder / "imapsync.log")
        self.note("imapsync", usage, messages)
        self.forget(source)
        self.forget(target)


def bench_mail(bench):
    folder = bench.folder
    size = generate(MESSAGES, thunderbird=folder / "thunderbird", maildir=folder / "maildir",
                    imap=folder / "stream", manifest=folder / "manifest")
    print(f"\n{MESSAGES} messages, {size / 1e9:.2f} GB, to Dovecot by TLS on loopback")
    # Identical copies in one folder go up once; the other programs send them all.
    for number in range(ROUNDS):
        bench.blaster(folder / "stream", MESSAGES)
        first, second = bench.mailhoist(folder / "thunderbird", folder / "manifest", MESSAGES,
                                        prove=number == 0)
        if shutil.which("mbsync"):
            bench.mbsync(folder / "maildir", MESSAGES)
    goal("memory of a run", bench.best["mailhoist run"][1].peak_kib / 1024, 64, "MiB", False)
    goal("second run / first run", bench.best["mailhoist run again"][1].seconds /
         bench.best["mailhoist run"][1].seconds, 0.1, "", False)
    rate = bench.best["mailhoist run"][0]
    goal("mailhoist / raw blaster", rate / bench.best["raw blaster"][0], 0.6, "")
    if "mbsync, no compression" in bench.best:
        goal("mailhoist / mbsync", rate / bench.best["mbsync, no compression"][0], 1.5, "")
    for tree in ("thunderbird", "maildir"):
        shutil.rmtree(folder / tree)
    (folder / "stream").unlink()
    bench_slow(bench, rate)


def bench_slow(bench, rate):
    folder = bench.folder / "slow"
    folder.mkdir()
    slow = [name for name in ("offlineimap", "imapsync") if shutil.which(name)]
    if not slow:
        return
    size = generate(SLOW_MESSAGES, folders=1, maildir=folder / "maildir", imap=folder / "stream")
    print(f"\n{SLOW_MESSAGES} messages, {size / 1e6:.0f} MB, for the slower programs")
    for name, source in (("offlineimap", "maildir"), ("imapsync", "stream")):
        if name not in slow:
            continue
        try:
            getattr(bench, name)(folder / source, SLOW_MESSAGES)
        except RuntimeError as error:
            print(f"  {name}: not measured: {error}")
            continue
        if name == "imapsync":
            goal("mailhoist / imapsync", rate / bench.best[name][0], 8, "")
        else:
            print(f"  mailhoist / {name}: {rate / bench.best[name][0]:.1f}")
    shutil.rmtree(folder)


def bench_scan(folder):
    """Reading alone: boundaries of an mbox, the whole scan, and a maildir of many small files."""
    generate(MESSAGES, mbox=folder / "mbox")
    whole = folder / "one.mbox"
    with open(whole, "wb") as out:  # one file: what is measured is the pass, not opening files
        for path in sorted((folder / "mbox").rglob("*")):
            if path.is_file():
                out.write(path.read_bytes())
    shutil.rmtree(folder / "mbox")
    print(f"\nreading {whole.stat().st_size / 1e9:.2f} GB of mbox and {FILES} files of maildir, "
          "page-cached, for each second of one core")
    make_files(folder / "files")
    digest = 0.0
    for name, mode, path, unit, wanted in (
            ("SHA-256 alone", "digest", "1000", "GB/s", None),
            ("mbox boundaries", "boundaries", whole, "GB/s", 2.0),
            ("whole scan of an mbox", "scan", whole, "GB/s", 0.7),
            ("maildir with headers", "scan", folder / "files", "files/s", 100_000)):
        best = 0.0
        for _ in range(3):
            text = subprocess.run([TOOLS / "scanbench", mode, path], check=True,
                                  capture_output=True, text=True).stdout
            result = json.loads(text)
            done = result["messages"] if unit == "files/s" else result["bytes"] / 1e9
            best = max(best, done / result["cpu"])  # one core's, whatever else is going on
        print(f"  {name:26} {best:10,.2f} {unit}")
        if wanted:
            goal(name, best, wanted, unit)
        else:
            digest = best
        if path == whole and mode == "scan":  # 0.7 GB/s were asked for where SHA-256 makes 1.3
            print(f"  whole scan / SHA-256 alone {best / digest:10,.2f}")


def make_files(path):
    for sub in ("cur", "new", "tmp"):
        (path / sub).mkdir(parents=True)
    for number in range(FILES):
        (path / "cur" / f"{1100000000 + number}.M{number}P1.host:2,S").write_bytes(
            b"Received: by mx.example; Mon, 1 Mar 2004 10:00:00 +0000\n"
            b"From: sender@mail.example\nTo: reader@home.example\nSubject: number %d\n"
            b"Date: Mon, 1 Mar 2004 09:59:00 +0000\nMessage-ID: <f%d@mail.example>\n\n"
            b"A line of text.\n" % (number, number))


def main():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailhoist-bench-")))
        folder.chmod(0o711)
        # The server's files lie in memory, so that its disk is not what is measured.
        memory = pathlib.Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > MESSAGES * MEAN * 3
        mail = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(
            prefix="mailhoist-bench-", dir=memory if roomy else None)))
        mail.chmod(0o711)
        if ONLY in ("", "mail", "line", "index"):
            server = rig.Server(folder / "dovecot", maildir=mail / "mail")
            stack.callback(server.stop)
            bench = Bench(folder, server, mail / "mail")
            if ONLY in ("", "mail"):
                bench_mail(bench)
            if ONLY in ("", "line"):
                bench_line.bench_line(bench, TOOLS, generate, MESSAGES, goal)
            if ONLY in ("", "index"):
                bench_index.bench_index(bench, TOOLS, generate, goal)
        if ONLY in ("", "filing"):
            bench_filing.bench_filing(folder, goal)
        if ONLY in ("", "scan"):
            bench_scan(folder)
        if ONLY in ("", "pst"):
            bench_pst.bench_pst(folder, TOP, rig.PROGRAM, goal)
    print("\ngoals")
    for name, value, limit, unit, at_least, good in GOALS:
        print(f"  {'ok  ' if good else 'MISS'} {name}: {value:,.2f} {unit} "
              f"({'at least' if at_least else 'at most'} {limit:,} {unit})".replace(" )", ")"))
    sys.exit(0 if all(g[-1] for g in GOALS) else 1)


main()
