#!/usr/bin/env python3
"""Runs the Python tests of one suite: run_suite.py SUITE [PATTERN]

A suite is a folder in tests/; its files test_*.py hold unittest cases. PATTERN picks tests by a part
of their name. Each class of tests (they share a server) runs by itself, $CHECK_JOBS of them at once
(default 3: much of their time is waiting). One line for each test, then "SUITE: N passed, N failed,
N skipped"; the exit status is 0 when all passed.
"""
import concurrent.futures
import itertools
import multiprocessing
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))


printing = multiprocessing.Lock()


def say(text):
    with printing:
        print(text, flush=True)


class Lines(unittest.TestResult):
    """One line for each test, the reason below it when it failed."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()
        self.subtest_failed = False

    def line(self, word, test, detail=""):
        seconds = time.monotonic() - getattr(self, "begun", time.monotonic())
        say(f"{word:4} {test.id()} ({seconds:.1f} s){detail}")

    def fail(self, test, err):
        self.failed += 1
        self.line("FAIL", test, "\n" + self._exc_info_to_string(err, test))

    def addSuccess(self, test):
        if not self.subtest_failed:
            self.passed += 1
            self.line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.subtest_failed = True
            self.fail(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skip", test, ": " + reason)


def all_tests(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from all_tests(test)
        else:
            yield test


groups = []  # of tests, one for each class


def run_group(number):
    """In a process of its own: how many passed, failed, were skipped."""
    result = Lines()
    unittest.TestSuite(groups[number]).run(result)
    return result.passed, result.failed, len(result.skipped)


def main():
    suite = sys.argv[1]
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    folder = HERE.parent / suite
    found = unittest.defaultTestLoader.discover(str(folder), "test_*.py", str(folder))
    chosen = [t for t in all_tests(found) if pattern in t.id()]
    groups.extend(list(tests) for _, tests in itertools.groupby(chosen, lambda t: t.__class__))
    jobs = int(os.environ.get("CHECK_JOBS", "3"))
    with concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        counts = list(pool.map(run_group, range(len(groups))))
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    print(f"{suite}: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(0 if failed == 0 and passed > 0 else 1)


main()
