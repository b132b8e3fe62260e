"""The same behaviour in TLS, and over WebSockets, which this client always speaks in TLS."""

import asyncio
import datetime

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage, TransportType
from azure.servicebus._pyamqp.error import TokenAuthFailure
from azure.servicebus.aio import ServiceBusClient as AsyncClient
from azure.servicebus.exceptions import ServiceBusConnectionError, ServiceBusError

from case import (
    PATIENCE,
    TLS_CONNECTION_STRING,
    TLS_OPTIONS,
    Case,
    case,
    cut_connections,
    kill_broker,
    raises,
    receive,
    receive_one,
    same,
)

_OPTIONS = {
    "TLS": {**TLS_OPTIONS, "transport_type": TransportType.Amqp},
    "WebSockets": {**TLS_OPTIONS, "transport_type": TransportType.AmqpOverWebsocket},
}


def over_each(name: str, *, alone: bool = False):
    """Registers a case for each transport; it is given the options of a client."""

    def register(run):
        for transport, options in _OPTIONS.items():
            case(f"{transport}: {name}", alone=alone)(lambda case, options=options: run(case, options))
        return run

    return register


def _client(case: Case, options: dict, connection_string: str = TLS_CONNECTION_STRING, **more) -> ServiceBusClient:
    return case.client(connection_string, **options, **more)


@over_each("send, batch, receive, every settlement, renewal, peek and deferral")
def _(case: Case, options: dict):
    queue = case.queue()
    client = _client(case, options)
    sender = case.within(client.get_queue_sender(queue))
    sender.send_messages(ServiceBusMessage("0"))
    batch = sender.create_message_batch()
    for index in range(1, 4):
        batch.add_message(ServiceBusMessage(str(index)))
    sender.send_messages(batch)
    receiver = case.within(client.get_queue_receiver(queue))
    messages = receive(receiver, 4)
    same([str(m) for m in messages], ["0", "1", "2", "3"], "messages")
    before = messages[0].locked_until_utc
    assert receiver.renew_message_lock(messages[0]) >= before, "the lock is not longer"
    receiver.complete_message(messages[0])
    receiver.abandon_message(messages[1])
    receiver.defer_message(messages[2])
    receiver.dead_letter_message(messages[3], reason="reason")
    same(str(receive_one(receiver)), "1", "abandoned")
    (deferred,) = receiver.receive_deferred_messages(messages[2].sequence_number)
    receiver.complete_message(deferred)
    dead = case.within(client.get_queue_receiver(queue, sub_queue="deadletter"))
    same(receive_one(dead).dead_letter_reason, "reason", "dead_letter_reason")
    same([str(m) for m in receiver.peek_messages(10, sequence_number=1)], ["1"], "what is left")


@over_each("large messages each way")
def _(case: Case, options: dict):
    queue = case.queue("large")
    client = _client(case, options)
    sender, receiver = case.within(client.get_queue_sender(queue)), case.within(client.get_queue_receiver(queue))
    for size in (300_000, 5_000_000):
        body = bytes(range(256)) * (size // 256)
        sender.send_messages(ServiceBusMessage(body))
        message = receive_one(receiver)
        assert b"".join(message.body) == body, f"the body of {size} bytes is not the same"
        receiver.complete_message(message)


@over_each("sessions, their state, and scheduled messages")
def _(case: Case, options: dict):
    queue = case.queue("session")
    client = _client(case, options)
    sender = case.within(client.get_queue_sender(queue))
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    first, _ = sender.schedule_messages([ServiceBusMessage(str(i), session_id="a") for i in range(2)], due)
    sender.cancel_scheduled_messages(first)
    waiting = client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    receiver = case.within(waiting)
    same(receiver.session.session_id, "a", "session_id")
    receiver.session.set_state("state")
    same(receiver.session.get_state(), b"state", "state")
    same(str(receive_one(receiver)), "1", "message")


@over_each("a topic and its subscriptions")
def _(case: Case, options: dict):
    topic = case.topic()
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    client = _client(case, options)
    case.within(client.get_topic_sender(topic)).send_messages([ServiceBusMessage(str(i)) for i in range(20)])
    for name in ("one", "two"):
        receiver = case.within(client.get_subscription_receiver(topic, name))
        same([str(m) for m in receive(receiver, 20)], [str(i) for i in range(20)], f"messages of {name}")


@over_each("over asyncio")
def _(case: Case, options: dict):
    queue = case.queue()

    async def run():
        client = AsyncClient.from_connection_string(TLS_CONNECTION_STRING, **options)
        async with client, client.get_queue_sender(queue) as sender:
            await sender.send_messages([ServiceBusMessage(str(i)) for i in range(10)])
            async with client.get_queue_receiver(queue) as receiver:
                messages = []
                while len(messages) < 10:
                    messages += await receiver.receive_messages(10 - len(messages), max_wait_time=5)
                for message in messages:
                    await receiver.complete_message(message)
                same(await receiver.peek_messages(5, sequence_number=1), [], "what is left")

    asyncio.run(asyncio.wait_for(run(), 60))


@over_each("a wrong key and an unknown queue")
def _(case: Case, options: dict):
    wrong = TLS_CONNECTION_STRING.replace("SharedAccessKey=", "SharedAccessKey=x")
    for connection_string, queue in ((wrong, case.queue()), (TLS_CONNECTION_STRING, "no-such-queue")):
        sender = _client(case, options, connection_string, retry_total=0).get_queue_sender(queue)
        # With a custom endpoint this client blames the connection for whatever goes wrong with the token.
        error = raises(ServiceBusConnectionError, sender.__enter__)
        same(type(error.inner_exception), TokenAuthFailure, "what it is made of")


@over_each("who does not trust the broker's authority does not connect")
def _(case: Case, options: dict):
    distrustful = {name: value for name, value in options.items() if name != "connection_verify"}
    client = _client(case, distrustful, retry_total=0)
    try:
        client.get_queue_sender(case.queue()).__enter__()
    except ServiceBusError as error:
        assert "certificate" in str(error).lower() or "certificate" in repr(error.inner_exception).lower(), repr(error)
        return
    raise AssertionError("it connects")


@over_each("a sender and a receiver go on after a cut and after a kill", alone=True)
def _(case: Case, options: dict):
    queue = case.queue()
    client = _client(case, options)
    sender, receiver = case.within(client.get_queue_sender(queue)), case.within(client.get_queue_receiver(queue))
    for round, disturb in enumerate((cut_connections, kill_broker)):
        sender.send_messages(ServiceBusMessage(f"before {round}"))
        receiver.complete_message(receive_one(receiver))
        disturb()
        sender.send_messages(ServiceBusMessage(f"after {round}"))
        message = receive_one(receiver)
        same(str(message), f"after {round}", "message")
        receiver.complete_message(message)
