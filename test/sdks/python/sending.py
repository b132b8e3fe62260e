import datetime
import uuid

from azure.servicebus import ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import (
    MessageNotFoundError,
    MessageSizeExceededError,
    ServiceBusError,
    ServiceBusQuotaExceededError,
)

from case import Case, case, nothing, raises, receive, receive_one, same

KIB = 1024


@case("send one message with every property")
def _(case: Case):
    queue = case.queue()
    identifier = str(uuid.uuid4())
    properties = {
        "text": "text",
        "whole": 7,
        "negative": -5,
        "fraction": 1.5,
        "yes": True,
        "uuid": uuid.UUID(int=5),
        "time": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "none": None,
    }
    case.send(
        queue,
        ServiceBusMessage(
            "hello",
            application_properties=properties,
            message_id=identifier,
            content_type="text/plain",
            correlation_id="correlation",
            subject="subject",
            to="to",
            reply_to="reply-to",
            reply_to_session_id="reply-session",
            partition_key="key",
            time_to_live=datetime.timedelta(minutes=5),
        ),
    )
    message = receive_one(case.receiver(queue))
    same(str(message), "hello", "body")
    same(message.message_id, identifier, "message_id")
    same(message.content_type, "text/plain", "content_type")
    same(message.correlation_id, "correlation", "correlation_id")
    same(message.subject, "subject", "subject")
    same(message.to, "to", "to")
    same(message.reply_to, "reply-to", "reply_to")
    same(message.reply_to_session_id, "reply-session", "reply_to_session_id")
    same(message.partition_key, "key", "partition_key")
    same(message.time_to_live, datetime.timedelta(minutes=5), "time_to_live")
    received = {key.decode(): value for key, value in message.application_properties.items()}
    sent = {**properties, "text": b"text", "time": int(properties["time"].timestamp() * 1000)}
    same(received, sent, "application_properties")


@case("send a list keeps its order, with one sequence number after the other")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *(ServiceBusMessage(str(i)) for i in range(50)))
    messages = receive(case.receiver(queue), 50)
    same([str(message) for message in messages], [str(i) for i in range(50)], "order")
    numbers = [message.sequence_number for message in messages]
    same(numbers, list(range(numbers[0], numbers[0] + 50)), "sequence numbers")


@case("send a batch that is filled to its limit")
def _(case: Case):
    queue = case.queue()
    sender = case.sender(queue)
    batch = sender.create_message_batch()
    same(batch.max_size_in_bytes, 256 * KIB, "max_size_in_bytes")
    count = 0
    try:
        while True:
            batch.add_message(ServiceBusMessage(b"x" * 5000, message_id=str(count)))
            count += 1
    except MessageSizeExceededError:
        pass
    assert count > 45, count
    sender.send_messages(batch)
    receiver = case.receiver(queue, receive_mode="receiveanddelete")
    same([message.message_id for message in receive(receiver, count)], [str(i) for i in range(count)], "ids")


@case("a batch may not be larger than the link allows")
def _(case: Case):
    sender = case.sender(case.queue())
    raises(ValueError, lambda: sender.create_message_batch(max_size_in_bytes=256 * KIB + 1))


@case("an oversize message is refused with MessageSizeExceededError")
def _(case: Case):
    queue = case.queue("small")
    sender = case.sender(queue)
    raises(MessageSizeExceededError, lambda: sender.send_messages(ServiceBusMessage(b"x" * 16 * KIB)))
    sender.send_messages(ServiceBusMessage(b"x" * 15 * KIB))
    receiver = case.receiver(queue)
    same(len(b"".join(receive_one(receiver).body)), 15 * KIB, "size of what was small enough")
    nothing(receiver)


@case("an oversize message cannot be scheduled either")
def _(case: Case):
    sender = case.sender(case.queue("small"))
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    raises(MessageSizeExceededError, lambda: sender.schedule_messages(ServiceBusMessage(b"x" * 17 * KIB), soon))


@case("a message of several frames, in both directions")
def _(case: Case):
    queue = case.queue()
    body = bytes(range(256)) * 4 * 200
    case.send(queue, ServiceBusMessage(body))
    same(b"".join(receive_one(case.receiver(queue)).body), body, "body of 200 KiB")


