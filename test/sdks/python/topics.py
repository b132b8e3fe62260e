"""Messages sent to a topic and received from its subscriptions."""

import datetime

from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    ServiceBusQuotaExceededError,
    SessionCannotBeLockedError,
)

from case import PATIENCE, Case, case, nothing, order, raises, receive, receive_one, same


def _numbered(count: int) -> list:
    return [ServiceBusMessage(str(i)) for i in range(count)]


def _in(hours: float = 0, seconds: float = 0) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours, seconds=seconds)


@case("topic: every subscription gets a copy with every property, and numbers it by itself")
def _(case: Case):
    topic = case.topic()
    for name in ("one", "two", "three"):
        case.subscription(topic, name)
    properties = {"text": "text", "whole": 7, "yes": True}
    for body in ("first", "second"):
        message = ServiceBusMessage(
            body,
            application_properties=properties,
            message_id=body,
            content_type="text/plain",
            correlation_id="correlation",
            subject="subject",
            to="to",
            reply_to="reply-to",
            reply_to_session_id="reply-session",
            session_id="session",
            time_to_live=datetime.timedelta(minutes=5),
        )
        case.publish(topic, message)
    for name in ("one", "two", "three"):
        receiver = case.subscriber(topic, name)
        messages = receive(receiver, 2)
        same([str(m) for m in messages], ["first", "second"], f"messages of {name}")
        same([m.sequence_number for m in messages], [1, 2], "sequence numbers")
        same([m.enqueued_sequence_number for m in messages], [1, 2], "enqueued_sequence_number")
        same({m.delivery_count for m in messages}, {0}, "delivery counts")
        message = messages[0]
        same(message.application_properties, {b"text": b"text", b"whole": 7, b"yes": True}, "properties")
        names = "message_id content_type correlation_id subject to reply_to reply_to_session_id session_id time_to_live"
        found = [getattr(message, name) for name in names.split()]
        expected = ["first", "text/plain", "correlation", "subject", "to", "reply-to", "reply-session", "session"]
        same(found, [*expected, datetime.timedelta(minutes=5)], names)
        # one copy is settled without the others
        receiver.complete_message(message)
        receiver.complete_message(messages[1])
        same(receiver.peek_messages(5, sequence_number=1), [], "what is left")


@case("topic: without a subscription messages are accepted and gone; a later one gets what comes later")
def _(case: Case):
    topic = case.topic()
    publisher = case.publisher(topic)
    publisher.send_messages(ServiceBusMessage("nobody"))
    case.subscription(topic)
    publisher.send_messages(ServiceBusMessage("somebody"))
    receiver = case.subscriber(topic)
    same(str(receive_one(receiver)), "somebody", "message")
    nothing(receiver)


@case("topic: a batch that is filled to its limit")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    publisher = case.publisher(topic)
    batch = publisher.create_message_batch()
    same(batch.max_size_in_bytes, 256 * 1024, "max_size_in_bytes")
    count = 0
    try:
        while True:
            batch.add_message(ServiceBusMessage(b"x" * 10_000))
            count += 1
    except ValueError:
        publisher.send_messages(batch)
    same(len(receive(case.subscriber(topic), count)), count, "messages")


@case("topic: a message over its maxMessageSize: MessageSizeExceededError")
def _(case: Case):
    topic = case.topic(maxMessageSizeInKilobytes=16)
    case.subscription(topic)
    publisher = case.publisher(topic)
    raises(MessageSizeExceededError, lambda: publisher.send_messages(ServiceBusMessage(b"x" * 17 * 1024)))
    publisher.send_messages(ServiceBusMessage("small"))
    same(str(receive_one(case.subscriber(topic))), "small", "message")


@case("subscription: receive-and-delete")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    case.publish(topic, *_numbered(5))
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    taker = case.subscriber(topic, receive_mode=mode)
    same([str(m) for m in receive(taker, 5)], ["0", "1", "2", "3", "4"], "messages")
    same(taker.peek_messages(5, sequence_number=1), [], "what is left")
    same(len(case.subscriber(topic, "two").peek_messages(10)), 5, "messages of the other subscription")


