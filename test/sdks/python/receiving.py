import datetime
import threading
import time

from azure.servicebus import ServiceBusMessage, ServiceBusMessageState, ServiceBusReceiveMode

from case import MOMENT, PATIENCE, Case, case, eventually, nothing, raises, receive, receive_one, same


def _texts(messages) -> list:
    return [str(message) for message in messages]


def _numbered(count: int) -> list:
    return [ServiceBusMessage(str(i)) for i in range(count)]


@case("peek-lock: lock token, lock, sequence number, times and delivery count")
def _(case: Case):
    queue = case.queue()
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert message.lock_token is not None and message.lock_token.int != 0, message.lock_token
    assert now + datetime.timedelta(seconds=30) < message.locked_until_utc < now + datetime.timedelta(seconds=61), (
        message.locked_until_utc
    )
    assert before <= message.enqueued_time_utc <= now + datetime.timedelta(seconds=1), message.enqueued_time_utc
    same(message.enqueued_sequence_number, message.sequence_number, "enqueued_sequence_number")
    same(message.delivery_count, 0, "delivery_count")
    same(message.state, ServiceBusMessageState.ACTIVE, "state")
    same(message.dead_letter_source, None, "dead_letter_source")
    nothing(case.receiver(queue))
    receiver.complete_message(message)


@case("receive-and-delete: gone at once, nothing to settle")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(3))
    receiver = case.receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    messages = receive(receiver, 3)
    same(messages[0].locked_until_utc, None, "locked_until_utc")
    raises(ValueError, lambda: receiver.complete_message(messages[0]))
    same(case.receiver(queue).peek_messages(10), [], "what is left")


@case("receive_messages ends after max_wait_time")
def _(case: Case):
    receiver = case.receiver(case.queue())
    start = time.monotonic()
    same(receiver.receive_messages(5, max_wait_time=1), [], "messages")
    elapsed = time.monotonic() - start
    assert 0.9 <= elapsed < 15, f"it took {elapsed} s"


@case("receive_messages waits for a message that is sent later")
def _(case: Case):
    queue = case.queue()
    receiver = case.receiver(queue)
    timer = threading.Timer(1.0, lambda: case.send(queue, ServiceBusMessage("late")))
    timer.start()
    same(_texts(receiver.receive_messages(5, max_wait_time=PATIENCE)), ["late"], "messages")
    timer.join()


@case("an iterator ends after max_wait_time")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(5))
    receiver = case.receiver(queue, max_wait_time=2)
    seen = []
    for message in receiver:
        seen.append(str(message))
        receiver.complete_message(message)
    same(seen, ["0", "1", "2", "3", "4"], "messages")
    same(receiver.peek_messages(1), [], "what is left")


@case("prefetch: messages come from the buffer, in order, and can be completed")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(60))
    receiver = case.receiver(queue, prefetch_count=30)
    seen = []
    end = time.monotonic() + PATIENCE
    while len(seen) < 60 and time.monotonic() < end:
        for message in receiver.receive_messages(10, max_wait_time=5):
            seen.append(str(message))
            receiver.complete_message(message)
    same(seen, [str(i) for i in range(60)], "messages")
    same(receiver.peek_messages(1), [], "what is left")


@case("prefetched messages are given back when the receiver is closed, not counted as delivered")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(20))
    with case.client().get_queue_receiver(queue, prefetch_count=20) as receiver:
        receive_one(receiver)
    messages = receive(case.receiver(queue), 19)
    same(_texts(messages), [str(i) for i in range(1, 20)], "messages")
    same({message.delivery_count for message in messages}, {0}, "delivery counts")


@case("what comes after a call has ended is released to others, not counted as delivered")
def _(case: Case):
    queue = case.queue()
    idle = case.receiver(queue)
    same(idle.receive_messages(10, max_wait_time=MOMENT), [], "messages")
    case.send(queue, *_numbered(5))
    messages = receive(case.receiver(queue), 5)
    same(sorted(_texts(messages)), ["0", "1", "2", "3", "4"], "messages")
    same({message.delivery_count for message in messages}, {0}, "delivery counts")


@case("competing receivers get every message once")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(200))
    seen, lock = [], threading.Lock()

    def work():
        receiver = case.receiver(queue)
        while messages := receiver.receive_messages(10, max_wait_time=3):
            for message in messages:
                receiver.complete_message(message)
                with lock:
                    seen.append(str(message))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(sorted(seen, key=int), [str(i) for i in range(200)], "messages")


@case("a large call of many messages")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *_numbered(1000))
    receiver = case.receiver(queue, receive_mode="receiveanddelete")
    same(_texts(receive(receiver, 1000, patience=60)), [str(i) for i in range(1000)], "messages")


@case("messages of several frames, several at a time, each settled its own way")
def _(case: Case):
    queue = case.queue()
    sender = case.sender(queue)
    for i in range(4):
        sender.send_messages(ServiceBusMessage(b"x" * 200_000, message_id=str(i)))
    receiver = case.receiver(queue)
    messages = receive(receiver, 4)
    receiver.complete_message(messages[2])
    receiver.abandon_message(messages[0])
    receiver.defer_message(messages[1])
    receiver.dead_letter_message(messages[3])
    again = receive_one(receiver)
    same((again.message_id, again.delivery_count), ("0", 1), "abandoned")
    (deferred,) = receiver.receive_deferred_messages(messages[1].sequence_number)
    same(deferred.message_id, "1", "deferred")
    dead = case.receiver(queue, sub_queue="deadletter")
    same(receive_one(dead).message_id, "3", "dead-lettered")
    same(len(receiver.peek_messages(10, sequence_number=1)), 2, "messages left")


@case("the lock of a receiver that vanished runs on; then the message comes again")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"))
    with case.client().get_queue_receiver(queue) as receiver:
        receive_one(receiver)
    other = case.receiver(queue)
    nothing(other)
    same(receive_one(other).delivery_count, 1, "delivery_count")


@case("several links of one client at a time")
def _(case: Case):
    queues = [case.queue() for _ in range(4)]
    client = case.client()
    senders = [case.within(client.get_queue_sender(queue)) for queue in queues]
    receivers = [case.within(client.get_queue_receiver(queue)) for queue in queues]
    for index, sender in enumerate(senders):
        sender.send_messages(ServiceBusMessage(f"for {index}"))
    for index, receiver in enumerate(receivers):
        message = receive_one(receiver)
        same(str(message), f"for {index}", "message")
        receiver.complete_message(message)
        eventually(lambda: not receiver.peek_messages(1, sequence_number=1), "the message is gone")
