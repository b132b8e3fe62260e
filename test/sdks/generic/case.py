"""What every case has: queues of its own, connections that end with it, links that are watched, and assertions that say what they saw."""

import json
import os
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Callable

from proton import Delivery, Endpoint, Message, Timeout
from proton.handlers import MessagingHandler
from proton.utils import BlockingConnection

_PREFIX = os.environ["RETRAIN_QUEUE_PREFIX"]

# Seconds within which something must happen; much longer than it takes, for a machine that is busy.
PATIENCE = 20
# Seconds that show that nothing happens.
MOMENT = 0.5


@dataclass(frozen=True)
class Entry:
    name: str
    run: Callable[["Case"], None]


CASES: "list[Entry]" = []


def case(name: str):
    """Registers a case by the name that its line shows."""

    def register(run: Callable[["Case"], None]):
        CASES.append(Entry(name, run))
        return run

    return register


class _Watch(MessagingHandler):
    """Notes what comes on one link, and leaves every decision to the case."""

    def __init__(self):
        super().__init__(prefetch=0, auto_accept=False, auto_settle=False)
        self.arrived: "list[tuple[Message, Delivery]]" = []
        self.detached = False

    def on_message(self, event):
        self.arrived.append((event.message, event.delivery))

    def on_link_remote_detach(self, event):
        self.detached = True

    # The default closes the connection, or raises out of the loop.
    def on_link_error(self, event):
        pass

    def on_connection_error(self, event):
        pass


class Watched:
    """A link, once the broker has answered its attach; `condition` says why it was refused or detached."""

    def __init__(self, peer: "Peer", link, watch: _Watch):
        self._peer = peer
        self.link = link
        self._watch = watch
        peer.until(lambda: not link.state & Endpoint.REMOTE_UNINIT, f"answer to the attach of {link.name}")

    @property
    def condition(self):
        return self.link.remote_condition.name if self.link.remote_condition else None

    @property
    def arrived(self):
        """Messages, with their deliveries, that have come and were not taken yet."""
        return self._watch.arrived

    def refused(self) -> str:
        """The condition with which the broker refuses the link."""
        self._peer.until(lambda: self.link.state & Endpoint.REMOTE_CLOSED, "detach with an error")
        self.link.close()
        return self.condition

    def send(self, message: "Message | bytes | str"):
        """Sends one message and waits until it is settled; gives its delivery."""
        delivery = self.post(message)
        if self.link.snd_settle_mode != self.link.SND_SETTLED:
            self._peer.until(lambda: delivery.settled, "outcome of a message")
            delivery.settle()
        return delivery

    def post(self, message: "Message | bytes | str"):
        """Sends one message, as soon as there is credit, and does not wait."""
        self._peer.until(lambda: self.link.credit > 0, "credit to send")
        return self.link.send(message if isinstance(message, Message) else Message(body=message))

    def take(self, count: int = 1, *, credit: "int | None" = None):
        """So many messages with their deliveries, for which credit is given first."""
        granted = count if credit is None else credit
        if granted:
            self.link.flow(granted)
        self._peer.until(lambda: len(self.arrived) >= count, f"{count} messages, {len(self.arrived)} came")
        taken, self.arrived[:] = self.arrived[:count], self.arrived[count:]
        return taken

    def take_one(self):
        return self.take(1)[0]

    def settle(self, delivery, outcome: int) -> None:
        """Settles as the second to do so: first the outcome, then the broker's answer."""
        delivery.update(outcome)
        self._peer.until(lambda: delivery.settled, "answer to an outcome")
        same(delivery.remote_state, outcome, "the outcome that the broker echoes")
        delivery.settle()

    def detach(self) -> None:
        """Detaches without closing: the terminus is to be kept."""
        self.link.detach()
        self._peer.until(lambda: self._watch.detached, "answer to the detach")
        self.link.free()

    def close(self) -> None:
        self.link.close()
        self._peer.until(lambda: self.link.state & Endpoint.REMOTE_CLOSED, "answer to the detach")


class Peer:
    """A connection that says who it is by SASL PLAIN, as any AMQP client can."""

    def __init__(self, **options):
        # proton looks for names in a certificate, not for addresses
        place = "amqps://localhost" if "ssl_domain" in options else f"amqp://{os.environ['RETRAIN_HOST']}"
        url = f"{place}:{os.environ['RETRAIN_PORT']}"
        given = {"user": os.environ["RETRAIN_KEY_NAME"], "password": os.environ["RETRAIN_KEY"], **options}
        self.connection = BlockingConnection(url, timeout=PATIENCE, allow_insecure_mechs=True, **given)
        self.raw = self.connection.conn

    def until(self, condition: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
        try:
            self.connection.wait(condition, timeout=patience, msg=what)
        except Timeout as timeout:
            raise AssertionError(f"not within {patience} s: {what}") from timeout

    def idle(self, seconds: float = MOMENT) -> None:
        """Lets so much time pass, in which frames come and go."""
        try:
            self.connection.wait(lambda: False, timeout=seconds)
        except Timeout:
            pass

    def sender(self, address: str, **options) -> Watched:
        return self._link(self.connection.container.create_sender, address, options)

    def receiver(self, address: str, **options) -> Watched:
        return self._link(self.connection.container.create_receiver, address, options)

    def _link(self, create, address, options) -> Watched:
        watch = _Watch()
        # proton's own name for a link follows from its address, and a second link of that name would take over the first
        options.setdefault("name", f"{address}-{uuid.uuid4()}")
        return Watched(self, create(options.pop("context", self.raw), address, handler=watch, **options), watch)

    def close(self) -> None:
        self.connection.close()


class Case:
    _numbers: "dict[str, int]" = {}

    def __init__(self):
        self._peers: "list[Peer]" = []

    def queue(self, kind: str = "plain") -> str:
        """A queue that nobody has used yet."""
        number = Case._numbers[kind] = Case._numbers.get(kind, 0) + 1
        return f"{_PREFIX}{kind}-{number}"

    def topic(self, *subscriptions: str, **settings) -> str:
        """A topic of its own, with these subscriptions, which have the service's defaults."""
        name = self.queue("topic")
        order("make", topics=[{"name": name, **settings}])
        for subscription in subscriptions:
            self.subscribe(name, subscription)
        return name

    def subscribe(self, topic: str, name: str, **settings) -> str:
        """The address of a new subscription; `rules` take the place of the one that lets everything in."""
        order("make", subscriptions=[{"topicName": topic, "name": name, **settings}])
        return address_of(topic, name)

    def connect(self, **options) -> Peer:
        peer = Peer(**options)
        self._peers.append(peer)
        return peer

    def close(self) -> None:
        for peer in self._peers:
            peer.close()


def same(actual, expected, what: str = "it") -> None:
    assert actual == expected, f"{what} is {repr(actual)[:300]}, not {repr(expected)[:300]}"


def bodies(taken) -> list:
    """The bodies of messages; binary ones as bytes."""
    found = [message.body for message, _ in taken]
    return [bytes(body) if isinstance(body, memoryview) else body for body in found]


def address_of(topic: str, subscription: str) -> str:
    return f"{topic}/Subscriptions/{subscription}"


def order(what: str, **body) -> None:
    """What only an operator could do; ../README.md says what."""
    url = f"{os.environ['RETRAIN_CONTROL_URL']}/{what}"
    with urllib.request.urlopen(urllib.request.Request(url, data=json.dumps(body).encode(), method="POST"), timeout=60):
        pass
