"""The official Python client, azure-servicebus, against the broker: one line per case (see ../README.md)."""

import os
import sys

from azure.servicebus import ServiceBusClient, ServiceBusMessage


def send_and_complete():
    queue = os.environ["RETRAIN_QUEUE_PREFIX"] + "plain"
    with ServiceBusClient.from_connection_string(os.environ["RETRAIN_CONNECTION_STRING"]) as client:
        with client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage("hello"))
        with client.get_queue_receiver(queue, max_wait_time=5) as receiver:
            (message,) = receiver.receive_messages()
            assert str(message) == "hello", str(message)
            receiver.complete_message(message)


try:
    send_and_complete()
    print("ok send and complete")
except Exception as error:
    print(f"FAIL send and complete: {error!r}")
    sys.exit(1)
