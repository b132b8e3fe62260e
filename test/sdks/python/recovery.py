"""Connections that are cut, and a broker that ends and starts again. These cases disturb others, so they run alone."""

import datetime

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage

from case import (
    PATIENCE,
    Case,
    case,
    cut_connections,
    kill_broker,
    order,
    receive,
    receive_one,
    restart_broker,
    same,
)


def _soon() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)


@case("a sender and a receiver go on after the connection is cut", alone=True)
def _(case: Case):
    queue = case.queue()
    sender, receiver = case.sender(queue), case.receiver(queue)
    for round in range(3):
        sender.send_messages(ServiceBusMessage(str(round)))
        message = receive_one(receiver)
        same(str(message), str(round), "message")
        receiver.complete_message(message)
        cut_connections()


@case("a message received before the cut is settled after it", alone=True)
def _(case: Case):
    queue = case.queue()
    case.send(queue, *(ServiceBusMessage(str(i)) for i in range(4)))
    receiver = case.receiver(queue)
    messages = receive(receiver, 4)
    cut_connections()
    receiver.complete_message(messages[0])
    receiver.dead_letter_message(messages[1], reason="reason")
    receiver.defer_message(messages[2])
    receiver.abandon_message(messages[3])
    again = receive_one(receiver)
    same((str(again), again.delivery_count), ("3", 1), "abandoned")
    same(receive_one(case.receiver(queue, sub_queue="deadletter")).dead_letter_reason, "reason", "dead_letter_reason")


@case("a session is free at once when its connection is cut, and its messages are not counted", alone=True)
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, ServiceBusMessage("x", session_id="a"))
    holder = case.receiver(queue, session_id="a")
    receive_one(holder)
    cut_connections()
    receiver = case.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    same(receive_one(receiver).delivery_count, 0, "delivery_count")


@case("a restart keeps messages, state, schedules, deferred messages and duplicate detection", alone=True)
def _(case: Case):
    plain, session, duplicates = case.queue(), case.queue("session"), case.queue("duplicates")
    case.send(plain, *(ServiceBusMessage(str(i)) for i in range(3)))
    case.send(session, ServiceBusMessage("x", session_id="a"))
    case.send(duplicates, ServiceBusMessage("first", message_id="a"))
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
    case.sender(plain).schedule_messages(ServiceBusMessage("later"), due)
    with case.client().get_queue_receiver(plain) as receiver:
        first, second = receive(receiver, 2)
        receiver.complete_message(first)
        receiver.defer_message(second)
    with case.client().get_queue_receiver(session, session_id="a") as receiver:
        receiver.session.set_state(b"state")
    restart_broker()
    case.send(duplicates, ServiceBusMessage("second", message_id="a"))
    same([str(m) for m in case.receiver(duplicates).peek_messages(10)], ["first"], "after a duplicate")
    receiver = case.receiver(plain)
    same([str(m) for m in receive(receiver, 2)], ["2", "later"], "messages")
    (deferred,) = receiver.receive_deferred_messages(second.sequence_number)
    same(str(deferred), "1", "deferred")
    receiver = case.receiver(session, session_id="a")
    same(receiver.session.get_state(), b"state", "state")
    same(str(receive_one(receiver)), "x", "message of the session")


@case("clients go on after a restart", alone=True)
def _(case: Case):
    queue = case.queue()
    sender, receiver = case.sender(queue), case.receiver(queue)
    sender.send_messages(ServiceBusMessage("before"))
    same(str(receive_one(receiver)), "before", "message")
    restart_broker()
    sender.send_messages(ServiceBusMessage("after"))
    same(sorted(str(m) for m in receive(receiver, 2)), ["after", "before"], "messages, the locked one again")


@case("topics, subscriptions, rules and copies survive a restart and a kill", alone=True)
def _(case: Case):
    topic, queue = case.topic(requiresDuplicateDetection=True), case.queue()
    case.subscription(topic, "one")
    case.subscription(topic, "none", rules=[])
    case.subscription(topic, "forwarding", forwardTo=queue)
    case.subscription(topic, "sessions", requiresSession=True)
    for round, restart in enumerate((kill_broker, restart_broker, kill_broker)):
        messages = [ServiceBusMessage(str(i), message_id=f"{round}-{i}", session_id="a") for i in range(4)]
        case.publish(topic, *messages)
        with case.client().get_subscription_receiver(topic, "one") as receiver:
            first, second, third, _ = receive(receiver, 4)
            receiver.complete_message(first)
            receiver.dead_letter_message(second, reason=f"reason {round}")
            receiver.defer_message(third)
        later = ServiceBusMessage("later", message_id=f"later {round}", session_id="b")
        case.publisher(topic).schedule_messages(later, _soon())
        restart()
        receiver = case.subscriber(topic, "one")
        same(sorted(str(m) for m in receive(receiver, 2)), ["3", "later"], "messages")
        (deferred,) = receiver.receive_deferred_messages(third.sequence_number)
        same(str(deferred), "2", "deferred")
        dead = case.subscriber(topic, "one", sub_queue="deadletter")
        message = receive_one(dead)
        same(message.dead_letter_reason, f"reason {round}", "dead letter")
        dead.complete_message(message)
        same(case.subscriber(topic, "none").peek_messages(1), [], "messages of the subscription without rules")
        taker = case.receiver(queue)
        for message in receive(taker, 5):
            taker.complete_message(message)
        sessions = case.subscriber(topic, "sessions", session_id="a")
        for message in receive(sessions, 4):
            sessions.complete_message(message)
        case.publish(topic, ServiceBusMessage("again", message_id=f"{round}-0", session_id="a"))
        for message in [*receiver.peek_messages(50, sequence_number=1)]:
            assert str(message) != "again", "a duplicate came"
        order("delete", topic=topic, subscription="one")
        case.subscription(topic, "one")


@case("what was acknowledged before a kill is there, and what was completed is not", alone=True)
def _(case: Case):
    queue = case.queue()
    sender, receiver = case.sender(queue), case.receiver(queue)
    left = []
    for round in range(3):
        sender.send_messages([ServiceBusMessage(f"{round}-{i}") for i in range(10)])
        left += [f"{round}-{i}" for i in range(10)]
        for message in receive(receiver, 5):
            receiver.complete_message(message)
            left.remove(str(message))
        kill_broker()
    seen = [str(m) for m in case.receiver(queue).peek_messages(100, sequence_number=1)]
    same(seen, left, "what is left")
