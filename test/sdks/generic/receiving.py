from proton import Condition, Delivery, Message, symbol
from proton.reactor import AtLeastOnce, AtMostOnce, LinkOption

from case import MOMENT, Case, bodies, case, same


class SettleSecond(LinkOption):
    """The receiver settles second: it waits for the broker's answer to its outcome."""

    def apply(self, link):
        link.snd_settle_mode = link.SND_UNSETTLED
        link.rcv_settle_mode = link.RCV_SECOND


def _filled(case: Case, peer, count: int, kind: str = "plain") -> str:
    queue = case.queue(kind)
    sender = peer.sender(queue)
    deliveries = [sender.post(str(i)) for i in range(count)]
    peer.until(lambda: all(delivery.settled for delivery in deliveries), "outcomes")
    sender.close()
    return queue


def _texts(*numbers: int) -> list:
    return [str(number) for number in numbers]


def _left(peer, queue: str) -> list:
    """What can be received now."""
    receiver = peer.receiver(queue, options=AtMostOnce())
    receiver.link.flow(1000)
    peer.idle(MOMENT)
    left = bodies(receiver.arrived)
    receiver.close()
    return left


@case("accept, settled second: the broker echoes the outcome, the message is gone")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1)
    receiver = peer.receiver(queue, options=SettleSecond())
    _, delivery = receiver.take_one()
    receiver.settle(delivery, Delivery.ACCEPTED)
    same(_left(peer, queue), [], "what is left")


@case("accept, settled first: the message is gone without an answer")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 3)
    receiver = peer.receiver(queue, options=AtLeastOnce())
    for _, delivery in receiver.take(3):
        delivery.update(Delivery.ACCEPTED)
        delivery.settle()
    receiver.close()
    same(_left(peer, queue), [], "what is left")


@case("release: the message comes again, not counted")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1)
    receiver = peer.receiver(queue, options=SettleSecond())
    for _ in range(5):
        message, delivery = receiver.take_one()
        same((message.delivery_count, message.first_acquirer), (0, False), "delivery_count and first_acquirer")
        receiver.settle(delivery, Delivery.RELEASED)


@case("modify: the message comes again, counted")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1)
    receiver = peer.receiver(queue, options=SettleSecond())
    for count in range(3):
        message, delivery = receiver.take_one()
        same(message.delivery_count, count, "delivery_count")
        delivery.local.failed = True
        receiver.settle(delivery, Delivery.MODIFIED)


@case("modify until the queue's deliveries are used up: the message is in the dead-letter queue")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1, "short-lock")
    receiver = peer.receiver(queue, options=SettleSecond())
    for _ in range(3):
        _, delivery = receiver.take_one()
        delivery.local.failed = True
        receiver.settle(delivery, Delivery.MODIFIED)
    message, _ = peer.receiver(f"{queue}/$DeadLetterQueue").take_one()
    same(message.properties["DeadLetterReason"], "MaxDeliveryCountExceeded", "DeadLetterReason")


@case("modify with undeliverable-here: the message does not come again")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 2)
    receiver = peer.receiver(queue, options=SettleSecond())
    _, delivery = receiver.take_one()
    delivery.local.undeliverable = True
    receiver.settle(delivery, Delivery.MODIFIED)
    same(_left(peer, queue), ["1"], "what comes")


@case("reject: the message is in the dead-letter queue")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1)
    receiver = peer.receiver(queue, options=SettleSecond())
    _, delivery = receiver.take_one()
    receiver.settle(delivery, Delivery.REJECTED)
    same(_left(peer, queue), [], "what is left")
    dead = peer.receiver(f"{queue}/$DeadLetterQueue", options=SettleSecond())
    message, delivery = dead.take_one()
    same(message.body, "0", "dead message")
    dead.settle(delivery, Delivery.ACCEPTED)


@case("reject with the reason that Service Bus keeps, and modify with annotations that become properties")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1)
    receiver = peer.receiver(queue, options=SettleSecond())
    _, delivery = receiver.take_one()
    delivery.local.annotations = {symbol("tries"): "one"}
    receiver.settle(delivery, Delivery.MODIFIED)
    message, delivery = receiver.take_one()
    same(message.properties, {"tries": "one"}, "properties")
    info = {symbol("DeadLetterReason"): "reason", symbol("DeadLetterErrorDescription"): "description"}
    delivery.local.condition = Condition("com.microsoft:dead-letter", info=info)
    receiver.settle(delivery, Delivery.REJECTED)
    message, _ = peer.receiver(f"{queue}/$DeadLetterQueue").take_one()
    expected = {"tries": "one", "DeadLetterReason": "reason", "DeadLetterErrorDescription": "description"}
    same(message.properties, expected, "properties of the dead message")


