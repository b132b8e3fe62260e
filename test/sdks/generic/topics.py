from proton import Delivery, Message, symbol
from proton.reactor import AtMostOnce, Filter

from case import MOMENT, Case, address_of, bodies, case, order, same
from receiving import SettleSecond
from transactions import Transaction, now


def _dead(address: str) -> str:
    return f"{address}/$DeadLetterQueue"


@case("topic: what is sent comes to every subscription, whole and in order")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one", "two")
    sender = peer.sender(topic)
    deliveries = [sender.post(Message(body=str(i), subject="subject", properties={"n": i})) for i in range(100)]
    peer.until(lambda: all(delivery.settled for delivery in deliveries), "outcomes")
    same({delivery.remote_state for delivery in deliveries}, {Delivery.ACCEPTED}, "outcomes")
    for name in ("one", "two"):
        taken = peer.receiver(address_of(topic, name), options=AtMostOnce()).take(100)
        same(bodies(taken), [str(i) for i in range(100)], f"messages of {name}")
        same([message.properties["n"] for message, _ in taken], list(range(100)), "properties")
        same({message.subject for message, _ in taken}, {"subject"}, "subject")


@case("topic: pre-settled messages arrive; a large one arrives in many frames")
def _(case: Case):
    peer = case.connect(max_frame_size=4096)
    topic = case.topic("one", "two")
    sender = peer.sender(topic, options=AtMostOnce())
    body = bytes(range(256)) * 800
    sender.send(Message(body=body))
    sender.send("small")
    for name in ("one", "two"):
        same(bodies(peer.receiver(address_of(topic, name)).take(2)), [body, "small"], f"messages of {name}")


@case("topic: its address in any case, with a slash before it, as a URL; so the subscription's")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one")
    for address in (topic, f"/{topic}", topic.upper(), f"amqp://anything/{topic}"):
        sender = peer.sender(address)
        same(sender.link.remote_target.address, address, "echoed address")
        sender.send("x")
    one = address_of(topic, "one")
    for address in (f"{topic}/subscriptions/ONE", f"/{one}", f"amqp://anything/{one}"):
        receiver = peer.receiver(address, options=AtMostOnce())
        same(receiver.link.remote_source.address, address, "echoed address")
        same(bodies(receiver.take()), ["x"], "messages")
        receiver.close()


@case("subscription: accept, release, modify, reject and defer, each for itself alone")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one", "two")
    one, two = address_of(topic, "one"), address_of(topic, "two")
    sender = peer.sender(topic)
    for index in range(4):
        sender.send(str(index))
    receiver = peer.receiver(one, options=SettleSecond())
    deliveries = [delivery for _, delivery in receiver.take(4)]
    receiver.settle(deliveries[0], Delivery.ACCEPTED)
    receiver.settle(deliveries[1], Delivery.RELEASED)
    deliveries[2].local.failed = True
    receiver.settle(deliveries[2], Delivery.MODIFIED)
    receiver.settle(deliveries[3], Delivery.REJECTED)
    again = receiver.take(2)
    found = [(message.body, message.delivery_count) for message, _ in again]
    same(found, [("1", 0), ("2", 1)], "what comes again, and its delivery count")
    same(bodies(peer.receiver(_dead(one), options=AtMostOnce()).take()), ["3"], "dead letters")
    same(now(peer, two), ["0", "1", "2", "3"], "the other subscription's")
    same(now(peer, _dead(two)), [], "the other's dead letters")


@case("subscription: a receiver names a session, and only where there are sessions")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("plain")
    one = case.subscribe(topic, "one", requiresSession=True)
    key = symbol("com.microsoft:session-filter")
    same(peer.receiver(one).refused(), "amqp:not-allowed", "condition without a session")
    refused = peer.receiver(address_of(topic, "plain"), options=Filter({key: "a"}))
    same(refused.refused(), "amqp:not-allowed", "condition of a session where there are none")
    sender = peer.sender(topic)
    for session in ("a", "b", "a"):
        sender.send(Message(body=f"of {session}", group_id=session))
    same(sender.send("of none").remote_state, Delivery.ACCEPTED, "outcome of a message without a session")
    same(bodies(peer.receiver(one, options=Filter({key: "a"})).take(2)), ["of a", "of a"], "messages")
    same(peer.receiver(one, options=Filter({key: "a"})).refused(), "com.microsoft:session-cannot-be-locked", "condition")
    same(bodies(peer.receiver(one, options=Filter({key: None})).take(1)), ["of b"], "messages of the next session")
    same(now(peer, _dead(one)), ["of none"], "dead letters")


