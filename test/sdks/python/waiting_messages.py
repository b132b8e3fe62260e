"""Messages that are looked at or put aside: peek and deferral."""

import datetime

from azure.servicebus import ServiceBusMessage, ServiceBusMessageState, ServiceBusReceiveMode
from azure.servicebus.exceptions import MessageNotFoundError

from case import Case, case, nothing, raises, receive, receive_one, same


def _numbered(count: int) -> list:
    return [ServiceBusMessage(str(i)) for i in range(count)]


@case("deferred messages come only by their sequence number")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(4))
    receiver = case.receiver(queue)
    messages = receive(receiver, 4)
    numbers = [message.sequence_number for message in messages]
    for message in messages:
        receiver.defer_message(message)
    nothing(receiver)
    deferred = receiver.receive_deferred_messages(numbers)
    same([str(m) for m in deferred], ["0", "1", "2", "3"], "deferred")
    same({m.state for m in deferred}, {ServiceBusMessageState.DEFERRED}, "state")
    same({m.delivery_count for m in deferred}, {1}, "delivery counts")
    assert all(m.lock_token and m.locked_until_utc for m in deferred), "a lock is missing"
    receiver.complete_message(deferred[0])
    receiver.abandon_message(deferred[1])
    receiver.dead_letter_message(deferred[2], reason="late")
    receiver.defer_message(deferred[3])
    same(receive_one(case.receiver(queue, sub_queue="deadletter")).dead_letter_reason, "late", "dead_letter_reason")
    nothing(receiver)
    left = receiver.receive_deferred_messages([numbers[1], numbers[3]])
    same([str(m) for m in left], ["1", "3"], "what is still deferred")


@case("a deferred message's lock can be renewed")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    receiver.defer_message(message)
    (deferred,) = receiver.receive_deferred_messages(message.sequence_number)
    before = deferred.locked_until_utc
    assert receiver.renew_message_lock(deferred) >= before, "the lock is not longer"
    receiver.complete_message(deferred)


@case("deferred messages received and deleted")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(2))
    receiver = case.receiver(queue)
    messages = receive(receiver, 2)
    for message in messages:
        receiver.defer_message(message)
    taker = case.receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    taken = taker.receive_deferred_messages([message.sequence_number for message in messages])
    same([str(m) for m in taken], ["0", "1"], "messages")
    same(receiver.peek_messages(10, sequence_number=1), [], "what is left")


@case("a sequence number that is not deferred: MessageNotFoundError")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(1))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    raises(MessageNotFoundError, lambda: receiver.receive_deferred_messages(message.sequence_number))
    raises(MessageNotFoundError, lambda: receiver.receive_deferred_messages(4711))


@case("peek shows active, locked, deferred and scheduled messages, and takes none")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(3))
    receiver = case.receiver(queue)
    first, _ = receive(receiver, 2)
    receiver.defer_message(first)
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    case.sender(queue).schedule_messages(ServiceBusMessage("later"), due)
    peeker = case.receiver(queue)
    peeked = peeker.peek_messages(10)
    states = ServiceBusMessageState
    same(
        [(str(m), m.state) for m in peeked],
        [("0", states.DEFERRED), ("1", states.ACTIVE), ("2", states.ACTIVE), ("later", states.SCHEDULED)],
        "peeked",
    )
    same({m.lock_token for m in peeked}, {None}, "lock tokens")
    raises(ValueError, lambda: peeker.complete_message(peeked[0]))
    same(peeker.peek_messages(10), [], "what comes after")


@case("peek goes on where it was, and begins where it is told")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(10))
    receiver = case.receiver(queue)
    first = receiver.peek_messages(4)
    same([str(m) for m in first], ["0", "1", "2", "3"], "first")
    same([str(m) for m in receiver.peek_messages(4)], ["4", "5", "6", "7"], "next")
    same([str(m) for m in receiver.peek_messages(4)], ["8", "9"], "last")
    again = receiver.peek_messages(2, sequence_number=first[1].sequence_number)
    same([str(m) for m in again], ["1", "2"], "from a sequence number")


@case("peek of an empty queue")
def _(case: Case):
    same(case.receiver(case.queue()).peek_messages(5), [], "messages")


@case("peek of more than fits one answer")
def _(case: Case):
    queue = case.queue()
    sender = case.sender(queue)
    for i in range(15):
        sender.send_messages(ServiceBusMessage(b"x" * 200_000, message_id=str(i)))
    receiver = case.receiver(queue)
    seen = []
    while peeked := receiver.peek_messages(100):
        seen += [m.message_id for m in peeked]
    same(seen, [str(i) for i in range(15)], "messages")


@case("a partitioned queue: the partition in the upper bits of the sequence number, which works everywhere")
def _(case: Case):
    queue = case.queue("partitioned")
    sender = case.sender(queue)
    sender.send_messages([ServiceBusMessage(str(i), partition_key="one key") for i in range(5)])
    receiver = case.receiver(queue)
    messages = receive(receiver, 5)
    same([str(m) for m in messages], ["0", "1", "2", "3", "4"], "messages of one key")
    same(len({m.sequence_number >> 48 for m in messages}), 1, "number of partitions of one key")
    same({m.partition_key for m in messages}, {"one key"}, "partition_key")
    receiver.defer_message(messages[0])
    (deferred,) = receiver.receive_deferred_messages(messages[0].sequence_number)
    same(deferred.sequence_number, messages[0].sequence_number, "sequence_number of the deferred message")
    receiver.complete_message(deferred)
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    (number,) = sender.schedule_messages(ServiceBusMessage("later"), due)
    sender.cancel_scheduled_messages(number)
    sender.send_messages([ServiceBusMessage(str(i), partition_key=str(i)) for i in range(40)])
    others = receive(receiver, 40)
    assert len({m.sequence_number >> 48 for m in others}) > 1, "forty keys are in one partition"
    same(sorted(int(str(m)) for m in others), list(range(40)), "messages of many keys")
