"""What a topic and its subscriptions do with messages by themselves: time to live, duplicates, forwarding, rules."""

import datetime
import time

from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.exceptions import ServiceBusError

from case import Case, case, nothing, raises, receive, receive_one, same


@case("topic: its time to live, the subscription's and the message's: the shortest counts")
def _(case: Case):
    topic = case.topic(defaultMessageTimeToLive="PT1H")
    case.subscription(topic, "dropping", defaultMessageTimeToLive="PT2S")
    case.subscription(topic, "expiring", defaultMessageTimeToLive="PT2S", deadLetteringOnMessageExpiration=True)
    case.subscription(topic, "keeping")
    case.publish(topic, ServiceBusMessage("x"))
    dead = receive_one(case.subscriber(topic, "expiring", sub_queue="deadletter"))
    same((str(dead), dead.dead_letter_reason), ("x", "TTLExpiredException"), "expired")
    time.sleep(1)
    nothing(case.subscriber(topic, "dropping"))
    nothing(case.subscriber(topic, "dropping", sub_queue="deadletter"))
    kept = receive_one(case.subscriber(topic, "keeping"))
    same(kept.time_to_live, datetime.timedelta(hours=1), "time_to_live of the one that is kept")


@case("topic: a message's own time to live")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, deadLetteringOnMessageExpiration=True)
    short = ServiceBusMessage("short", time_to_live=datetime.timedelta(seconds=1))
    case.publish(topic, short, ServiceBusMessage("long"))
    dead = receive_one(case.subscriber(topic, sub_queue="deadletter"))
    same((str(dead), dead.dead_letter_reason), ("short", "TTLExpiredException"), "expired")
    same(str(receive_one(case.subscriber(topic))), "long", "message")


@case("topic: duplicates are accepted and dropped for all subscriptions")
def _(case: Case):
    topic = case.topic(requiresDuplicateDetection=True)
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    publisher = case.publisher(topic)
    publisher.send_messages(ServiceBusMessage("first", message_id="a"))
    publisher.send_messages(ServiceBusMessage("second", message_id="a"))
    publisher.send_messages([ServiceBusMessage("third", message_id="b"), ServiceBusMessage("fourth", message_id="b")])
    for name in ("one", "two"):
        receiver = case.subscriber(topic, name)
        same([str(m) for m in receive(receiver, 2)], ["first", "third"], f"messages of {name}")
        nothing(receiver)


@case("subscription that forwards to a queue, and one that forwards to another topic")
def _(case: Case):
    queue = case.queue()
    topic, second = case.topic(), case.topic()
    case.subscription(second)
    case.subscription(topic, "to-queue", forwardTo=queue)
    case.subscription(topic, "to-topic", forwardTo=second)
    case.publish(topic, *(ServiceBusMessage(str(i), application_properties={"own": i}) for i in range(3)))
    messages = receive(case.receiver(queue), 3)
    same([str(m) for m in messages], ["0", "1", "2"], "messages in the queue")
    same([m.application_properties[b"own"] for m in messages], [0, 1, 2], "properties")
    same([str(m) for m in receive(case.subscriber(second), 3)], ["0", "1", "2"], "messages of the other topic")
    error = raises(ServiceBusError, case.impatient().get_subscription_receiver(topic, "to-queue").__enter__)
    assert "amqp:not-allowed" in str(error), str(error)


@case("queue that forwards to a topic")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    queue = case.made_queue(forwardTo=topic)
    case.send(queue, ServiceBusMessage("x", application_properties={"own": 1}))
    for name in ("one", "two"):
        message = receive_one(case.subscriber(topic, name))
        same((str(message), message.application_properties), ("x", {b"own": 1}), f"message of {name}")


@case("subscription whose dead letters are forwarded: with reason and source")
def _(case: Case):
    queue = case.queue()
    topic = case.topic()
    case.subscription(topic, forwardDeadLetteredMessagesTo=queue)
    case.publish(topic, ServiceBusMessage("x"))
    receiver = case.subscriber(topic)
    receiver.dead_letter_message(receive_one(receiver), reason="reason", error_description="description")
    message = receive_one(case.receiver(queue))
    same((message.dead_letter_reason, message.dead_letter_error_description), ("reason", "description"), "reason")
    same(message.dead_letter_source, f"{topic}/Subscriptions/one", "dead_letter_source")


@case("subscription: after four hops a message is in its transfer dead-letter queue")
def _(case: Case):
    names = [case.topic() for _ in range(6)]
    case.subscription(names[-1])
    for index in range(4, -1, -1):
        case.subscription(names[index], forwardTo=names[index + 1])
    case.publish(names[1], ServiceBusMessage("near"))
    same(str(receive_one(case.subscriber(names[5]))), "near", "after four hops")
    case.publish(names[0], ServiceBusMessage("far"))
    dead = receive_one(case.subscriber(names[4], sub_queue=ServiceBusSubQueue.TRANSFER_DEAD_LETTER))
    same((str(dead), dead.dead_letter_reason), ("far", "MaxTransferHopCountExceeded"), "message and reason")
    nothing(case.subscriber(names[5]))


_TRUE = {"name": "all", "filterType": "TrueFilter"}
_FALSE = {"name": "none", "filterType": "FalseFilter"}


@case("rules: true, false, both, two, and none")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "true", rules=[_TRUE])
    case.subscription(topic, "false", rules=[_FALSE])
    case.subscription(topic, "both", rules=[_FALSE, _TRUE])
    case.subscription(topic, "two", rules=[_TRUE, {**_TRUE, "name": "all-again"}])
    case.subscription(topic, "none", rules=[])
    case.publish(topic, ServiceBusMessage("x"))
    for name, expected in (("true", 1), ("both", 1), ("two", 1), ("false", 0), ("none", 0)):
        receiver = case.subscriber(topic, name)
        if expected:
            same(str(receive_one(receiver)), "x", f"message of {name}")
        nothing(receiver)
