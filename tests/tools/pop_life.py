"""A POP life: mail arrives in an account's INBOX, and POP programs fetch it and leave it there.

Mail is gen_mail's. The programs are real (getmail, mpop) where they are installed; what Thunderbird
does is done here as it does it: RETR, and then an mbox file with its fields, and popstate.dat.
"""
import poplib
import os
import pathlib
import shutil
import subprocess
import time

import gen_mail

DELETED = "deleted"  # a "folder": the message was fetched, and then deleted locally


def new_mail(count, seed, median=1500, mean=3000):
    """`count` messages that differ."""
    seen, messages = set(), []
    for mail in gen_mail.all_mail(count, seed, 1, median, mean):
        if mail.data not in seen:
            seen.add(mail.data)
            messages.append(mail)
    return messages


def arrive(server, user, messages):
    """As an MDA puts it there: unseen, with the date of arrival."""
    client = server.connect(user)
    try:
        for mail in messages:
            date = time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime(mail.date))
            status, answer = client.append("INBOX", "", date, mail.data)
            if status != "OK":
                raise RuntimeError(f"APPEND: {answer}")
    finally:
        client.logout()


def pop_session(server, user):
    client = poplib.POP3(server.host, server.pop3_port, timeout=60)
    client.user(user)
    client.pass_(server.password)
    return client


def uidls(server, user):
    """All UIDLs, in the server's order."""
    client = pop_session(server, user)
    try:
        return [line.decode().split(" ", 1)[1] for line in client.uidl()[1]]
    finally:
        client.quit()


def retrieve(server, user):
    """[(uidl, bytes with CRLF)] of everything; left on the server, which marks it as read."""
    client = pop_session(server, user)
    try:
        listing = [line.decode().split(" ", 1)[1] for line in client.uidl()[1]]
        return [(uidl, b"\r\n".join(client.retr(n)[1]) + b"\r\n")
                for n, uidl in enumerate(listing, 1)]
    finally:
        client.quit()


class ThunderbirdAccount:
    """Mail/HOST of a profile: folders are given to the messages by file(). Folders whose names have
    no '/' alone."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.states = []

    def file(self, name, uidl, data, seen=False, partial=False):
        """One message; UIDL None: it did not come by POP."""
        if uidl is not None:
            self.states.append(f"{'b' if partial else 'k'} {uidl} 1200000000")
        if name == DELETED:
            return
        path = self.folder / name
        if not path.exists():
            pathlib.Path(str(path) + ".msf").write_bytes(b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
        fields = f"X-Account-Key: account1\nX-UIDL: {uidl}\n" if uidl is not None else ""
        status = (0x1 if seen else 0) | (0x400 if partial else 0)
        with open(path, "ab") as file:
            file.write(f"From - {time.asctime(time.gmtime(1200000000))}\n{fields}"
                       f"X-Mozilla-Status: {status:04x}\nX-Mozilla-Status2: 00000000\n".encode())
            file.write(data.replace(b"\r\n", b"\n") + b"\n")

    def close(self, host="pop.example", user="joe"):
        lines = ["# POP3 State File", "# This is a generated file!  Do not edit.", "",
                 f"*{host} {user}", *self.states, ""]
        (self.folder / "popstate.dat").write_text("\n".join(lines))


def maildir(path):
    for sub in ("cur", "new", "tmp"):
        (pathlib.Path(path) / sub).mkdir(parents=True, exist_ok=True)
    return pathlib.Path(path)


def run(command, home, as_nobody=False):
    """A fetcher must not be shown the user's own configuration, and getmail not root."""
    if as_nobody and os.getuid() == 0:
        subprocess.run(["chown", "-R", "nobody", home], check=True)
        command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command]
    done = subprocess.run(command, env=os.environ | {"HOME": str(home)}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=3600)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def have(program):
    return shutil.which(program) is not None


def fetch_by_mpop(server, user, home, received=True, mbox=False):
    """(maildir or mbox file, state file); `received`: with a Received line of its own."""
    home = pathlib.Path(home)
    home.mkdir()
    target, state = home / "spool" if mbox else maildir(home / "Maildir"), home / "uidls"
    rc = home / "mpoprc"
    rc.write_text(f"account a\nhost {server.host}\nport {server.pop3_port}\nuser {user}\n"
                  f"password {server.password}\ntls off\nauth user\nkeep on\n"
                  f"received_header {'on' if received else 'off'}\n"
                  f"delivery {'mbox' if mbox else 'maildir'} {target}\nuidls_file {state}\n")
    rc.chmod(0o600)
    run(["mpop", "-C", rc, "-q", "a"], home)
    return target, state


# It forks for each message, and waits in vain for a child that ended before it had noted its number.
GETMAIL_WAITS = '''
import os, signal, threading
wait = threading.Condition.wait
def patient_wait(self, timeout=None):
    if not wait(self, 0.2):
        os.kill(os.getpid(), signal.SIGCHLD)
    return True
threading.Condition.wait = patient_wait
'''


def fetch_by_getmail(server, user, home):
    """(maildir, state file)"""
    home = pathlib.Path(home)
    home.mkdir()
    home.chmod(0o755)
    target = maildir(home / "Maildir")
    rc = home / "getmailrc"
    rc.write_text(f"[retriever]\ntype = SimplePOP3Retriever\nserver = {server.host}\n"
                  f"port = {server.pop3_port}\nusername = {user}\npassword = {server.password}\n"
                  f"timeout = 30\n[destination]\ntype = Maildir\npath = {target}/\n"
                  "[options]\nread_all = false\ndelete = false\n")
    rc.chmod(0o600)
    (home / "sitecustomize.py").write_text(GETMAIL_WAITS)
    run(["env", f"PYTHONPATH={home}", "getmail", "--quiet", f"--getmaildir={home}",
         "--rcfile=getmailrc"], home, as_nobody=True)
    return target, next(home.glob("oldmail-*"))


def fetch_by_fetchmail(server, user, home):
    """(maildir, state file)"""
    home = pathlib.Path(home)
    home.mkdir()
    home.chmod(0o755)
    target, state = maildir(home / "Maildir"), home / "fetchids"
    agent = home / "deliver"
    agent.write_text(f"#!/bin/sh\nfile=$(mktemp {target}/tmp/XXXXXXXX) && cat >\"$file\" && "
                     f"mv \"$file\" {target}/new/\n")
    agent.chmod(0o755)
    rc = home / "fetchmailrc"
    rc.write_text(f'set no bouncemail\npoll {server.host} service {server.pop3_port} protocol pop3 '
                  f'uidl\n  user "{user}" password "{server.password}" keep sslproto ""\n'
                  f'  mda "{agent}"\n')
    rc.chmod(0o600)
    run(["fetchmail", "-f", rc, "-i", state, "--pidfile", home / "pid", "--silent"], home,
        as_nobody=True)
    return target, state
