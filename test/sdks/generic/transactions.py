"""Transactions as AMQP 1.0 has them (part 4): a coordinator, declare, transactional sends and outcomes, discharge."""

from proton import Delivery, Message
from proton.handlers import TransactionHandler
from proton.reactor import AtMostOnce

from case import MOMENT, Case, bodies, case, same
from receiving import SettleSecond


class _Control(TransactionHandler):
    """Notes what becomes of a transaction."""

    def __init__(self):
        super().__init__()
        self.state = "declaring"

    def on_transaction_declared(self, event):
        self.state = "declared"

    def on_transaction_declare_failed(self, event):
        self.state = "declare failed"

    def on_transaction_committed(self, event):
        self.state = "committed"

    def on_transaction_commit_failed(self, event):
        self.state = f"commit failed: {event.delivery.remote.condition.name}"

    def on_transaction_aborted(self, event):
        self.state = "aborted"


class Transaction:
    def __init__(self, peer):
        self._peer = peer
        self._control = _Control()
        self.raw = peer.connection.container.declare_transaction(peer.raw, handler=self._control)
        self._becomes("declared")

    def send(self, link, body: str) -> Delivery:
        """A transactional send; the broker answers with a transactional state."""
        self._peer.until(lambda: link.link.credit > 0, "credit to send")
        delivery = self.raw.send(link.link, Message(body=body))
        self._peer.until(lambda: delivery.remote_state, "outcome of a transactional send")
        return delivery

    def accept(self, delivery) -> None:
        self.raw.accept(delivery)
        self._peer.until(lambda: delivery.remote_state, "answer to a transactional outcome")

    def commit(self) -> None:
        self.raw.commit()
        self._becomes("committed")

    def abort(self) -> None:
        self.raw.abort()
        self._becomes("aborted")

    def _becomes(self, state: str) -> None:
        before = self._control.state
        self._peer.until(lambda: self._control.state != before, f"a transaction that is {state}")
        same(self._control.state, state, "state of the transaction")


def now(peer, queue: str) -> list:
    """What can be received now."""
    receiver = peer.receiver(queue, options=AtMostOnce())
    receiver.link.flow(100)
    peer.idle(MOMENT)
    found = bodies(receiver.arrived)
    receiver.close()
    return found


@case("a committed transaction: what was sent to several queues is there, and only then")
def _(case: Case):
    peer = case.connect()
    queues = [case.queue(), case.queue()]
    senders = [peer.sender(queue) for queue in queues]
    transaction = Transaction(peer)
    for index, sender in enumerate(senders):
        transaction.send(sender, f"to {index}")
    same([now(peer, queue) for queue in queues], [[], []], "before the commit")
    transaction.commit()
    same([now(peer, queue) for queue in queues], [["to 0"], ["to 1"]], "after the commit")


@case("an aborted transaction: nothing of it has happened; what was received comes again when its lock has run out")
def _(case: Case):
    peer = case.connect()
    queue = case.queue("short-lock")
    sender = peer.sender(queue)
    sender.send("before")
    receiver = peer.receiver(queue, options=SettleSecond())
    _, delivery = receiver.take_one()
    transaction = Transaction(peer)
    transaction.send(sender, "in the transaction")
    transaction.accept(delivery)
    transaction.abort()
    same(now(peer, queue), [], "after the abort")
    again = peer.receiver(queue, options=SettleSecond())
    same(bodies(again.take()), ["before"], "after the lock")
    again.link.flow(10)
    peer.idle()
    same(bodies(again.arrived), [], "further messages")


@case("a message received and another sent in one transaction")
def _(case: Case):
    peer = case.connect()
    source, target = case.queue(), case.queue()
    peer.sender(source).send("work")
    receiver = peer.receiver(source, options=SettleSecond())
    _, delivery = receiver.take_one()
    transaction = Transaction(peer)
    transaction.send(peer.sender(target), "result")
    transaction.accept(delivery)
    transaction.commit()
    same((now(peer, source), now(peer, target)), ([], ["result"]), "after the commit")


@case("one transaction after the other on one connection")
def _(case: Case):
    peer = case.connect()
    queue = case.queue()
    sender = peer.sender(queue)
    for index in range(10):
        transaction = Transaction(peer)
        transaction.send(sender, str(index))
        if index % 2:
            transaction.abort()
        else:
            transaction.commit()
    same(now(peer, queue), ["0", "2", "4", "6", "8"], "messages")


@case("a connection that goes takes its open transaction with it")
def _(case: Case):
    queue = case.queue()
    peer = case.connect()
    transaction = Transaction(peer)
    transaction.send(peer.sender(queue), "lost")
    peer.close()
    other = case.connect()
    same(now(other, queue), [], "messages")
