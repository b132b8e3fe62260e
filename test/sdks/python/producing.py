"""The example of a producer in Python, read by the worker's own reader."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import jsonschema

from case import Case, case, raises, same

_ROOT = pathlib.Path(__file__).parents[3]
_EXAMPLE = _ROOT / "examples" / "python-producer" / "request.py"
_READER = _ROOT / "dist" / "test" / "sdks" / "read-request.js"


def _example():
    spec = importlib.util.spec_from_file_location("request_example", _EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read(queue: str) -> dict:
    output = subprocess.run(["node", _READER, queue], check=True, capture_output=True, timeout=60).stdout
    return json.loads(output)


@case("the example of a producer: the worker reads its request")
def _(case: Case):
    queue = case.queue("session")
    uri = "https://example.net/births-2024.csv"
    command = [sys.executable, _EXAMPLE, "births", "--data", uri, "--etag", "0x1", "--queue", queue]
    printed = subprocess.run(command, check=True, capture_output=True, timeout=60, env=os.environ).stdout
    read = _read(queue)
    same(read["kind"], "valid", "what the worker makes of it")
    event = read["event"]
    same(event["id"], printed.decode().strip(), "id")
    same([read["messageId"], read["sessionId"]], [event["id"], "births"], "message and session id")
    same(event["source"], "/examples/python-producer", "source")
    same(event["data"]["data"], [{"uri": uri, "etag": "0x1"}], "data")
    same(event["data"]["trigger"], {"kind": "new-data"}, "trigger")


@case("the example of a producer: the same content has the same id, and what breaks the schema is not sent")
def _(case: Case):
    example = _example()
    ids = {example.request_message(*example.new_data("births", "u", etag)).message_id for etag in ("1", "1", "2")}
    same(len(ids), 2, "ids")
    climbing = {"model": {"name": "../births"}, "trigger": {"kind": "manual"}}
    raises(jsonschema.ValidationError, lambda: example.request_message(climbing))
