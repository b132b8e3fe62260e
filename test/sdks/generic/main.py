"""A generic AMQP 1.0 client, qpid-proton, that knows nothing of Service Bus, against the broker: one line per case (see ../README.md)."""

import importlib
import os
import sys
import traceback

from case import CASES, Case

MODULES = ["connections", "sending", "receiving", "links", "transactions", "topics", "rules", "secure"]


def outcome_of(entry) -> "str | None":
    """Why a case failed; None when it did not."""
    case = Case()
    reason = None
    try:
        entry.run(case)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)
        here = [frame for frame in place if os.path.dirname(frame.filename) == os.path.dirname(__file__)]
        lines = ", ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in here[1:])
        reason = f"{type(error).__name__}: {error} ({lines})".replace("\n", " ")
    try:
        case.close()
    except Exception as error:
        reason = reason or f"closing its connections: {error!r}"
    return reason


def main(words: "list[str]") -> int:
    """Words select the cases whose names contain one of them."""
    for module in MODULES:
        importlib.import_module(module)
    failed = 0
    for entry in CASES:
        if words and not any(word in entry.name for word in words):
            continue
        reason = outcome_of(entry)
        failed += reason is not None
        print(f"ok {entry.name}" if reason is None else f"FAIL {entry.name}: {reason}", flush=True)
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
