from proton import ConnectionException, Message
from proton.utils import ConnectionClosed

from case import Case, bodies, case, same


@case("SASL PLAIN with the name of a rule and its key")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    peer.sender(queue).send("hello")
    same(bodies(peer.receiver(queue).take()), ["hello"], "messages")


@case("SASL PLAIN with a wrong key, and with an unknown name, is refused")
def _(case: Case):
    for wrong in ({"password": "wrong"}, {"user": "nobody"}):
        try:
            case.connect(**wrong)
        except (ConnectionException, ConnectionClosed) as error:
            assert "unauthorized" in str(error) or "Authentication" in str(error), str(error)
        else:
            raise AssertionError(f"{wrong} was let in")


@case("SASL ANONYMOUS without a token: links are refused")
def _(case: Case):
    queue = case.queue()
    peer = case.connect(user=None, password=None, allowed_mechs="ANONYMOUS")
    same(peer.sender(queue).refused(), "amqp:unauthorized-access", "condition of a sender")
    same(peer.receiver(queue).refused(), "amqp:unauthorized-access", "condition of a receiver")


@case("any host name will do")
def _(case: Case):
    queue = case.queue()
    case.connect(virtual_host="anything.example:5671").sender(queue).send("hello")


@case("heartbeats keep an idle connection")
def _(case: Case):
    queue = case.queue()
    peer = case.connect(heartbeat=1)
    receiver = peer.receiver(queue)
    peer.idle(5)
    peer.sender(queue).send("after")
    same(bodies(receiver.take()), ["after"], "messages")


@case("many connections at a time")
def _(case: Case):
    queue = case.queue()
    peers = [case.connect() for _ in range(20)]
    senders = [peer.sender(queue) for peer in peers]
    for index, sender in enumerate(senders):
        sender.send(str(index))
    same(bodies(peers[0].receiver(queue).take(20)), [str(i) for i in range(20)], "messages")


@case("several sessions on one connection")
def _(case: Case):
    peer = case.connect()
    for _ in range(10):
        queue = case.queue()
        session = peer.raw.session()
        session.open()
        peer.sender(queue, context=session).send("x")
        same(bodies(peer.receiver(queue, context=session).take()), ["x"], "messages")
        session.close()
    queue = case.queue()
    peer.sender(queue).send("after")
    same(bodies(peer.receiver(queue).take()), ["after"], "messages")


@case("small frames: 512 bytes each way")
def _(case: Case):
    queue = case.queue()
    peer = case.connect(max_frame_size=512)
    body = bytes(range(256)) * 400
    peer.sender(queue).send(Message(body=body))
    assert bodies(peer.receiver(queue).take()) == [body], "the body is not the same"


@case("a message of 10 MiB over many frames, each way")
def _(case: Case):
    queue = case.queue("large")
    peer = case.connect(max_frame_size=65_536)
    body = bytes(range(256)) * 4 * 1024 * 10
    sender, receiver = peer.sender(queue), peer.receiver(queue)
    for _ in range(2):
        sender.send(Message(body=body))
    assert bodies(receiver.take(2)) == [body, body], "the bodies are not the same"