@case("subscription: the receiver as an iterator")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    case.publish(topic, *_numbered(5))
    receiver = case.subscriber(topic, max_wait_time=3)
    seen = []
    for message in receiver:
        seen.append(str(message))
        receiver.complete_message(message)
    same(seen, ["0", "1", "2", "3", "4"], "messages")


@case("subscription: competing receivers share its messages")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    case.publish(topic, *_numbered(10))
    first, second = case.subscriber(topic), case.subscriber(topic)
    got = [*receive(first, 5), *receive(second, 5)]
    same(sorted(int(str(m)) for m in got), list(range(10)), "messages")


@case("subscription: complete, abandon, defer and dead-letter, each for itself alone")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    case.publish(topic, *_numbered(4))
    receiver = case.subscriber(topic, "one")
    messages = receive(receiver, 4)
    receiver.complete_message(messages[0])
    receiver.abandon_message(messages[1])
    receiver.defer_message(messages[2])
    receiver.dead_letter_message(messages[3], reason="reason", error_description="description")
    again = receive_one(receiver)
    same((str(again), again.delivery_count), ("1", 1), "abandoned")
    assert again.lock_token != messages[1].lock_token, "the lock token is the old one"
    (deferred,) = receiver.receive_deferred_messages(messages[2].sequence_number)
    same((str(deferred), deferred.state), ("2", ServiceBusMessageState.DEFERRED), "deferred")
    receiver.complete_message(deferred)
    dead = case.subscriber(topic, "one", sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    message = receive_one(dead)
    found = (str(message), message.dead_letter_reason, message.dead_letter_error_description)
    same(found, ("3", "reason", "description"), "dead-lettered")
    dead.complete_message(message)
    same(dead.peek_messages(5, sequence_number=1), [], "what is left of the dead letters")
    other = case.subscriber(topic, "two")
    same([str(m) for m in receive(other, 4)], ["0", "1", "2", "3"], "the other subscription's")
    nothing(case.subscriber(topic, "two", sub_queue="deadletter"))


@case("subscription: settlement over $management, and a lock that ran out")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, lockDuration="PT5S")
    case.publish(topic, *_numbered(3))
    receiver = case.subscriber(topic)
    messages = receive(receiver, 3)
    receiver._settle_message_via_mgmt_link("completed", [messages[0].lock_token])
    before = messages[1].locked_until_utc
    assert receiver.renew_message_lock(messages[1]) >= before, "the lock is not longer"
    receiver.complete_message(messages[1])
    again = receive_one(case.subscriber(topic))
    same((str(again), again.delivery_count), ("2", 1), "after its lock ran out")
    token = messages[2].lock_token
    raises(MessageLockLostError, lambda: receiver._settle_message_via_mgmt_link("completed", [token]))


@case("subscription: after MaxDeliveryCount deliveries a message is dead-lettered there")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "one", maxDeliveryCount=2)
    case.subscription(topic, "two")
    case.publish(topic, ServiceBusMessage("x"))
    receiver = case.subscriber(topic)
    for count in range(2):
        message = receive_one(receiver)
        same(message.delivery_count, count, "delivery_count")
        receiver.abandon_message(message)
    nothing(receiver)
    dead = receive_one(case.subscriber(topic, sub_queue="deadletter"))
    same(dead.dead_letter_reason, "MaxDeliveryCountExceeded", "dead_letter_reason")
    same(receive_one(case.subscriber(topic, "two")).delivery_count, 0, "delivery count of the other subscription's")


@case("subscription: peek shows active, locked, deferred messages, and takes none; counts by peeks")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    case.publish(topic, *_numbered(4))
    receiver = case.subscriber(topic)
    first, second, _ = receive(receiver, 3)
    receiver.defer_message(first)
    receiver.dead_letter_message(second)
    peeker = case.subscriber(topic)
    states = ServiceBusMessageState
    expected = [("0", states.DEFERRED), ("2", states.ACTIVE), ("3", states.ACTIVE)]
    same([(str(m), m.state) for m in peeker.peek_messages(10)], expected, "peeked")
    same(peeker.peek_messages(10), [], "what comes after")
    same([str(m) for m in peeker.peek_messages(1, sequence_number=3)], ["2"], "from a sequence number")
    same(len(case.subscriber(topic, sub_queue="deadletter").peek_messages(10)), 1, "dead letters")
    raises(MessageNotFoundError, lambda: receiver.receive_deferred_messages(4711))


