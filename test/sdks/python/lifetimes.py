"""What ends a message without a receiver: time to live and duplicate detection."""

import datetime
import time

from azure.servicebus import ServiceBusMessage

from case import Case, case, nothing, receive, receive_one, same


@case("duplicates are accepted and dropped")
def _(case: Case):
    queue = case.queue("duplicates")
    sender = case.sender(queue)
    sender.send_messages(ServiceBusMessage("first", message_id="a"))
    sender.send_messages(ServiceBusMessage("second", message_id="a"))
    sender.send_messages([ServiceBusMessage("third", message_id="b"), ServiceBusMessage("fourth", message_id="b")])
    receiver = case.receiver(queue)
    for message in receive(receiver, 2):
        assert str(message) in ("first", "third"), str(message)
        receiver.complete_message(message)
    sender.send_messages(ServiceBusMessage("again", message_id="a"))
    nothing(receiver)


@case("a scheduled message counts as a duplicate when it is scheduled")
def _(case: Case):
    queue = case.queue("duplicates")
    sender = case.sender(queue)
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    sender.schedule_messages(ServiceBusMessage("later", message_id="a"), due)
    sender.send_messages(ServiceBusMessage("now", message_id="a"))
    receiver = case.receiver(queue)
    nothing(receiver)
    same([str(m) for m in receiver.peek_messages(10)], ["later"], "messages")


@case("a message that expires is dropped")
def _(case: Case):
    queue = case.queue()
    case.send(
        queue,
        ServiceBusMessage("short", time_to_live=datetime.timedelta(seconds=1)),
        ServiceBusMessage("long", time_to_live=datetime.timedelta(hours=1)),
    )
    time.sleep(2)
    receiver = case.receiver(queue)
    same(str(receive_one(receiver)), "long", "what comes")
    nothing(receiver)
    nothing(case.receiver(queue, sub_queue="deadletter"))


@case("a message that expires is dead-lettered, when the queue says so")
def _(case: Case):
    queue = case.queue("expiring")
    case.send(queue, ServiceBusMessage("x", time_to_live=datetime.timedelta(hours=1)))
    dead = receive_one(case.receiver(queue, sub_queue="deadletter"))
    same(dead.dead_letter_reason, "TTLExpiredException", "dead_letter_reason")
    assert dead.dead_letter_error_description, "there is no description"
    nothing(case.receiver(queue))


@case("the queue's time to live is the ceiling of the message's")
def _(case: Case):
    queue = case.queue("dropping")
    case.send(queue, ServiceBusMessage("x", time_to_live=datetime.timedelta(hours=1)))
    time.sleep(3)
    nothing(case.receiver(queue))


@case("a locked message does not expire")
def _(case: Case):
    queue = case.queue("dropping")
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    time.sleep(3)
    receiver.complete_message(message)
