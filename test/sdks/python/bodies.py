import uuid

from azure.servicebus import ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType, AmqpMessageHeader, AmqpMessageProperties

from case import Case, case, receive_one, same


def _sent_and_received(case: Case, message):
    queue = case.queue()
    case.send(queue, message)
    return receive_one(case.receiver(queue))


@case("a body of bytes")
def _(case: Case):
    message = _sent_and_received(case, ServiceBusMessage(b"\x00\x01\xff"))
    same(b"".join(message.body), b"\x00\x01\xff", "body")
    same(message.body_type, AmqpMessageBodyType.DATA, "body_type")


@case("an empty body")
def _(case: Case):
    message = _sent_and_received(case, ServiceBusMessage(b""))
    same(b"".join(message.body), b"", "body")


@case("a body of several data sections")
def _(case: Case):
    message = _sent_and_received(case, AmqpAnnotatedMessage(data_body=[b"one", b"two", b"three"]))
    same(list(message.body), [b"one", b"two", b"three"], "sections")
    same(message.body_type, AmqpMessageBodyType.DATA, "body_type")


@case("bodies of one value of each kind")
def _(case: Case):
    queue = case.queue()
    identifier = uuid.uuid4()
    values = [
        (b"text", "text"),
        (7, 7),
        (-3, -3),
        (2.5, 2.5),
        (True, True),
        (b"\x00\xff", b"\x00\xff"),
        (identifier, identifier),
        ([1, b"two"], [1, "two"]),
        ({b"key": b"value", b"n": 1}, {"key": "value", "n": 1}),
    ]
    case.send(queue, *(AmqpAnnotatedMessage(value_body=value) for _, value in values))
    receiver = case.receiver(queue)
    for expected, _ in values:
        message = receive_one(receiver)
        same(message.body_type, AmqpMessageBodyType.VALUE, "body_type")
        same(message.body, expected, "value")


@case("bodies of one and of several sequences")
def _(case: Case):
    message = _sent_and_received(case, AmqpAnnotatedMessage(sequence_body=[1, 2, b"three"]))
    same(message.body_type, AmqpMessageBodyType.SEQUENCE, "body_type")
    same(list(message.body), [[1, 2, b"three"]], "one sequence")
    message = _sent_and_received(case, AmqpAnnotatedMessage(sequence_body=[[1, 2], [b"three"]]))
    same(list(message.body), [[1, 2], [b"three"]], "two sequences")


@case("header, properties, annotations and footer are kept")
def _(case: Case):
    properties = AmqpMessageProperties(
        message_id="id",
        user_id=b"user",
        to="to",
        subject="subject",
        reply_to="reply",
        correlation_id="correlation",
        content_type="type",
        content_encoding="encoding",
        group_id="group",
        group_sequence=3,
        reply_to_group_id="reply-group",
    )
    raw = _sent_and_received(
        case,
        AmqpAnnotatedMessage(
            data_body=b"body",
            header=AmqpMessageHeader(durable=True, priority=7, first_acquirer=True, time_to_live=60_000),
            properties=properties,
            annotations={b"x-own": b"annotation", b"x-number": 3},
            delivery_annotations={b"x-delivery": b"gone"},
            footer={b"x-footer": b"footer"},
            application_properties={b"own": b"property"},
        ),
    ).raw_amqp_message
    same(raw.header.durable, True, "durable")
    same(raw.header.priority, 7, "priority")
    same(raw.header.time_to_live, 60_000, "ttl")
    same(raw.header.delivery_count, 0, "delivery_count")
    same(raw.properties.message_id, b"id", "message_id")
    same(raw.properties.user_id, b"user", "user_id")
    same(raw.properties.subject, b"subject", "subject")
    same(raw.properties.content_type, b"type", "content_type")
    same(raw.properties.content_encoding, b"encoding", "content_encoding")
    same(raw.properties.correlation_id, b"correlation", "correlation_id")
    # the client itself derives both from the time to live
    lifetime = raw.properties.absolute_expiry_time - raw.properties.creation_time
    same(lifetime, 60_000, "absolute_expiry_time less creation_time")
    same(raw.properties.group_id, b"group", "group_id")
    same(raw.properties.group_sequence, 3, "group_sequence")
    same(raw.properties.reply_to_group_id, b"reply-group", "reply_to_group_id")
    same(raw.annotations[b"x-own"], b"annotation", "annotation")
    same(raw.annotations[b"x-number"], 3, "annotation")
    same(raw.footer, {b"x-footer": b"footer"}, "footer")
    same(raw.application_properties, {b"own": b"property"}, "application_properties")


@case("a received message can be sent on as it is")
def _(case: Case):
    message = _sent_and_received(case, ServiceBusMessage("again", application_properties={"a": 1}))
    queue = case.queue()
    case.send(queue, message)
    again = receive_one(case.receiver(queue))
    same(str(again), "again", "body")
    same(again.application_properties, {b"a": 1}, "application_properties")
    same(again.delivery_count, 0, "delivery_count")
