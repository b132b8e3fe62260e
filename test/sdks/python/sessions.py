import datetime
import threading
import time

from azure.servicebus import NEXT_AVAILABLE_SESSION, AutoLockRenewer, ServiceBusMessage
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from case import PATIENCE, Case, case, eventually, nothing, raises, receive, receive_one, same


def _message(session: str, text: str = "x") -> ServiceBusMessage:
    return ServiceBusMessage(text, session_id=session)


@case("a session by its id: its messages only, in order")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, *(_message(session, f"{session}{i}") for i in range(5) for session in ("a", "b")))
    receiver = case.receiver(queue, session_id="a")
    same(receiver.session.session_id, "a", "session_id")
    until = receiver.session.locked_until_utc
    now = datetime.datetime.now(datetime.timezone.utc)
    assert now + datetime.timedelta(seconds=30) < until < now + datetime.timedelta(seconds=61), until
    messages = receive(receiver, 5)
    same([str(m) for m in messages], [f"a{i}" for i in range(5)], "messages")
    same({m.session_id for m in messages}, {"a"}, "session_id")
    for message in messages:
        receiver.complete_message(message)
    nothing(receiver)


@case("the next available session, one after the other")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, _message("one"), _message("two"), _message("three"))
    seen = []
    for _ in range(3):
        receiver = case.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
        message = receive_one(receiver)
        same(message.session_id, receiver.session.session_id, "session of the message")
        seen.append(receiver.session.session_id)
    same(sorted(seen), ["one", "three", "two"], "sessions")


@case("no session within max_wait_time: OperationTimeoutError")
def _(case: Case):
    client = case.impatient()
    start = time.monotonic()
    receiver = client.get_queue_receiver(case.queue("session"), session_id=NEXT_AVAILABLE_SESSION, max_wait_time=3)
    raises(OperationTimeoutError, receiver.receive_messages)
    elapsed = time.monotonic() - start
    assert 2.5 < elapsed < 30, f"it took {elapsed} s"


@case("the next session arrives while a receiver waits for it")
def _(case: Case):
    queue = case.queue("session")
    timer = threading.Timer(1.5, lambda: case.send(queue, _message("late")))
    timer.start()
    receiver = case.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    same(receiver.session.session_id, "late", "session_id")
    receiver.complete_message(receive_one(receiver))
    timer.join()


@case("a session locked by another: SessionCannotBeLockedError")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, _message("a"))
    with case.client().get_queue_receiver(queue, session_id="a") as holder:
        receive_one(holder)
        client = case.impatient()
        raises(SessionCannotBeLockedError, client.get_queue_receiver(queue, session_id="a").__enter__)
    receiver = case.receiver(queue, session_id="a")
    same(receive_one(receiver).delivery_count, 0, "delivery_count after the holder has closed")


@case("session state: none, set, replaced, kept, cleared")
def _(case: Case):
    queue = case.queue("session")
    with case.client().get_queue_receiver(queue, session_id="a") as receiver:
        same(receiver.session.get_state(), None, "state at first")
        receiver.session.set_state("text")
        same(receiver.session.get_state(), b"text", "state")
        receiver.session.set_state(b"\x00\xff")
    with case.client().get_queue_receiver(queue, session_id="a") as receiver:
        same(receiver.session.get_state(), b"\x00\xff", "state for the next receiver")
        receiver.session.set_state(b"")
        same(receiver.session.get_state(), None, "an empty state, which is none: the Go client clears a state with it")
        receiver.session.set_state("text")
        receiver.session.set_state(None)
        same(receiver.session.get_state(), None, "state when cleared")


@case("renew_lock of a session")
def _(case: Case):
    queue = case.queue("short-session")
    case.send(queue, _message("a"))
    receiver = case.receiver(queue, session_id="a")
    message = receive_one(receiver)
    end = time.monotonic() + 8
    while time.monotonic() < end:
        before = receiver.session.locked_until_utc
        time.sleep(1)
        assert receiver.session.renew_lock() > before, "the lock is not longer"
    receiver.complete_message(message)


@case("AutoLockRenewer keeps a session")
def _(case: Case):
    queue = case.queue("short-session")
    case.send(queue, _message("a"))
    renewer = case.within(AutoLockRenewer(max_lock_renewal_duration=60))
    receiver = case.receiver(queue, session_id="a", auto_lock_renewer=renewer)
    message = receive_one(receiver)
    time.sleep(8)
    same(receiver.session.auto_renew_error, None, "auto_renew_error")
    receiver.complete_message(message)


@case("a lost session: SessionLockLostError, and the message comes again, counted")
def _(case: Case):
    queue = case.queue("short-session")
    case.send(queue, _message("a"))
    receiver = case.within(case.impatient().get_queue_receiver(queue, session_id="a"))
    message = receive_one(receiver)
    other = case.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    raises(SessionLockLostError, lambda: receiver.complete_message(message))
    same(receive_one(other).delivery_count, 1, "delivery_count")