@case("topic: unknown topics and subscriptions, the wrong way, what is disabled: condition and empty terminus")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one")
    one = address_of(topic, "one")
    disabled, closed = case.topic(status="Disabled"), case.subscribe(topic, "closed", status="ReceiveDisabled")
    for create, address, condition in (
        (peer.sender, "no-such-topic", "amqp:not-found"),
        (peer.receiver, "no-such-topic/Subscriptions/one", "amqp:not-found"),
        (peer.receiver, address_of(topic, "no-such"), "amqp:not-found"),
        (peer.receiver, f"{one}/Rules/$Default", "amqp:not-found"),
        (peer.sender, one, "amqp:not-allowed"),
        (peer.sender, _dead(one), "amqp:not-allowed"),
        (peer.receiver, topic, "amqp:not-allowed"),
        (peer.sender, disabled, "com.microsoft:entity-disabled"),
        (peer.receiver, closed, "com.microsoft:entity-disabled"),
    ):
        link = create(address)
        same(link.refused(), condition, f"condition of {address}")
        terminus = link.link.remote_target if link.link.is_sender else link.link.remote_source
        same(terminus.address, None, f"address of the terminus of {address}")
    peer.sender(topic).send("the connection lives on")


@case("topic: deleted while links are attached, it detaches them; the same name works at once")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one")
    sender, receiver = peer.sender(topic), peer.receiver(address_of(topic, "one"))
    dead = peer.receiver(_dead(address_of(topic, "one")))
    sender.send("x")
    receiver.take_one()
    order("delete", topic=topic)
    same([link.refused() for link in (sender, receiver, dead)], ["amqp:not-found"] * 3, "conditions")
    order("make", topics=[{"name": topic}])
    case.subscribe(topic, "one")
    peer.sender(topic).send("of the new one")
    same(bodies(peer.receiver(address_of(topic, "one")).take()), ["of the new one"], "messages")


@case("topic: a status that changes ends the links that it does not allow, and no others")
def _(case: Case):
    peer = case.connect()
    topic = case.topic("one", "two")
    sender = peer.sender(topic)
    one, two = (peer.receiver(address_of(topic, name)) for name in ("one", "two"))
    order("change", topic=topic, subscription="one", to={"status": "ReceiveDisabled"})
    same(one.refused(), "com.microsoft:entity-disabled", "condition of a receiver")
    sender.send("x")
    same(bodies(two.take()), ["x"], "messages of the other subscription")
    order("change", topic=topic, to={"status": "SendDisabled"})
    same(sender.refused(), "com.microsoft:entity-disabled", "condition of a sender")
    order("change", topic=topic, subscription="one", to={"status": "Active"})
    same(bodies(peer.receiver(address_of(topic, "one")).take()), ["x"], "messages that came while it was disabled")


@case("topic: a committed transaction publishes to all subscriptions and completes on one; only then")
def _(case: Case):
    peer = case.connect()
    questions, answers, queue = case.topic("one"), case.topic("one", "two"), case.queue()
    peer.sender(questions).send("question")
    receiver = peer.receiver(address_of(questions, "one"), options=SettleSecond())
    _, delivery = receiver.take_one()
    transaction = Transaction(peer)
    transaction.send(peer.sender(answers), "answer")
    transaction.send(peer.sender(queue), "to the queue")
    transaction.accept(delivery)
    places = [address_of(answers, "one"), address_of(answers, "two"), queue]
    same([now(peer, place) for place in places], [[], [], []], "before the commit")
    transaction.commit()
    same([now(peer, place) for place in places], [["answer"], ["answer"], ["to the queue"]], "after the commit")
    same(now(peer, address_of(questions, "one")), [], "questions left")


@case("topic: an aborted transaction publishes nothing, and completes nothing")
def _(case: Case):
    peer = case.connect()
    topic = case.topic()
    one = case.subscribe(topic, "one", lockDuration="PT5S")
    sender = peer.sender(topic)
    sender.send("before")
    _, delivery = peer.receiver(one, options=SettleSecond()).take_one()
    transaction = Transaction(peer)
    transaction.send(sender, "never")
    transaction.accept(delivery)
    transaction.abort()
    again = peer.receiver(one, options=SettleSecond())
    same(bodies(again.take()), ["before"], "after the lock")
    again.link.flow(10)
    peer.idle(MOMENT)
    same(bodies(again.arrived), [], "further messages")