@case("a message of 5 MiB")
def _(case: Case):
    queue = case.queue("large")
    body = bytes(range(256)) * 4 * KIB * 5
    sender = case.sender(queue, socket_timeout=30)
    sender.send_messages(ServiceBusMessage(body))
    receiver = case.receiver(queue, socket_timeout=30)
    message = receive_one(receiver)
    assert b"".join(message.body) == body, "the body is not the same"
    receiver.complete_message(message)


@case("a batch is accepted whole or not at all")
def _(case: Case):
    queue = case.queue("session")
    sender = case.within(case.impatient().get_queue_sender(queue))
    batch = sender.create_message_batch()
    batch.add_message(ServiceBusMessage("with", session_id="a"))
    batch.add_message(ServiceBusMessage("without"))
    raises(ServiceBusError, lambda: sender.send_messages(batch))
    same(list(case.client().list_queue_sessions(queue)), [], "sessions")


@case("a full queue: ServiceBusQuotaExceededError, until something is taken")
def _(case: Case):
    queue = case.queue("full")
    sender = case.within(case.impatient().get_queue_sender(queue))
    for _ in range(5):
        sender.send_messages(ServiceBusMessage(b"x" * 200 * KIB))
    raises(ServiceBusQuotaExceededError, lambda: [sender.send_messages(ServiceBusMessage(b"x" * 200 * KIB)) for _ in range(5)])
    receiver = case.receiver(queue)
    for message in receive(receiver, 2):
        receiver.complete_message(message)
    sender.send_messages(ServiceBusMessage(b"x" * 200 * KIB))


@case("a message from the future comes in time, marked as scheduled, with a new sequence number")
def _(case: Case):
    queue = case.queue()
    sender = case.sender(queue)
    now = datetime.datetime.now(datetime.timezone.utc)
    due = now + datetime.timedelta(seconds=4)
    sender.send_messages(ServiceBusMessage("later", scheduled_enqueue_time_utc=due))
    sender.send_messages(ServiceBusMessage("now"))
    receiver = case.receiver(queue)
    peeked = receiver.peek_messages(10)
    same([(str(m), m.state) for m in peeked],
         [("later", ServiceBusMessageState.SCHEDULED), ("now", ServiceBusMessageState.ACTIVE)], "peeked")
    first = receive_one(receiver)
    same(str(first), "now", "what comes first")
    message = receive_one(receiver)
    same(str(message), "later", "what comes later")
    assert datetime.datetime.now(datetime.timezone.utc) >= due - datetime.timedelta(milliseconds=50), "it came early"
    assert message.sequence_number > first.sequence_number, "the sequence number is the old one"
    assert message.enqueued_time_utc >= due - datetime.timedelta(seconds=1), message.enqueued_time_utc
    assert abs(message.scheduled_enqueue_time_utc - due) < datetime.timedelta(milliseconds=2), "scheduled time"
    same(message.state, ServiceBusMessageState.SCHEDULED, "state")


@case("schedule_messages gives a sequence number for each; cancelled ones do not come")
def _(case: Case):
    queue = case.queue()
    sender = case.sender(queue)
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    numbers = sender.schedule_messages([ServiceBusMessage(str(i)) for i in range(5)], due)
    same(numbers, list(range(numbers[0], numbers[0] + 5)), "sequence numbers")
    (single,) = sender.schedule_messages(ServiceBusMessage("single"), due)
    sender.cancel_scheduled_messages(numbers[:2])
    sender.cancel_scheduled_messages(single)
    receiver = case.receiver(queue)
    same([m.sequence_number for m in receiver.peek_messages(10)], numbers[2:], "what is still scheduled")
    same([str(m) for m in receive(receiver, 3)], ["2", "3", "4"], "what comes")
    nothing(receiver)


@case("one lost sequence number cancels nothing")
def _(case: Case):
    queue = case.queue()
    sender = case.sender(queue)
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    numbers = sender.schedule_messages([ServiceBusMessage("a"), ServiceBusMessage("b")], due)
    sender.cancel_scheduled_messages(numbers[0])
    raises(MessageNotFoundError, lambda: sender.cancel_scheduled_messages(numbers[0]))
    same(len(case.receiver(queue).peek_messages(10)), 1, "messages still scheduled")
