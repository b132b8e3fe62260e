import uuid

from proton import UNDESCRIBED, Array, Data, Delivery, Described, Message, char, int32, symbol, timestamp, ubyte, ulong
from proton.reactor import AtLeastOnce, AtMostOnce

from case import MOMENT, Case, bodies, case, same


@case("unsettled messages are accepted")
def _(case: Case):
    queue = case.queue()
    sender = case.connect().sender(queue, options=AtLeastOnce())
    for _ in range(3):
        same(sender.send("x").remote_state, Delivery.ACCEPTED, "outcome")


@case("pre-settled messages arrive")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    sender = peer.sender(queue, options=AtMostOnce())
    for index in range(10):
        sender.send(str(index))
    same(bodies(peer.receiver(queue).take(10)), [str(i) for i in range(10)], "messages")


@case("a thousand messages in flight are all accepted, and keep their order")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    sender = peer.sender(queue)
    deliveries = [sender.post(str(i)) for i in range(1000)]
    peer.until(lambda: all(delivery.settled for delivery in deliveries), "outcomes of a thousand messages")
    same({delivery.remote_state for delivery in deliveries}, {Delivery.ACCEPTED}, "outcomes")
    same(bodies(peer.receiver(queue).take(1000)), [str(i) for i in range(1000)], "messages")


@case("values of every type come back as they were")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    values = [
        None,
        True,
        ubyte(7),
        int32(-7),
        ulong(2**63),
        -(2**62),
        1.5,
        char("ä"),
        timestamp(1_767_225_600_000),
        uuid.UUID(int=5),
        b"\x00\xff",
        "text €",
        symbol("symbol"),
        [1, "two", [3]],
        {"key": {"inner": [1, 2]}},
        Array(UNDESCRIBED, Data.INT, 1, 2, 3),
        Described(symbol("own:type"), "value"),
        "x" * 70_000,
    ]
    sender, receiver = peer.sender(queue), peer.receiver(queue)
    for value in values:
        sender.send(Message(body=value, inferred=False))
    for value in values:
        (received,) = bodies(receiver.take())
        same(received, value, "value")
        same(type(received), type(value), f"type of {value!r}"[:80])


@case("data and sequence bodies stay what they are")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    sender, receiver = peer.sender(queue), peer.receiver(queue)
    for body in (b"data", [1, "two"]):
        sender.send(Message(body=body, inferred=True))
        message, _ = receiver.take_one()
        same((message.body, message.inferred), (body, True), "body")


@case("header, properties, annotations and application properties are kept")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    sent = Message(
        body="x",
        durable=True,
        priority=7,
        ttl=60.0,
        id=ulong(7),
        user_id=b"user",
        address="to",
        subject="subject",
        reply_to="reply",
        correlation_id=uuid.UUID(int=9),
        content_type=symbol("type"),
        content_encoding=symbol("encoding"),
        creation_time=1_767_225_600.0,
        group_id="group",
        group_sequence=3,
        reply_to_group_id="reply-group",
        properties={"text": "x", "number": ulong(5), "list": True},
        annotations={symbol("x-own"): "annotation"},
    )
    peer.sender(queue).send(sent)
    message, _ = peer.receiver(queue).take_one()
    names = "durable priority ttl id user_id address subject reply_to correlation_id content_type content_encoding"
    names += " creation_time group_id group_sequence reply_to_group_id properties body"
    for name in names.split():
        same(getattr(message, name), getattr(sent, name), name)
    same(message.annotations[symbol("x-own")], "annotation", "annotation")
    same(message.delivery_count, 0, "delivery_count")


@case("a message over the link's max-message-size is rejected, and the link lives on")
def _(case: Case):
    queue = case.queue("small")
    peer = case.connect()
    sender = peer.sender(queue)
    same(sender.link.remote_max_message_size, 16 * 1024, "max-message-size")
    delivery = sender.send(b"x" * 17 * 1024)
    same(delivery.remote_state, Delivery.REJECTED, "outcome")
    same(delivery.remote.condition.name, "amqp:link:message-size-exceeded", "condition")
    same(sender.send("small").remote_state, Delivery.ACCEPTED, "outcome of a small one")


@case("a message without a session id is rejected by a session queue")
def _(case: Case):
    sender = case.connect().sender(case.queue("session"))
    delivery = sender.send("x")
    same(delivery.remote_state, Delivery.REJECTED, "outcome")
    same(delivery.remote.condition.name, "amqp:not-allowed", "condition")
    same(sender.send(Message(body="x", group_id="a")).remote_state, Delivery.ACCEPTED, "outcome with an id")


@case("a message that is aborted half way is as if it had not been sent")
def _(case: Case):
    queue = case.queue()
    peer = case.connect(max_frame_size=4096)
    sender = peer.sender(queue)
    peer.until(lambda: sender.link.credit > 0, "credit to send")
    delivery = sender.link.delivery("aborted")
    sender.link.stream(b"\x00Su\xb0\x00\x01\x00\x00" + b"x" * 20_000)
    peer.idle(MOMENT)
    delivery.abort()
    sender.send("whole")
    receiver = peer.receiver(queue)
    same(bodies(receiver.take(1, credit=10)), ["whole"], "messages")
    peer.idle()
    same(bodies(receiver.arrived), [], "further messages")
