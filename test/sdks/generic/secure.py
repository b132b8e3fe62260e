"""The same port in TLS."""

import os

from proton import ConnectionException, Message, SSLDomain
from proton.utils import ConnectionClosed

from case import Case, address_of, bodies, case, same


def _domain(trust_file: "str | None" = os.environ["RETRAIN_TRUST_FILE"]) -> SSLDomain:
    domain = SSLDomain(SSLDomain.MODE_CLIENT)
    if trust_file is not None:
        domain.set_trusted_ca_db(trust_file)
    domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
    return domain


@case("TLS: messages, and SASL PLAIN inside it")
def _(case: Case):
    queue = case.queue()
    peer = case.connect(ssl_domain=_domain())
    peer.sender(queue).send("hello")
    same(bodies(peer.receiver(queue).take()), ["hello"], "messages")


@case("TLS: a large message over many frames, each way, and a topic")
def _(case: Case):
    queue = case.queue("large")
    peer = case.connect(ssl_domain=_domain(), max_frame_size=65_536)
    body = bytes(range(256)) * 4 * 1024 * 5
    peer.sender(queue).send(Message(body=body))
    assert bodies(peer.receiver(queue).take()) == [body], "the body is not the same"
    topic = case.topic("one", "two")
    peer.sender(topic).send("x")
    for name in ("one", "two"):
        same(bodies(peer.receiver(address_of(topic, name)).take()), ["x"], f"messages of {name}")


@case("TLS: a wrong key is refused")
def _(case: Case):
    try:
        case.connect(ssl_domain=_domain(), password="wrong")
    except (ConnectionException, ConnectionClosed) as error:
        assert "unauthorized" in str(error) or "Authentication" in str(error), str(error)
    else:
        raise AssertionError("it was let in")


@case("TLS: who does not trust the broker's authority does not connect, and the broker goes on")
def _(case: Case):
    try:
        case.connect(ssl_domain=_domain(None))
    except (ConnectionException, ConnectionClosed) as error:
        assert "certificate" in str(error).lower() or "ssl" in str(error).lower(), str(error)
    else:
        raise AssertionError("it connects")
    case.connect(ssl_domain=_domain()).sender(case.queue()).send("x")


@case("TLS: heartbeats keep an idle connection")
def _(case: Case):
    queue = case.queue()
    peer = case.connect(ssl_domain=_domain(), heartbeat=1)
    receiver = peer.receiver(queue)
    peer.idle(4)
    peer.sender(queue).send("after")
    same(bodies(receiver.take()), ["after"], "messages")


@case("TLS: many connections at a time, with and without")
def _(case: Case):
    queue = case.queue()
    peers = [case.connect(**({"ssl_domain": _domain()} if i % 2 else {})) for i in range(20)]
    for index, peer in enumerate(peers):
        peer.sender(queue).send(str(index))
    same(bodies(peers[0].receiver(queue).take(20)), [str(i) for i in range(20)], "messages")
