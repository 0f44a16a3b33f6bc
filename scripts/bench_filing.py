"""The part of `make bench` about filing: the same mail is filed by the server from INBOX, uploaded in
single APPENDs, and uploaded in MULTIAPPENDs, over one connection each. A relay tells when the first
command of the work went out and when the last answer came; scanning, matching and verifying are not
counted. The mail lies on the disk here, for what a server writes is what it takes time for. Making the
seven folders and opening INBOX is counted, too: with 4,000 messages that is a third of what filing takes."""
import os
import subprocess
import time

import mailboxes
import rig
from faultproxy import FaultProxy

MESSAGES = int(os.environ.get("BENCH_FILED", 8000))
SINGLE = ("imap_capability = IMAP4rev1 LITERAL+ SASL-IR UIDPLUS NAMESPACE UNSELECT SPECIAL-USE "
          "LIST-EXTENDED LIST-STATUS")


class Watch(FaultProxy):
    """Relays, and notes the time of the first and of the last that is looked for; octets sent up."""

    def __init__(self, to, begin, end):
        super().__init__(to)
        self.words = {"up": begin, "down": end}
        self.begun = self.ended = None
        self.sent = 0

    def read(self, way, source, chunks):
        watch = self

        class Noting:
            @staticmethod
            def put(item):
                watch.note(way, item[1])
                chunks.put(item)
        super().read(way, source, Noting)

    def note(self, way, data):
        if any(word in data for word in self.words[way]):
            if way == "up":
                self.begun = self.begun or time.monotonic()
            else:
                self.ended = time.monotonic()
        if way == "up" and self.begun:
            self.sent += len(data)

    def seconds(self):
        return self.ended - self.begun


def work(folder, server, source, user, words, *options):
    with Watch(server.port, *words) as watch:
        done = subprocess.run(
            [rig.PROGRAM, "run", source, "--to", server.plain_url(user, watch.port), "--state",
             folder / f"state-{user}", "--connections", "1", "--verify", "none", *options],
            env=os.environ | {"MAILHOIST_PASSWORD": server.password}, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return watch


def fill(server, user, mails):
    client = server.connect(user)
    for mail in mails:
        client.append("INBOX", None, None, mail.data)
    client.logout()


def bench_filing(folder, goal):
    import gen_mail
    source = folder / "filed"
    arguments = (MESSAGES, 77, 8, 3000, 5500)
    gen_mail.generate(*arguments, maildir=source)
    mails = {mail.data: mail for mail in gen_mail.all_mail(*arguments) if mail.folder != "INBOX"}
    subprocess.run(["rm", "-rf", source / "cur"], check=True)  # nothing local stays in INBOX
    (source / "cur").mkdir()
    print(f"\n{len(mails)} messages that lie in INBOX, into 7 folders, over one connection")
    rates = {}
    uploads = ([b" CREATE ", b" APPEND "], [b"APPENDUID"])
    with_multi = rig.Server(folder / "filing-multi", extra="ssl = no")
    without = rig.Server(folder / "filing-single", extra="ssl = no\n" + SINGLE)
    try:
        fill(with_multi, "file", mails.values())
        for name, server, user, words, octets in (
                ("single APPENDs", without, "single", uploads, None),
                ("MULTIAPPENDs", with_multi, "multi", uploads, None),
                ("filed by COPY", with_multi, "file", ([b" CREATE ", b" UID COPY "], [b"COPYUID"]),
                 len(mails) * 60)):
            watch = work(folder, server, source, user, words)
            rates[name] = len(mails) / watch.seconds()
            print(f"  {name:26} {watch.seconds():7.2f} s  {rates[name]:7.0f} messages/s  "
                  f"{watch.sent / 1e3:10,.1f} kB sent", flush=True)
            client = server.connect(user)
            inbox = len(mails) if user == "file" else 0
            have = mailboxes.count_messages(client) - inbox
            client.logout()
            if have != len(mails):
                raise RuntimeError(f"{name}: {have} messages in folders instead of {len(mails)}")
            if octets and watch.sent > octets:
                raise RuntimeError(f"{name}: {watch.sent} octets sent: that is not commands alone")
    finally:
        with_multi.stop()
        without.stop()
    goal("filing / single APPENDs", rates["filed by COPY"] / rates["single APPENDs"], 30, "")
    goal("filing / MULTIAPPENDs", rates["filed by COPY"] / rates["MULTIAPPENDs"], 5, "")
