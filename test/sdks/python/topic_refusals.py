"""What topics and subscriptions refuse, and the exception class in which the client shows it."""

from azure.servicebus import ServiceBusMessage
from azure.servicebus.exceptions import (
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

from case import LISTEN_ONLY, SEND_ONLY, Case, case, nothing, order, raises, receive_one, same


@case("an unknown topic, and an unknown subscription: ServiceBusAuthenticationError, as of an unknown queue")
def _(case: Case):
    client = case.impatient()
    topic = case.topic()
    raises(ServiceBusAuthenticationError, client.get_topic_sender("no-such-topic").__enter__)
    raises(ServiceBusAuthenticationError, client.get_subscription_receiver("no-such-topic", "one").__enter__)
    raises(ServiceBusAuthenticationError, client.get_subscription_receiver(topic, "no-such").__enter__)
    raises(ServiceBusAuthenticationError, client.get_subscription_receiver(topic, "no-such", session_id="a").__enter__)


@case("nobody sends to a subscription, nobody receives from a topic")
def _(case: Case):
    client = case.impatient()
    topic = case.topic()
    case.subscription(topic)
    for refused in (
        client.get_topic_sender(f"{topic}/Subscriptions/one"),
        client.get_queue_sender(f"{topic}/Subscriptions/one"),
        client.get_queue_receiver(topic),
        client.get_queue_receiver(topic, session_id="a"),
    ):
        error = raises(ServiceBusError, refused.__enter__)
        assert "amqp:not-allowed" in str(error), str(error)


@case("sessions asked of a subscription without, and no session of one with")
def _(case: Case):
    client = case.impatient()
    topic = case.topic()
    case.subscription(topic, "plain")
    case.subscription(topic, "sessions", requiresSession=True)
    for refused in (
        client.get_subscription_receiver(topic, "plain", session_id="a"),
        client.get_subscription_receiver(topic, "sessions"),
    ):
        error = raises(ServiceBusError, refused.__enter__)
        assert "amqp:not-allowed" in str(error), str(error)


@case("a rule that may only send publishes, one that may only listen subscribes")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    sending, listening = case.impatient(SEND_ONLY), case.impatient(LISTEN_ONLY)
    raises(ServiceBusAuthorizationError, sending.get_subscription_receiver(topic, "one").__enter__)
    raises(ServiceBusAuthorizationError, listening.get_topic_sender(topic).__enter__)
    with sending.get_topic_sender(topic) as sender:
        sender.send_messages(ServiceBusMessage("x"))
    receiver = case.within(listening.get_subscription_receiver(topic, "one"))
    receiver.complete_message(receive_one(receiver))


@case("disabled topics: MessagingEntityDisabledError")
def _(case: Case):
    client = case.impatient()
    for status in ("Disabled", "SendDisabled"):
        raises(MessagingEntityDisabledError, client.get_topic_sender(case.topic(status=status)).__enter__)
    topic = case.topic(status="SendDisabled")
    case.subscription(topic)
    nothing(case.within(client.get_subscription_receiver(topic, "one")))


@case("a disabled subscription: MessagingEntityDisabledError, and it goes on when it is enabled")
def _(case: Case):
    client = case.impatient()
    topic = case.topic()
    case.subscription(topic, status="ReceiveDisabled")
    case.subscription(topic, "disabled", status="Disabled")
    case.publish(topic, ServiceBusMessage("x"))
    for name in ("one", "disabled"):
        raises(MessagingEntityDisabledError, client.get_subscription_receiver(topic, name).__enter__)
        order("change", topic=topic, subscription=name, to={"status": "Active"})
        same(str(receive_one(case.within(client.get_subscription_receiver(topic, name)))), "x", "message")


@case("a topic that is disabled while a sender is attached refuses its messages")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    # This client sees why when it attaches again, so it must be allowed to try once more.
    publisher = case.publisher(topic)
    publisher.send_messages(ServiceBusMessage("before"))
    order("change", topic=topic, to={"status": "SendDisabled"})
    raises(MessagingEntityDisabledError, lambda: publisher.send_messages(ServiceBusMessage("no")))
    order("change", topic=topic, to={"status": "Active"})
    case.publish(topic, ServiceBusMessage("after"))


@case("a topic that is deleted while links are attached: they are detached, and it is not found again")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic)
    publisher, receiver = case.publisher(topic), case.subscriber(topic)
    publisher.send_messages(ServiceBusMessage("x"))
    receive_one(receiver)
    order("delete", topic=topic)
    raises(ServiceBusAuthenticationError, lambda: publisher.send_messages(ServiceBusMessage("no")))
    raises(MessagingEntityNotFoundError, lambda: receiver.receive_messages(1, max_wait_time=5))
    order("make", topics=[{"name": topic}])
    case.subscription(topic)
    case.publish(topic, ServiceBusMessage("of the new one"))
    same(str(receive_one(case.subscriber(topic))), "of the new one", "message")


@case("a subscription that is deleted while a receiver is attached; the topic goes on")
def _(case: Case):
    topic = case.topic()
    case.subscription(topic, "one")
    case.subscription(topic, "two")
    publisher = case.publisher(topic)
    receiver = case.subscriber(topic, "one")
    nothing(receiver)
    order("delete", topic=topic, subscription="one")
    raises(MessagingEntityNotFoundError, lambda: receiver.receive_messages(1, max_wait_time=5))
    publisher.send_messages(ServiceBusMessage("x"))
    same(str(receive_one(case.subscriber(topic, "two"))), "x", "message of the other subscription")
