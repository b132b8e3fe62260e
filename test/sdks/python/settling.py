from unittest import mock

from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSubQueue
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from case import Case, case, nothing, raises, receive, receive_one, same


@case("complete removes the message")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    receiver.complete_message(receive_one(receiver))
    same(receiver.peek_messages(10, sequence_number=1), [], "what is left")


@case("abandon brings the message again, counted, with a new lock token")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x"), ServiceBusMessage("y"))
    receiver = case.receiver(queue)
    first = receive_one(receiver)
    receiver.abandon_message(first)
    again = receive_one(receiver)
    same(str(again), "x", "what comes again")
    same(again.delivery_count, 1, "delivery_count")
    same(again.sequence_number, first.sequence_number, "sequence_number")
    assert again.lock_token != first.lock_token, "the lock token is the old one"


@case("dead-letter with reason and description")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x", application_properties={"own": 1}))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    receiver.dead_letter_message(message, reason="reason", error_description="description")
    nothing(receiver)
    dead = case.receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
    (peeked,) = dead.peek_messages(5)
    same(peeked.dead_letter_reason, "reason", "dead_letter_reason of a peeked message")
    found = receive_one(dead)
    same(found.dead_letter_reason, "reason", "dead_letter_reason")
    same(found.dead_letter_error_description, "description", "dead_letter_error_description")
    same(found.application_properties[b"own"], 1, "its own property")
    same(found.sequence_number, message.sequence_number, "sequence_number")
    dead.complete_message(found)
    same(dead.peek_messages(5, sequence_number=1), [], "what is left")


@case("dead-letter without a reason")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    receiver.dead_letter_message(receive_one(receiver))
    found = receive_one(case.receiver(queue, sub_queue="deadletter"))
    same((found.dead_letter_reason, found.dead_letter_error_description), (None, None), "reason and description")


@case("a message of the dead-letter queue can be abandoned and deferred")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    receiver.dead_letter_message(receive_one(receiver), reason="r")
    dead = case.receiver(queue, sub_queue="deadletter")
    dead.abandon_message(receive_one(dead))
    message = receive_one(dead)
    dead.defer_message(message)
    nothing(dead)
    (deferred,) = dead.receive_deferred_messages(message.sequence_number)
    dead.complete_message(deferred)
    same(dead.peek_messages(5, sequence_number=1), [], "what is left")


@case("messages are settled in any order")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *(ServiceBusMessage(str(i)) for i in range(20)))
    receiver = case.receiver(queue)
    messages = receive(receiver, 20)
    for message in reversed(messages[::2]):
        receiver.complete_message(message)
    for message in messages[1::2]:
        receiver.abandon_message(message)
    again = receive(receiver, 10)
    same(sorted(int(str(m)) for m in again), list(range(1, 20, 2)), "what comes again")


@case("a settled message cannot be settled again")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    receiver.complete_message(message)
    raises(MessageAlreadySettled, lambda: receiver.complete_message(message))
    # the same without the client's own memory
    message._settled = False
    raises(MessageLockLostError, lambda: receiver._settle_message_via_mgmt_link("completed", [message.lock_token]))


@case("settlement after the link is gone, over $management")
def _(case: Case):
    queue = case.queue()
    case.send(queue, *(ServiceBusMessage(str(i)) for i in range(4)))
    with case.client().get_queue_receiver(queue) as receiver:
        messages = receive(receiver, 4)
        tokens = [message.lock_token for message in messages]
        numbers = [message.sequence_number for message in messages]
    other = case.receiver(queue)
    other._settle_message_via_mgmt_link("completed", [tokens[0]])
    other._settle_message_via_mgmt_link("abandoned", [tokens[1]])
    other._settle_message_via_mgmt_link("defered", [tokens[2]])
    details = {"deadletter-reason": "reason", "deadletter-description": "description"}
    other._settle_message_via_mgmt_link("suspended", [tokens[3]], dead_letter_details=details)
    abandoned = receive_one(other)
    same((str(abandoned), abandoned.delivery_count), ("1", 1), "abandoned")
    (deferred,) = other.receive_deferred_messages(numbers[2])
    same(str(deferred), "2", "deferred")
    dead = receive_one(case.receiver(queue, sub_queue="deadletter"))
    same((str(dead), dead.dead_letter_reason, dead.dead_letter_error_description), ("3", "reason", "description"), "dead")
    raises(MessageLockLostError, lambda: other._settle_message_via_mgmt_link("completed", [tokens[0]]))


@case("a lost lock cannot be settled: MessageLockLostError, over the link and over $management")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"), ServiceBusMessage("y"))
    receiver = case.receiver(queue)
    over_link, over_management = receive(receiver, 2)
    other = case.receiver(queue)
    same(sorted(str(m) for m in receive(other, 2)), ["x", "y"], "what somebody else gets")
    raises(MessageLockLostError, lambda: receiver.complete_message(over_link))
    with mock.patch.object(ServiceBusReceivedMessage, "_lock_expired", False):
        raises(MessageLockLostError, lambda: receiver.complete_message(over_link))
        raises(MessageLockLostError, lambda: receiver.renew_message_lock(over_link))
    token = over_management.lock_token
    raises(MessageLockLostError, lambda: receiver._settle_message_via_mgmt_link("completed", [token]))
