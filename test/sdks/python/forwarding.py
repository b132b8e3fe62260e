"""Queues that forward their messages, or their dead-lettered ones, to another."""

import datetime

from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.exceptions import ServiceBusError

from case import Case, case, nothing, raises, receive, receive_one, same


@case("forwardTo: messages arrive in the other queue, with the sequence number they had as the enqueued one")
def _(case: Case):
    queue = case.queue("forwarding")
    case.send(queue, *(ServiceBusMessage(str(i), application_properties={"own": i}) for i in range(20)))
    receiver = case.receiver(case.sibling(queue, "forwarded"))
    messages = receive(receiver, 20)
    same([str(m) for m in messages], [str(i) for i in range(20)], "messages")
    same([m.application_properties[b"own"] for m in messages], list(range(20)), "properties")
    same([m.enqueued_sequence_number for m in messages], list(range(1, 21)), "enqueued_sequence_number")
    same({m.delivery_count for m in messages}, {0}, "delivery counts")
    for message in messages:
        receiver.complete_message(message)


@case("a queue that forwards cannot be received from")
def _(case: Case):
    error = raises(ServiceBusError, case.impatient().get_queue_receiver(case.queue("forwarding")).__enter__)
    assert "amqp:not-allowed" in str(error), str(error)


@case("a scheduled message is forwarded when it is due")
def _(case: Case):
    queue = case.queue("forwarding")
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    case.sender(queue).schedule_messages(ServiceBusMessage("later"), due)
    receiver = case.receiver(case.sibling(queue, "forwarded"))
    nothing(receiver)
    same(str(receive_one(receiver)), "later", "message")
    assert datetime.datetime.now(datetime.timezone.utc) >= due - datetime.timedelta(milliseconds=50), "it came early"


@case("forwardDeadLetteredMessagesTo: dead-lettered messages arrive with reason and source")
def _(case: Case):
    queue = case.queue("dead-forwarding")
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    receiver.dead_letter_message(receive_one(receiver), reason="reason", error_description="description")
    message = receive_one(case.receiver(case.sibling(queue, "forwarded")))
    same((message.dead_letter_reason, message.dead_letter_error_description), ("reason", "description"), "reason")
    same(message.dead_letter_source, queue, "dead_letter_source")


@case("after four hops a message is in the transfer dead-letter queue")
def _(case: Case):
    first = case.queue("hop-1")
    case.send(case.sibling(first, "hop-2"), ServiceBusMessage("near"))
    same(str(receive_one(case.receiver(case.sibling(first, "hop-6")))), "near", "after four hops")
    case.send(first, ServiceBusMessage("far"))
    fifth = case.sibling(first, "hop-5")
    dead = receive_one(case.receiver(fifth, sub_queue=ServiceBusSubQueue.TRANSFER_DEAD_LETTER))
    same((str(dead), dead.dead_letter_reason), ("far", "MaxTransferHopCountExceeded"), "message and reason")
    nothing(case.receiver(case.sibling(first, "hop-6")))
