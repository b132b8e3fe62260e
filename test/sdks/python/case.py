"""What every case has: queues of its own, clients that end with it, and assertions that say what they saw."""

import json
import os
import threading
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Callable

from azure.servicebus import ServiceBusClient

CONNECTION_STRING = os.environ["RETRAIN_CONNECTION_STRING"]
# With TLS, and what the client must be given besides.
TLS_CONNECTION_STRING = os.environ["RETRAIN_TLS_CONNECTION_STRING"]
TLS_OPTIONS = json.loads(os.environ["RETRAIN_TLS_OPTIONS"])
SEND_ONLY = os.environ["RETRAIN_SEND_ONLY_CONNECTION_STRING"]
LISTEN_ONLY = os.environ["RETRAIN_LISTEN_ONLY_CONNECTION_STRING"]
_PREFIX = os.environ["RETRAIN_QUEUE_PREFIX"]
_CONTROL_URL = os.environ["RETRAIN_CONTROL_URL"]

# Seconds within which a message that is there must come; much longer than it takes, for a machine that is busy.
PATIENCE = 20
# Seconds that show that nothing comes.
MOMENT = 0.5


@dataclass(frozen=True)
class Entry:
    name: str
    run: Callable[["Case"], None]
    # Whether it disturbs other cases, as one that cuts connections does.
    alone: bool


CASES: list[Entry] = []


def case(name: str, *, alone: bool = False):
    """Registers a case by the name that its line shows."""

    def register(run: Callable[["Case"], None]):
        CASES.append(Entry(name, run, alone))
        return run

    return register


class _QueueNames:
    """Hands out every numbered queue once."""

    def __init__(self):
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}

    def take(self, kind: str) -> str:
        with self._lock:
            number = self._next[kind] = self._next.get(kind, 0) + 1
        return f"{_PREFIX}{kind}-{number}"


_QUEUES = _QueueNames()


class Case:
    def __init__(self):
        self._stack = ExitStack()

    def close(self):
        self._stack.close()

    def queue(self, kind: str = "plain") -> str:
        """A queue that nobody has used yet."""
        return _QUEUES.take(kind)

    def sibling(self, queue: str, kind: str) -> str:
        """The queue of that kind which has the number of `queue`."""
        return f"{_PREFIX}{kind}-{queue.rsplit('-', 1)[1]}"

    def topic(self, **settings) -> str:
        """A topic of its own, with the properties of its description."""
        name = _QUEUES.take("topic")
        order("make", topics=[{"name": name, **settings}])
        return name

    def made_queue(self, **settings) -> str:
        """A queue of a kind that is not among the prepared ones."""
        name = _QUEUES.take("made")
        order("make", queues=[{"name": name, **settings}])
        return name

    def subscription(self, topic: str, name: str = "one", *, rules: "list | None" = None, **settings) -> str:
        """`rules` take the place of the one that lets everything in."""
        given = {} if rules is None else {"rules": rules}
        order("make", subscriptions=[{"topicName": topic, "name": name, **settings, **given}])
        return name

    def client(self, connection_string: str = CONNECTION_STRING, **options) -> ServiceBusClient:
        return self._stack.enter_context(ServiceBusClient.from_connection_string(connection_string, **options))

    def impatient(self, connection_string: str = CONNECTION_STRING) -> ServiceBusClient:
        """A client that shows a refusal at once."""
        return self.client(connection_string, retry_total=0)

    def sender(self, queue: str, **options):
        return self._stack.enter_context(self.client().get_queue_sender(queue, **options))

    def receiver(self, queue: str, **options):
        return self._stack.enter_context(self.client().get_queue_receiver(queue, **options))

    def send(self, queue: str, *messages) -> None:
        with self.client().get_queue_sender(queue) as sender:
            sender.send_messages(list(messages))

    def publisher(self, topic: str, **options):
        return self._stack.enter_context(self.client().get_topic_sender(topic, **options))

    def subscriber(self, topic: str, subscription: str = "one", **options):
        return self._stack.enter_context(self.client().get_subscription_receiver(topic, subscription, **options))

    def publish(self, topic: str, *messages) -> None:
        with self.client().get_topic_sender(topic) as sender:
            sender.send_messages(list(messages))

    def within(self, manager):
        """Enters a context manager that ends with the case."""
        return self._stack.enter_context(manager)


def receive(receiver, count: int = 1, *, patience: float = PATIENCE) -> list:
    """Exactly so many messages, however many calls they take."""
    messages = []
    end = time.monotonic() + patience
    while len(messages) < count and time.monotonic() < end:
        messages += receiver.receive_messages(count - len(messages), max_wait_time=min(5, patience))
    assert len(messages) == count, f"{len(messages)} messages came, {count} were expected"
    return messages


def receive_one(receiver, *, patience: float = PATIENCE):
    return receive(receiver, 1, patience=patience)[0]


def nothing(receiver) -> None:
    """Nothing can be received now."""
    messages = receiver.receive_messages(10, max_wait_time=MOMENT)
    assert messages == [], f"{[str(message) for message in messages]} came, nothing was expected"


def same(actual, expected, what: str = "it") -> None:
    assert actual == expected, f"{what} is {actual!r}, not {expected!r}"


def raises(error_class, action: Callable, *, containing: str = ""):
    """The exception, of exactly this class, in which `action` ends."""
    try:
        result = action()
    except Exception as error:  # whatever it is, it is judged here
        assert type(error) is error_class, f"{error!r} was raised, not {error_class.__name__}"
        assert containing in str(error), f"'{error}' does not contain '{containing}'"
        return error
    raise AssertionError(f"{result!r} was returned, {error_class.__name__} was expected")


def eventually(check: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Asks again until it is so."""
    end = time.monotonic() + patience
    while not check():
        assert time.monotonic() < end, f"{what}: not within {patience} s"
        time.sleep(0.1)


def _control(command: str, body: "dict | None" = None) -> None:
    data = json.dumps(body).encode() if body else b""
    request = urllib.request.Request(f"{_CONTROL_URL}/{command}", data=data, method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def order(what: str, **body) -> None:
    """Makes, changes or deletes entities; ../README.md says how."""
    _control(what, body)


def cut_connections() -> None:
    """Every connection of the broker ends without a goodbye."""
    _control("cut")


def restart_broker() -> None:
    """The broker ends and starts from its data folder, on the same port."""
    _control("restart")


def kill_broker() -> None:
    """The same, but the broker cannot do anything about its end."""
    _control("kill")