@case("a lost session cannot be renewed, and its state cannot be set")
def _(case: Case):
    queue = case.queue("short-session")
    receiver = case.within(case.impatient().get_queue_receiver(queue, session_id="a"))
    other = case.client(retry_total=20)
    eventually(lambda: receiver.session._lock_expired, "the lock runs out")
    case.within(other.get_queue_receiver(queue, session_id="a"))
    raises(SessionLockLostError, lambda: receiver.session.set_state(b"x"))
    raises(SessionLockLostError, lambda: receiver.session.renew_lock())


@case("the empty session id is a session")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, ServiceBusMessage("x", session_id=""))
    receiver = case.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    same(receiver.session.session_id, "", "session_id")
    same(str(receive_one(receiver)), "x", "message")


@case("abandon in a session brings the same message next")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, *(_message("a", str(i)) for i in range(3)))
    receiver = case.receiver(queue, session_id="a")
    receiver.abandon_message(receive_one(receiver))
    messages = receive(receiver, 3)
    same([str(m) for m in messages], ["0", "1", "2"], "messages")
    same([m.delivery_count for m in messages], [1, 0, 0], "delivery counts")


@case("deferral and peek in a session")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, _message("a", "0"), _message("b", "other"), _message("a", "1"))
    receiver = case.receiver(queue, session_id="a")
    message = receive_one(receiver)
    receiver.defer_message(message)
    same([str(m) for m in receiver.peek_messages(10, sequence_number=1)], ["0", "1"], "peeked")
    same(str(receive_one(receiver)), "1", "what comes")
    (deferred,) = receiver.receive_deferred_messages(message.sequence_number)
    same(str(deferred), "0", "deferred")
    receiver.complete_message(deferred)
    same([str(m) for m in receiver.peek_messages(10, sequence_number=1)], ["1"], "what is left")


@case("scheduling into a session")
def _(case: Case):
    queue = case.queue("session")
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    case.sender(queue).schedule_messages(_message("a", "later"), due)
    receiver = case.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=PATIENCE)
    same((receiver.session.session_id, str(receive_one(receiver))), ("a", "later"), "session and message")


@case("the dead-letter queue of a session queue is read without sessions")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, _message("a"), _message("b"))
    for session in ("a", "b"):
        with case.client().get_queue_receiver(queue, session_id=session) as receiver:
            receiver.dead_letter_message(receive_one(receiver), reason=f"of {session}")
    dead = case.receiver(queue, sub_queue="deadletter")
    messages = receive(dead, 2)
    same([(m.session_id, m.dead_letter_reason) for m in messages], [("a", "of a"), ("b", "of b")], "messages")
    for message in messages:
        dead.complete_message(message)


@case("receive-and-delete in a session")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, *(_message("a", str(i)) for i in range(3)))
    receiver = case.receiver(queue, session_id="a", receive_mode="receiveanddelete")
    same([str(m) for m in receive(receiver, 3)], ["0", "1", "2"], "messages")
    same(receiver.peek_messages(1, sequence_number=1), [], "what is left")


@case("a message without a session id is refused")
def _(case: Case):
    sender = case.within(case.impatient().get_queue_sender(case.queue("session")))
    error = raises(ServiceBusError, lambda: sender.send_messages(ServiceBusMessage("x")))
    assert "amqp:not-allowed" in str(error), str(error)


@case("a receiver without a session on a session queue is refused, and the other way round")
def _(case: Case):
    client = case.impatient()
    error = raises(ServiceBusError, client.get_queue_receiver(case.queue("session")).__enter__)
    assert "amqp:not-allowed" in str(error), str(error)
    error = raises(ServiceBusError, client.get_queue_receiver(case.queue(), session_id="a").__enter__)
    assert "amqp:not-allowed" in str(error), str(error)


@case("the sessions of a queue are listed: those with messages, and those with a state")
def _(case: Case):
    queue = case.queue("session")
    client = case.client()
    same(list(client.list_queue_sessions(queue)), [], "sessions of an empty queue")
    case.send(queue, _message("messages"), _message("gone"))
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
    with client.get_queue_receiver(queue, session_id="state") as receiver:
        receiver.session.set_state(b"x")
    with client.get_queue_receiver(queue, session_id="gone") as receiver:
        receiver.complete_message(receive_one(receiver))
    same(sorted(client.list_queue_sessions(queue)), ["messages", "state"], "sessions")
    same(list(client.list_queue_sessions(queue, state_updated_after=before)), ["state"], "with a new state")


@case("many sessions are listed page by page")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, *(_message(f"s{i:03}") for i in range(230)))
    same(sorted(case.client().list_queue_sessions(queue)), [f"s{i:03}" for i in range(230)], "sessions")


@case("order in a session survives a receiver that goes away")
def _(case: Case):
    queue = case.queue("session")
    case.send(queue, *(_message("a", str(i)) for i in range(6)))
    with case.client().get_queue_receiver(queue, session_id="a") as receiver:
        messages = receive(receiver, 4)
        receiver.complete_message(messages[0])
        receiver.complete_message(messages[2])
    receiver = case.receiver(queue, session_id="a")
    messages = receive(receiver, 4)
    same([str(m) for m in messages], ["1", "3", "4", "5"], "messages")
    same({m.delivery_count for m in messages}, {0}, "delivery counts")
