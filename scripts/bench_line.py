"""The part of make bench that lengthens the line: the same uploads at several round trip times.

A relay of our own (tests/tools/delayproxy.c) stands between the programs and the server. The raw
blaster goes over 1, 2, 4 and 8 connections; the fastest counts. "Uploading alone" is `mailhoist apply
--verify none` of a plan that has been made before. All take turns for BENCH_ROUNDS rounds; the median
of each counts, for a virtual machine is fast and slow by turns.
"""
import contextlib
import os
import shutil
import statistics
import subprocess

import rig

LATENCIES = [float(word) for word in os.environ.get("BENCH_LATENCIES", "0 20 80").split()]
CONNECTIONS = (1, 2, 4, 8)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 3))
GOALS = {0: (0.8, 3), 20: (0.7, 7), 80: (0.7, 10)}  # of the blaster, of the fastest peer


@contextlib.contextmanager
def delayed(program, port, round_trip_ms):
    """The port of a line to the server's `port`."""
    if round_trip_ms == 0:
        yield port
        return
    relay = subprocess.Popen([program, "127.0.0.1", str(port), str(round_trip_ms / 2)],
                             stdout=subprocess.PIPE, text=True)
    try:
        yield int(relay.stdout.readline())
    finally:
        relay.kill()
        relay.wait()


def blast(bench, tools, port, stream, messages, connections):
    user = bench.user()
    usage = bench.measured([tools / "blaster", bench.server.host, port, user, bench.server.password,
                            stream, connections], bench.folder / "blaster.log")
    bench.note(f"raw blaster x {connections}", usage, messages)
    bench.count(user, messages, "blaster")
    bench.forget(user)
    return messages / usage.seconds, usage.cpu


def upload_alone(bench, port, source, messages):
    user, state = bench.user(), bench.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    env = os.environ | {"MAILHOIST_PASSWORD": bench.server.password}
    options = ["--to", bench.server.url(user, port), "--tls-ca", bench.server.ca, "--state", state]
    bench.measured([rig.PROGRAM, "plan", source, *options, "--format", "json",
                    "--keep-duplicates"],
                   bench.folder / "plan.log", env)
    usage = bench.measured([rig.PROGRAM, "apply", "1", *options, "--verify", "none"],
                           bench.folder / "apply.log", env)
    bench.note("mailhoist, uploading alone", usage, messages)
    bench.count(user, messages, "mailhoist")
    bench.forget(user)
    return messages / usage.seconds, usage


def whole_run(bench, port, source, messages):
    user, state = bench.user(), bench.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    env = os.environ | {"MAILHOIST_PASSWORD": bench.server.password}
    usage = bench.measured([rig.PROGRAM, "run", source, "--to", bench.server.url(user, port),
                            "--tls-ca", bench.server.ca, "--state", state, "--keep-duplicates"],
                           bench.folder / "run.log", env)
    bench.note("mailhoist run", usage, messages)
    bench.count(user, messages, "mailhoist")
    bench.forget(user)
    return messages / usage.seconds


def one_round(bench, tools, generate, folder, port, messages, ms, rates, times):
    """Each program once: its messages a second to `rates`, its CPU seconds to `times`."""
    def took(name, rate, cpu=None):
        rates.setdefault(name, []).append(rate)
        if cpu is not None:
            times.setdefault(name, []).append(cpu)
    for connections in CONNECTIONS:
        took(connections, *blast(bench, tools, port, folder / "stream", messages, connections))
    rate, usage = upload_alone(bench, port, folder / "thunderbird", messages)
    took("apply", rate, usage.cpu)
    took("run", whole_run(bench, port, folder / "thunderbird", messages))
    if shutil.which("mbsync"):
        # a tenth of the mail: it needs several round trips for each message
        part = folder / "part"
        few = generate_part(generate, part, messages, ms)
        took("mbsync", bench.mbsync(part, few, port))
        shutil.rmtree(part)


def bench_line(bench, tools, generate, messages, goal):
    """`bench` has measured(), user(), note(), count(), forget(); goal(name, value, limit, unit)."""
    folder = bench.folder / "line"
    folder.mkdir()
    size = generate(messages, thunderbird=folder / "thunderbird", imap=folder / "stream")
    for ms in LATENCIES:
        print(f"\n{messages} messages, {size / 1e9:.2f} GB, round trips of {ms:g} ms")
        of_blaster, of_peer = GOALS.get(ms, (0.7, 7))
        rates, times = {}, {}
        with delayed(tools / "delayproxy", bench.server.tls_port, ms) as port:
            for _ in range(ROUNDS):
                one_round(bench, tools, generate, folder, port, messages, ms, rates, times)
        rate = {name: statistics.median(values) for name, values in rates.items()}
        cpu = {name: statistics.median(values) for name, values in times.items()}
        best = max(CONNECTIONS, key=lambda n: rate[n])
        print(f"  medians: {', '.join(f'{name} {value:.0f}/s' for name, value in rate.items())}")
        goal(f"uploading alone / best blaster, {ms:g} ms", rate["apply"] / rate[best], of_blaster, "")
        if ms == 0:
            goal("client CPU / blaster's", cpu["apply"] / cpu[best], 2, "", False)
        if "mbsync" in rate:
            goal(f"mailhoist run / mbsync, {ms:g} ms", rate["run"] / rate["mbsync"], of_peer, "")
    shutil.rmtree(folder)


def generate_part(generate, part, messages, ms):
    few = messages if ms == 0 else max(200, messages // 20)
    generate(few, folders=6, maildir=part)
    return few