@case("subscription with sessions: by id and next, order, state, lock")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, requiresSession=True)
    case.subscription(topic, "plain")
    case.publish(topic, *(ServiceBusMessage(f"{s}{i}", session_id=s) for i in range(3) for s in ("a", "b")))
    receiver = case.subscriber(topic, session_id="a")
    same([str(m) for m in receive(receiver, 3)], ["a0", "a1", "a2"], "messages of a")
    taken = case.impatient().get_subscription_receiver(topic, "one", session_id="a")
    raises(SessionCannotBeLockedError, taken.__enter__, containing="'a'")
    following = case.subscriber(topic, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    same(following.session.session_id, "b", "the next session")
    for message in receive(following, 3):
        following.complete_message(message)
    following.session.set_state("half")
    same(following.session.get_state(), b"half", "state")
    before = following.session.locked_until_utc
    assert following.session.renew_lock() >= before, "the lock is not longer"
    same(len(receive(case.subscriber(topic, "plain"), 6)), 6, "messages of the subscription without sessions")


@case("subscription with sessions: a message without a session id is dead-lettered there, and accepted by the topic")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, requiresSession=True)
    case.subscription(topic, "plain")
    case.publish(topic, ServiceBusMessage("x"))
    same(str(receive_one(case.subscriber(topic, "plain"))), "x", "message")
    dead = receive_one(case.subscriber(topic, sub_queue="deadletter"))
    same((str(dead), dead.dead_letter_reason), ("x", "Session id is null."), "dead letter")


@case("topic: a message is scheduled, comes to every subscription when it is due, and can be cancelled")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    publisher = case.publisher(topic)
    due = _in(seconds=2)
    first, second, third = publisher.schedule_messages(_numbered(3), due)
    publisher.cancel_scheduled_messages(second)
    publisher.send_messages(ServiceBusMessage("property", scheduled_enqueue_time_utc=due))
    for name in ("one", "two"):
        receiver = case.subscriber(topic, name)
        messages = receive(receiver, 3)
        same(sorted(str(m) for m in messages), ["0", "2", "property"], f"messages of {name}")
        assert all(m.enqueued_time_utc >= due - datetime.timedelta(milliseconds=1) for m in messages), "came early"
        same({m.state for m in messages}, {ServiceBusMessageState.SCHEDULED}, "state")
        nothing(receiver)
    raises(MessageNotFoundError, lambda: publisher.cancel_scheduled_messages([first, third]))


@case("topic: a subscription that is made while a message is scheduled gets it")
def _(case: Case):
    topic = case.topic()
    case.publisher(topic).schedule_messages(ServiceBusMessage("x"), _in(seconds=2))
    case.subscription(topic)
    same(str(receive_one(case.subscriber(topic))), "x", "message")


@case("topic: a subscription is deleted and made again: it begins empty")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    case.publish(topic, ServiceBusMessage("old"))
    order("delete", topic=topic, subscription="one")
    case.subscription(topic)
    case.publish(topic, ServiceBusMessage("new"))
    receiver = case.subscriber(topic)
    same(str(receive_one(receiver)), "new", "message")
    nothing(receiver)


@case("topic: a full one refuses messages until some are taken")
def _(case: Case):
    topic = case.topic(maxSizeInMegabytes=1)
    case.subscription(topic)
    publisher = case.within(case.impatient().get_topic_sender(topic))

    def fill() -> None:
        for _ in range(10):
            publisher.send_messages(ServiceBusMessage(b"x" * 200_000))

    raises(ServiceBusQuotaExceededError, fill)
    receiver = case.subscriber(topic)
    for message in receive(receiver, 2):
        receiver.complete_message(message)
    publisher.send_messages(ServiceBusMessage(b"x" * 200_000))


@case("topic: a hundred subscriptions get every message of a batch")
def _(case: Case):
    topic = case.topic()
    order("make", subscriptions=[{"topicName": topic, "name": f"s{i}"} for i in range(100)])
    case.publish(topic, *_numbered(20))
    client = case.client()
    for index in range(0, 100, 9):
        with client.get_subscription_receiver(topic, f"s{index}") as receiver:
            same([str(m) for m in receiver.peek_messages(50)], [str(i) for i in range(20)], f"messages of s{index}")
