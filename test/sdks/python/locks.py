import time

from azure.servicebus import AutoLockRenewer, ServiceBusMessage

from case import Case, case, nothing, receive_one, same


@case("renew_message_lock keeps the message")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    message = receive_one(receiver)
    end = time.monotonic() + 8
    while time.monotonic() < end:
        before = message.locked_until_utc
        time.sleep(1)
        until = receiver.renew_message_lock(message)
        assert until > before, f"{until} is not later than {before}"
        same(message.locked_until_utc, until, "locked_until_utc")
    nothing(case.receiver(queue))
    receiver.complete_message(message)


@case("AutoLockRenewer keeps the message")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"))
    renewer = case.within(AutoLockRenewer(max_lock_renewal_duration=60))
    receiver = case.receiver(queue, auto_lock_renewer=renewer)
    message = receive_one(receiver)
    other = case.receiver(queue)
    same(other.receive_messages(1, max_wait_time=9), [], "what others get")
    same(message.auto_renew_error, None, "auto_renew_error")
    receiver.complete_message(message)
    same(other.peek_messages(1), [], "what is left")


@case("a lock that ran out counts as a delivery")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    same(receive_one(receiver).delivery_count, 0, "delivery_count")
    message = receive_one(receiver)
    same(message.delivery_count, 1, "delivery_count")
    receiver.complete_message(message)


@case("after MaxDeliveryCount deliveries the message is dead-lettered, with the reason")
def _(case: Case):
    queue = case.queue("short-lock")
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    for count in range(3):
        message = receive_one(receiver)
        same(message.delivery_count, count, "delivery_count")
        receiver.abandon_message(message)
    nothing(receiver)
    dead = receive_one(case.receiver(queue, sub_queue="deadletter"))
    same(dead.dead_letter_reason, "MaxDeliveryCountExceeded", "dead_letter_reason")
    assert dead.dead_letter_error_description, "there is no description"


@case("release does not count as a delivery")
def _(case: Case):
    queue = case.queue()
    case.send(queue, ServiceBusMessage("x"))
    receiver = case.receiver(queue)
    for _ in range(3):
        message = receive_one(receiver)
        receiver._handler.settle_messages(message._delivery_id, message._delivery_tag, "released")
        same(message.delivery_count, 0, "delivery_count")
