from proton import Endpoint, Message, symbol
from proton.reactor import AtMostOnce, DurableSubscription, Filter, Selector

from case import Case, bodies, case, same


@case("an unknown address is refused: amqp:not-found, without a terminus")
def _(case: Case):
    peer = case.connect()
    for create in (peer.sender, peer.receiver):
        link = create("no-such-queue")
        same(link.refused(), "amqp:not-found", "condition")
        terminus = link.link.remote_target if link.link.is_sender else link.link.remote_source
        same(terminus.address, None, "address of the terminus")
        assert "could not be found" in link.link.remote_condition.description, link.link.remote_condition


@case("addresses are found with a slash before them and in any case")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    for address in (queue, f"/{queue}", queue.upper(), f"amqp://anything/{queue}"):
        sender = peer.sender(address)
        same(sender.link.remote_target.address, address, "echoed address")
        sender.send("x")
    same(len(peer.receiver(queue).take(4)), 4, "messages")


@case("a link without an address, and one that asks for a new one, are refused")
def _(case: Case):
    peer = case.connect()
    assert peer.receiver(None).refused() is not None, "there is no condition"
    assert peer.sender(None).refused() is not None, "there is no condition"
    assert peer.receiver(None, dynamic=True).refused() is not None, "there is no condition"
    peer.sender(case.queue()).send("the connection lives on")


@case("a receiver on a session queue names a session")
def _(case: Case):
    peer = case.connect()
    queue = case.queue("session")
    same(peer.receiver(queue).refused(), "amqp:not-allowed", "condition without a session")
    sender = peer.sender(queue)
    for session in ("a", "b", "a"):
        sender.send(Message(body=f"of {session}", group_id=session))
    key = symbol("com.microsoft:session-filter")
    receiver = peer.receiver(queue, options=Filter({key: "a"}))
    same(bodies(receiver.take(2)), ["of a", "of a"], "messages")
    same(peer.receiver(queue, options=Filter({key: "a"})).refused(), "com.microsoft:session-cannot-be-locked", "condition")


@case("links that are closed and opened again and again")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    for index in range(50):
        sender = peer.sender(queue, name="one name")
        sender.send(str(index))
        sender.close()
        receiver = peer.receiver(queue, name="one name", options=AtMostOnce())
        same(bodies(receiver.take()), [str(index)], "messages")
        receiver.close()


@case("a link that is detached, not closed, is answered and can be attached again")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    sender = peer.sender(queue)
    for index in range(5):
        sender.send(str(index))
    first = peer.receiver(queue, name="durable", options=AtMostOnce())
    same(bodies(first.take(2)), ["0", "1"], "messages")
    first.detach()
    again = peer.receiver(queue, name="durable", options=AtMostOnce())
    same(bodies(again.take(3)), ["2", "3", "4"], "messages")


@case("a link that is attached again under its name takes over from the one before")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    first = peer.receiver(queue, name="one name")
    second = peer.receiver(queue, name="one name")
    same(first.refused(), "amqp:link:stolen", "condition of the first")
    peer.sender(queue).send("x")
    same(bodies(second.take()), ["x"], "messages of the second")


@case("a filter that the broker does not know does no harm")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    receiver = peer.receiver(queue, options=Selector("colour = 'green'"))
    peer.sender(queue).send("x")
    same(bodies(receiver.take()), ["x"], "messages")


@case("a receiver of a durable subscription, as JMS has it, is a receiver")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    receiver = peer.receiver(queue, options=DurableSubscription())
    peer.sender(queue).send("x")
    same(bodies(receiver.take()), ["x"], "messages")


@case("many links on one connection")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    senders = [peer.sender(queue) for _ in range(200)]
    for index, sender in enumerate(senders):
        sender.send(str(index))
    same(bodies(peer.receiver(queue).take(200)), [str(i) for i in range(200)], "messages")
    for sender in senders:
        sender.close()


@case("a session that ends takes its links with it, and the connection lives on")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    session = peer.raw.session()
    session.open()
    peer.receiver(queue, context=session).link.flow(10)
    session.close()
    peer.until(lambda: session.state & Endpoint.REMOTE_CLOSED, "answer to the end")
    peer.sender(queue).send("after")
    same(bodies(peer.receiver(queue).take()), ["after"], "messages")
