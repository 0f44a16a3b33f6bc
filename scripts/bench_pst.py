"""The part of `make bench` that reads Outlook stores.

A generated store (100,000 messages, 650 MB) is read by mailhoist, with all messages composed and
digested, and by readpst, which writes them as mbox; what counts is user CPU time, our worker's
included (process and worker work at the same time: what passes by the clock is shown beside it).
Memory is our process's and the worker's together. A store a quarter as large shows whether
time grows with the messages or faster.

  BENCH_PST_MESSAGES=100000
"""
import os
import pathlib
import shutil
import subprocess
import sys
import time

MESSAGES = int(os.environ.get("BENCH_PST_MESSAGES", 100_000))
MEAN = 6500  # octets of store for each message
ROUNDS = 2
LOOK_SECONDS = 0.02  # between two looks at the memory


def peak_kib(pid):
    """The most that a process and its children had in memory, each by itself."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it is gone
        return {}
    peaks = {pid: int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:")}
    for child in children:
        peaks |= peak_kib(int(child))
    return peaks


def measured(command, log):
    """User CPU time of it and its children, time by the clock, and their memory together in MiB."""
    peaks = {}
    start = time.monotonic()
    with open(log, "wb") as output:
        program = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT)
        while True:
            peaks |= peak_kib(program.pid)
            pid, status, usage = os.wait4(program.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(LOOK_SECONDS)
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with status {program.returncode}:\n"
                           + pathlib.Path(log).read_text(errors="replace")[-2000:])
    return usage.ru_utime, time.monotonic() - start, sum(peaks.values()) / 1024


def generate(tools, path, messages):
    subprocess.run([sys.executable, tools / "gen_pst.py", "--messages", str(messages), "--size",
                    str(messages * MEAN), str(path)], check=True)


def best(command, log):
    """The shortest times, and the most memory."""
    user, wall, peak = zip(*(measured(command, log) for _ in range(ROUNDS)))
    return min(user), min(wall), max(peak)


def bench_pst(folder, top, program, goal):
    large, small, log = folder / "large.pst", folder / "small.pst", folder / "pst.log"
    generate(top / "tests/tools", large, MESSAGES)
    generate(top / "tests/tools", small, MESSAGES // 4)
    size = large.stat().st_size / 1e6
    print(f"\n{MESSAGES} messages, {size:.0f} MB of Outlook store, user CPU time")

    def note(name, seconds, wall, more=""):
        print(f"  {name:26} {seconds:7.2f} s  {size / seconds:7.0f} MB/s  "
              f"{MESSAGES / seconds:8.0f} messages/s  by the clock {wall:.1f} s, "
              f"{size / wall:.0f} MB/s{more}", flush=True)

    read, wall, _ = best([top / "build/release/tools/pst_dump", "--quiet", large], log)
    note("all properties", read, wall)
    scan, wall, peak = best([program, "scan", "--quiet", "--format", "jsonl", f"pst:{large}"], log)
    note("mailhoist scan", scan, wall, f"  peak {peak:.1f} MiB with its worker")
    quarter, _, _ = best([program, "scan", "--quiet", "--format", "jsonl", f"pst:{small}"], log)
    goal("composed from Outlook stores", size / scan, 100, "MB/s")
    goal("memory of an Outlook scan", peak, 96, "MiB", False)
    goal("Outlook scan, time for 4 times the mail", scan / quarter / 4, 1.2, "", False)
    if shutil.which("readpst"):
        out = folder / "readpst"
        out.mkdir()
        theirs, wall, _ = measured(["readpst", "-q", "-D", "-j", "0", "-o", out, large], log)
        note("readpst", theirs, wall)
        shutil.rmtree(out)
        goal("mailhoist / readpst", theirs / scan, 3, "")
    large.unlink()
    small.unlink()
