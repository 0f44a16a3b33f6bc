"""The line is cut behind every single octet of a migration of three messages, both ways. The server
is one in memory, so that thousands of runs take about a minute; test_cuts.py has a real one."""
import collections
import concurrent.futures

import rig
from faultproxy import FaultProxy
from memserver import MemServer

AT_ONCE = 8  # most of a run's time is waiting for the server to become quiet
MESSAGES = [b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\nSubject: one\r\n\r\nfirst\r\n",
            b"From: a@b.example\r\nSubject: no id\r\n\r\nsame length 1\r\n",
            b"From: a@b.example\r\nSubject: no id\r\n\r\nsame length 2\r\n"]
EXPECTED = collections.Counter((data, ("\\Seen",), "01-Mar-2004 09:00:00 +0000") for data in MESSAGES)


def run(source, state, **fault):
    """One migration through a relay: exit status, what was relayed, what is stored, the result."""
    with MemServer() as server, FaultProxy(server.port, **fault) as proxy:
        result = rig.hoist("run", source, "--to", f"imap://joe@127.0.0.1:{proxy.port}", "--state", state,
                           "--map", "INBOX=Old mail", password="x", env={"MAILHOIST_HURRY": "1"})
        stored = collections.Counter()
        for folder in server.folders.values():
            stored.update((m.data, tuple(sorted(m.flags)), m.date) for m in folder.messages)
    return result.status, proxy.moved, stored, result


def cut(case):
    """What went wrong, or None."""
    source, states, way, offset = case
    status, _, stored, result = run(source, states / f"{way}-{offset}", how=("rst", "fin")[offset % 2],
                                    **{"cut_" + way: offset})
    if status == rig.OK and stored == EXPECTED:
        return None
    return f"cut {way} behind octet {offset}: {stored}\n{result}"


class EveryOctet(rig.ProgramTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "mail"
        for name in ("cur", "new", "tmp"):
            (self.source / name).mkdir(parents=True)
        for i, data in enumerate(MESSAGES):
            path = self.source / "cur" / f"1078131600.M{i:04}.host:2,S"
            path.write_bytes(data.replace(b"\r\n", b"\n"))

    def test_is_stored_once_wherever_the_line_is_cut(self):
        status, moved, stored, result = run(self.source, self.state)
        self.assertEqual((status, stored), (rig.OK, EXPECTED), str(result))
        self.assertGreater(moved["up"], 600)
        cases = [(self.source, self.folder / "states", way, offset)
                 for way in ("up", "down") for offset in range(1, moved[way])]
        with concurrent.futures.ProcessPoolExecutor(AT_ONCE) as pool:
            faults = [fault for fault in pool.map(cut, cases, chunksize=16) if fault]
        self.assertFalse(faults, f"{len(faults)} of {len(cases)} runs; the first:\n{''.join(faults[:3])}")
