"""The part of make bench about reading what the server holds: an account of 100,000 messages, its index
read by a hand-written reader that only counts (tests/tools/rawindex.c) and by `mailhoist plan` of a
single local message, which keeps keys of every message in its journal. Both ask by TLS, in turns; the
best of each counts. Then again with nothing changed.
"""
import json
import os
import shutil

import rig

MESSAGES = int(os.environ.get("BENCH_INDEX", 100_000))
ROUNDS = 5


def local_message(folder):
    path = folder / "one.mbox"
    path.write_bytes(b"From a@local.example Mon Mar  1 10:00:00 2004\nFrom: a@local.example\n"
                     b"Subject: the only one\nMessage-ID: <only@local.example>\n"
                     b"Date: Mon, 1 Mar 2004 10:00:00 +0000\n\nhello\n")
    return path


def raw(bench, tools, user, folders):
    reader = [tools / "rawindex", bench.server.host, bench.server.tls_port, user,
              bench.server.password, *folders]
    usage = bench.measured(reader, bench.folder / "rawindex.log")
    text = (bench.folder / "rawindex.log").read_text()
    usage.seconds = float(text.split()[0])
    return usage, int(text.split()[2])


def plan(bench, source, user, fresh=True):
    state = bench.folder / "index-state"
    if fresh:
        shutil.rmtree(state, ignore_errors=True)
    env = os.environ | {"MAILHOIST_PASSWORD": bench.server.password}
    return bench.measured(
        [rig.PROGRAM, "plan", source, "--to", bench.server.url(user), "--tls-ca",
         bench.server.ca, "--state", state], bench.folder / "plan.log", env)


def bench_index(bench, tools, generate, goal):
    """`bench` has measured(), user(), note(), forget(); goal(name, value, limit, unit, at_least)."""
    stream, manifest = bench.folder / "index-stream", bench.folder / "index-manifest"
    generate(MESSAGES, folders=5, median=400, mean=420, imap=stream, manifest=manifest)
    folders = sorted({json.loads(line)["folder"] for line in manifest.read_text().splitlines()})
    user, source = bench.user(), local_message(bench.folder)
    bench.measured([tools / "blaster", bench.server.host, bench.server.tls_port, user,
                    bench.server.password, stream], bench.folder / "blaster.log")
    stream.unlink()
    manifest.unlink()
    print(f"\nthe index of {MESSAGES} messages on the server, in {len(folders)} folders")
    raw(bench, tools, user, folders)  # the server makes its caches
    for _ in range(ROUNDS):
        usage, count = raw(bench, tools, user, folders)
        if count != MESSAGES:
            raise RuntimeError(f"rawindex: {count} messages instead of {MESSAGES}")
        bench.note("raw reader", usage, MESSAGES)
        bench.note("mailhoist plan", plan(bench, source, user), MESSAGES)
        text = (bench.folder / "plan.log").read_text()
        if f"(left alone): {MESSAGES}," not in text:
            raise RuntimeError(f"plan: not {MESSAGES} messages\n{text[-1000:]}")
    bench.note("again, nothing changed", plan(bench, source, user, fresh=False), MESSAGES)
    best = {name: bench.best[name][1] for name in ("raw reader", "mailhoist plan")}
    goal("index / raw reader, time", best["mailhoist plan"].seconds / best["raw reader"].seconds,
         1.5, "", False)
    goal("memory of an index", best["mailhoist plan"].peak_kib / 1024, 32, "MiB", False)
    bench.forget(user)

