"""The official Python client, azure-servicebus, against the broker: one line per case (see ../README.md)."""

import importlib
import logging
import os
import queue
import sys
import threading
import traceback

from case import CASES, Case, Entry

MODULES = [
    "sending",
    "bodies",
    "receiving",
    "settling",
    "locks",
    "sessions",
    "waiting_messages",
    "administration",
    "lifetimes",
    "forwarding",
    "refusals",
    "topics",
    "topic_lifetimes",
    "topic_rules",
    "topic_refusals",
    "asynchronous",
    "recovery",
    "transports",
    "producing",
]
# Cases mostly wait.
AT_A_TIME = 8
# Seconds after which a case has failed.
LONGEST_CASE = 100


class Results:
    def __init__(self):
        self._lock = threading.Lock()
        self.failed = 0

    def tell(self, name: str, reason: "str | None") -> None:
        with self._lock:
            if reason is None:
                print(f"ok {name}", flush=True)
            else:
                self.failed += 1
                print(f"FAIL {name}: {reason}", flush=True)


def outcome_of(entry: Entry) -> "str | None":
    """Why a case failed; None when it did not."""
    reasons = [f"no end within {LONGEST_CASE} s"]

    def run() -> None:
        case = Case()
        try:
            entry.run(case)
            reason = None
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)
            here = [frame for frame in place if os.path.dirname(frame.filename) == os.path.dirname(__file__)]
            lines = ", ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in here[1:])
            reason = f"{type(error).__name__}: {error} ({lines})".replace("\n", " ")
        try:
            case.close()
        except Exception as error:
            reason = reason or f"closing its clients: {error!r}"
        reasons.append(reason)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LONGEST_CASE)
    return reasons[-1]


def run_all(entries: "list[Entry]", results: Results, at_a_time: int) -> None:
    waiting: "queue.SimpleQueue[Entry]" = queue.SimpleQueue()
    for entry in entries:
        waiting.put(entry)

    def work() -> None:
        while True:
            try:
                entry = waiting.get_nowait()
            except queue.Empty:
                return
            results.tell(entry.name, outcome_of(entry))

    workers = [threading.Thread(target=work) for _ in range(at_a_time)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def main(words: "list[str]") -> int:
    """Words select the cases whose names contain one of them."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    for module in MODULES:
        importlib.import_module(module)
    chosen = [entry for entry in CASES if not words or any(word in entry.name for word in words)]
    results = Results()
    run_all([entry for entry in chosen if not entry.alone], results, AT_A_TIME)
    run_all([entry for entry in chosen if entry.alone], results, 1)
    return 1 if results.failed else 0


code = main(sys.argv[1:])
sys.stdout.flush()
# A case without an end keeps its threads.
os._exit(code)