@case("a range of a hundred deliveries is settled at once")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 100)
    receiver = peer.receiver(queue, options=SettleSecond())
    deliveries = [delivery for _, delivery in receiver.take(100)]
    for delivery in deliveries:
        delivery.update(Delivery.ACCEPTED)
    peer.until(lambda: all(delivery.settled for delivery in deliveries), "answers to a hundred outcomes")
    same({delivery.remote_state for delivery in deliveries}, {Delivery.ACCEPTED}, "outcomes")
    same(_left(peer, queue), [], "what is left")


@case("outcomes in any order, several kinds in one turn")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 30)
    receiver = peer.receiver(queue, options=SettleSecond())
    deliveries = [delivery for _, delivery in receiver.take(30)]
    outcomes = [Delivery.ACCEPTED, Delivery.RELEASED, Delivery.REJECTED]
    for index, delivery in reversed(list(enumerate(deliveries))):
        delivery.update(outcomes[index % 3])
    peer.until(lambda: all(delivery.settled for delivery in deliveries), "answers to thirty outcomes")
    same([delivery.remote_state for delivery in deliveries], outcomes * 10, "outcomes")
    same(sorted(_left(peer, queue), key=int), _texts(*range(1, 30, 3)), "released")
    dead = f"{queue}/$DeadLetterQueue"
    same(sorted(_left(peer, dead), key=int), _texts(*range(2, 30, 3)), "rejected")


@case("a receiver that asks for settled messages has received and deleted them")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 5)
    receiver = peer.receiver(queue, options=AtMostOnce())
    taken = receiver.take(5)
    same({delivery.settled for _, delivery in taken}, {True}, "settled")
    receiver.close()
    same(_left(peer, queue), [], "what is left")


@case("as many messages as credit, and the rest with further credit")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 10)
    receiver = peer.receiver(queue)
    receiver.link.flow(3)
    peer.idle()
    same(bodies(receiver.arrived), _texts(0, 1, 2), "with a credit of three")
    receiver.link.flow(4)
    peer.idle()
    same(bodies(receiver.arrived), _texts(*range(7)), "with a credit of four more")


@case("credit stays: messages that are sent later come on it")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    receiver = peer.receiver(queue)
    receiver.link.flow(5)
    peer.idle()
    sender = peer.sender(queue)
    for index in range(7):
        sender.send(str(index))
    peer.idle()
    same(bodies(receiver.arrived), _texts(*range(5)), "messages")


@case("drain gives what is there and ends the credit")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 3)
    receiver = peer.receiver(queue)
    receiver.link.drain(10)
    peer.until(lambda: receiver.link.credit == 0 and not receiver.link.draining(), "the end of the drain")
    same(bodies(receiver.arrived), _texts(0, 1, 2), "messages")
    peer.sender(queue).send("later")
    peer.idle()
    same(len(receiver.arrived), 3, "messages after the drain")


@case("drain of an empty queue is answered")
def _(case: Case):
    peer = case.connect()
    receiver = peer.receiver(case.queue())
    for _ in range(3):
        receiver.link.drain(100)
        peer.until(lambda: receiver.link.credit == 0 and not receiver.link.draining(), "the end of the drain")
    same(receiver.arrived, [], "messages")


@case("a link that closes with unsettled messages keeps them locked; one on a short lock gets them again")
def _(case: Case):
    peer = case.connect()
    queue = _filled(case, peer, 1, "short-lock")
    first = peer.receiver(queue)
    first.take_one()
    first.close()
    receiver = peer.receiver(queue)
    receiver.link.flow(1)
    peer.idle()
    same(receiver.arrived, [], "messages while the lock runs")
    message, _ = receiver.take(1, credit=0)[0]
    same(message.delivery_count, 1, "delivery_count")


@case("two receivers share what comes")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    one, two = peer.receiver(queue), peer.receiver(queue)
    one.link.flow(50)
    two.link.flow(50)
    sender = peer.sender(queue)
    for index in range(100):
        sender.post(str(index))
    peer.until(lambda: len(one.arrived) == 50 and len(two.arrived) == 50, "fifty messages for each")
    everything = sorted(bodies(one.arrived) + bodies(two.arrived), key=int)
    same(everything, _texts(*range(100)), "messages")


@case("annotations that every message has")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    peer.sender(queue).send(Message(body="x"))
    message, _ = peer.receiver(queue).take_one()
    same(message.annotations[symbol("x-opt-sequence-number")], 1, "sequence number")
    for name in ("x-opt-enqueued-time", "x-opt-locked-until"):
        same(type(message.annotations[symbol(name)]).__name__, "timestamp", name)
    assert message.id, "a message without an id has none"
