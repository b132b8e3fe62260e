"""Asks for a model to be retrained, with nothing but the official Service Bus client and the published JSON Schema.

    pip install -r requirements.txt
    export RETRAIN_CONNECTION_STRING="Endpoint=sb://…"
    python request.py births --data https://example.net/births-2024.csv --etag 0x8D4BCC2E4835CD0
"""

import argparse
import hashlib
import json
import os
import pathlib
import uuid
from datetime import datetime, timezone

import jsonschema
from azure.servicebus import ServiceBusClient, ServiceBusMessage

# In the npm package `retrain` it is schemas/request.schema.json; a copy of it will do.
SCHEMA = pathlib.Path(os.environ.get("RETRAIN_REQUEST_SCHEMA", pathlib.Path(__file__).parents[2] / "schemas" / "request.schema.json"))
SOURCE = "/examples/python-producer"


def request_message(request: dict, request_id: "str | None" = None) -> ServiceBusMessage:
    """The message of a request: a CloudEvent 1.0 in binary mode, as docs/producer.md describes it.

    The id is what duplicate detection and the worker know the request by: the same id twice is one request.
    """
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(request)
    model = request["model"]["name"]
    request_id = request_id or str(uuid.uuid4())
    attributes = {
        "specversion": "1.0",
        "type": "retrain.requested.v1",
        "source": SOURCE,
        "id": request_id,
        "subject": model,
        "time": datetime.now(timezone.utc).isoformat(),
    }
    return ServiceBusMessage(
        json.dumps(request),
        content_type="application/json",
        application_properties={f"cloudEvents_{name}": value for name, value in attributes.items()},
        subject=attributes["type"],
        # Requests of a model are worked on in order, one at a time.
        session_id=model,
        message_id=request_id,
    )


def new_data(model: str, uri: str, etag: "str | None") -> "tuple[dict, str | None]":
    """A request because of new data, and an id that is the same for the same content at the same address."""
    item = {"uri": uri} if etag is None else {"uri": uri, "etag": etag}
    request = {"model": {"name": model}, "trigger": {"kind": "new-data"}, "data": [item], "requestedBy": "request.py"}
    if etag is None:
        return request, None
    return request, hashlib.sha256(json.dumps([model, uri, etag]).encode()).hexdigest()[:32]


def main() -> None:
    parser = argparse.ArgumentParser(description="Asks for a model to be retrained.")
    parser.add_argument("model")
    parser.add_argument("--data", required=True, help="address of the new data")
    parser.add_argument("--etag", help="changes with its content")
    parser.add_argument("--queue", default="model-retraining-queue")
    arguments = parser.parse_args()
    message = request_message(*new_data(arguments.model, arguments.data, arguments.etag))
    with ServiceBusClient.from_connection_string(os.environ["RETRAIN_CONNECTION_STRING"]) as client:
        with client.get_queue_sender(arguments.queue) as sender:
            sender.send_messages(message)
    print(message.message_id)


if __name__ == "__main__":
    main()
