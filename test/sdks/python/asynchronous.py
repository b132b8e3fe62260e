"""The same client over asyncio."""

import asyncio
import datetime

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient
from azure.servicebus.exceptions import MessageAlreadySettled, OperationTimeoutError, ServiceBusAuthenticationError

from case import CONNECTION_STRING, PATIENCE, Case, case, same


def _client(**options) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(CONNECTION_STRING, **options)


async def _receive(receiver, count: int) -> list:
    messages = []
    for _ in range(PATIENCE):
        if len(messages) < count:
            messages += await receiver.receive_messages(count - len(messages), max_wait_time=5)
    same(len(messages), count, "number of messages")
    return messages


async def _refused(error_class, awaitable) -> None:
    try:
        await awaitable
    except Exception as error:  # whatever it is, it is judged here
        same(type(error), error_class, "error")
        return
    raise AssertionError(f"{error_class.__name__} was expected")


@case("asyncio: send, batch, receive, every settlement")
def _(case: Case):
    queue = case.queue()

    async def run():
        async with _client() as client, client.get_queue_sender(queue) as sender:
            await sender.send_messages(ServiceBusMessage("0"))
            batch = await sender.create_message_batch()
            for i in range(1, 4):
                batch.add_message(ServiceBusMessage(str(i)))
            await sender.send_messages(batch)
            async with client.get_queue_receiver(queue) as receiver:
                messages = await _receive(receiver, 4)
                same([str(m) for m in messages], ["0", "1", "2", "3"], "messages")
                await receiver.complete_message(messages[0])
                await _refused(MessageAlreadySettled, receiver.complete_message(messages[0]))
                await receiver.abandon_message(messages[1])
                await receiver.defer_message(messages[2])
                await receiver.dead_letter_message(messages[3], reason="r", error_description="d")
                (again,) = await _receive(receiver, 1)
                same((str(again), again.delivery_count), ("1", 1), "abandoned")
                (deferred,) = await receiver.receive_deferred_messages(messages[2].sequence_number)
                await receiver.complete_message(deferred)
                same([str(m) for m in await receiver.peek_messages(10, sequence_number=1)], ["1"], "peeked")
            async with client.get_queue_receiver(queue, sub_queue="deadletter") as dead:
                (message,) = await _receive(dead, 1)
                same(message.dead_letter_reason, "r", "dead_letter_reason")

    asyncio.run(run())


@case("asyncio: schedule and cancel")
def _(case: Case):
    queue = case.queue()

    async def run():
        async with _client() as client, client.get_queue_sender(queue) as sender:
            due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
            numbers = await sender.schedule_messages([ServiceBusMessage("a"), ServiceBusMessage("b")], due)
            await sender.cancel_scheduled_messages(numbers[0])
            async with client.get_queue_receiver(queue) as receiver:
                same([str(m) for m in await _receive(receiver, 1)], ["b"], "messages")

    asyncio.run(run())


@case("asyncio: sessions, state, renewal and time-out")
def _(case: Case):
    queue = case.queue("session")

    async def run():
        async with _client(retry_total=0) as client, client.get_queue_sender(queue) as sender:
            waiting = client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=2)
            await _refused(OperationTimeoutError, waiting.__aenter__())
            await sender.send_messages(ServiceBusMessage("x", session_id="a"))
            options = {"session_id": NEXT_AVAILABLE_SESSION, "max_wait_time": PATIENCE}
            async with client.get_queue_receiver(queue, **options) as receiver:
                same(receiver.session.session_id, "a", "session_id")
                await receiver.session.set_state(b"state")
                same(await receiver.session.get_state(), b"state", "state")
                before = receiver.session.locked_until_utc
                assert await receiver.session.renew_lock() >= before, "the lock is not longer"
                (message,) = await _receive(receiver, 1)
                await receiver.complete_message(message)

    asyncio.run(run())


@case("asyncio: AutoLockRenewer keeps the message")
def _(case: Case):
    queue = case.queue("short-lock")

    async def run():
        async with _client() as client, client.get_queue_sender(queue) as sender, AutoLockRenewer() as renewer:
            await sender.send_messages(ServiceBusMessage("x"))
            async with client.get_queue_receiver(queue, auto_lock_renewer=renewer) as receiver:
                (message,) = await _receive(receiver, 1)
                await asyncio.sleep(7)
                await receiver.complete_message(message)

    asyncio.run(run())


@case("asyncio: an unknown queue")
def _(case: Case):
    async def run():
        async with _client(retry_total=0) as client:
            await _refused(ServiceBusAuthenticationError, client.get_queue_sender("no-such-queue").__aenter__())

    asyncio.run(run())
