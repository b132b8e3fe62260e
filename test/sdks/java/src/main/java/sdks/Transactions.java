package sdks;

import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusTransactionContext;
import com.azure.messaging.servicebus.models.AbandonOptions;
import com.azure.messaging.servicebus.models.CompleteOptions;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.DeferOptions;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;

/** Of the official clients looked at here only this one has transactions. */
final class Transactions {
    static final List<Case> CASES = List.of(
        new Case("messages sent in a transaction come when it is committed", Transactions::commitsSends),
        new Case("messages sent in a transaction that is rolled back never come", Transactions::rollsBackSends),
        new Case("a completion counts when its transaction is committed", Transactions::commitsCompletion),
        new Case("a completion in a transaction that is rolled back leaves the message locked", Transactions::rollsBackCompletion),
        new Case("abandon, defer and dead-letter in a transaction", Transactions::settlements),
        new Case("a message is completed and its answer sent as one", Transactions::answers),
        new Case("messages scheduled in a transaction", Transactions::schedules),
        new Case("a session's message is completed in a transaction", Transactions::inSession),
        new Case("a transaction over several queues", Transactions::crossEntity),
        new Case("a transaction cannot be used when it is over", Transactions::over),
        new Case("a transaction has at most 100 messages, or is not committed", Transactions::tooMany));

    /** Its connection is cut: it runs with those that cut connections. */
    static final Case CUT = new Case("a transaction is rolled back when its connection is cut", Transactions::cut);

    private Transactions() {
    }

    private static void commitsSends(Scene t) {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusTransactionContext transaction = sender.createTransaction();
        t.check(transaction.getTransactionId().remaining() > 0, "the transaction has no id");
        sender.sendMessage(Scene.text("one"), transaction);
        sender.sendMessages(List.of(Scene.text("two"), Scene.text("three")), transaction);
        sender.sendMessage(Scene.text("outside"));
        t.hasBodies(t.receive(receiver, 1), "outside");
        t.empty(receiver, "the queue before the commit");
        sender.commitTransaction(transaction);
        t.hasBodies(Scene.peek(receiver, 4), "outside", "one", "two", "three");
        // What comes for the credit of the wait before, this client gives back, and it comes again behind the others.
        t.same(t.receive(receiver, 3).size(), 3, "messages received");
    }

    private static void rollsBackSends(Scene t) {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusTransactionContext transaction = sender.createTransaction();
        sender.sendMessage(Scene.text("one"), transaction);
        sender.rollbackTransaction(transaction);
        t.empty(t.receiver(queue), "the queue");
        sender.sendMessage(Scene.text("still usable"));
        t.hasBodies(t.receive(t.receiver(queue), 1), "still usable");
    }

    private static void commitsCompletion(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("one"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        t.same(Scene.peek(t.receiver(queue), 1).size(), 1, "number of messages before the commit");
        receiver.commitTransaction(transaction);
        t.same(Scene.peek(t.receiver(queue), 1).size(), 0, "number of messages after the commit");
    }

    private static void rollsBackCompletion(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("one"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        receiver.rollbackTransaction(transaction);
        t.same(Scene.peek(receiver, 1).size(), 1, "number of messages");
        // The lock is as it was.
        t.empty(t.receiver(queue), "the queue");
        receiver.renewMessageLock(m);
    }

    private static void settlements(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("abandon"), Scene.text("defer"), Scene.text("dead-letter"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 3);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.abandon(messages.get(0), new AbandonOptions().setTransactionContext(transaction));
        receiver.defer(messages.get(1), new DeferOptions().setTransactionContext(transaction));
        receiver.deadLetter(messages.get(2), new DeadLetterOptions().setDeadLetterReason("why").setTransactionContext(transaction));
        ServiceBusReceiverClient other = t.receiver(queue);
        t.empty(other, "the queue before the commit");
        t.empty(t.deadLetters(queue), "the dead-letter queue before the commit");
        receiver.commitTransaction(transaction);
        ServiceBusReceivedMessage abandoned = t.receiveOne(other);
        t.same(abandoned.getBody().toString(), "abandon", "body");
        t.same(abandoned.getDeliveryCount(), 1L, "delivery count");
        t.same(other.receiveDeferredMessage(messages.get(1).getSequenceNumber()).getBody().toString(), "defer", "deferred body");
        t.same(t.receiveOne(t.deadLetters(queue)).getDeadLetterReason(), "why", "reason");
    }

    private static void answers(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("question"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        sender.sendMessage(Scene.text("answer"), transaction);
        receiver.commitTransaction(transaction);
        ServiceBusReceivedMessage answer = t.receiveOne(receiver);
        t.same(answer.getBody().toString(), "answer", "body");
        receiver.complete(answer);
        t.same(Scene.peek(receiver, 1).size(), 0, "number of messages left");
    }

    private static void schedules(Scene t) {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        OffsetDateTime when = OffsetDateTime.now().plusSeconds(1);
        ServiceBusTransactionContext transaction = sender.createTransaction();
        sender.scheduleMessage(Scene.text("rolled back"), when, transaction);
        sender.rollbackTransaction(transaction);
        transaction = sender.createTransaction();
        // The stream is what sends.
        List<Long> numbers = new ArrayList<>();
        sender.scheduleMessages(Scene.texts(2), when, transaction).forEach(numbers::add);
        t.same(numbers.size(), 2, "number of sequence numbers");
        t.same(Scene.peek(t.receiver(queue), 5).size(), 0, "number of messages before the commit");
        sender.commitTransaction(transaction);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.hasBodies(t.receive(receiver, 2), "message 0", "message 1");
        t.empty(receiver, "the queue");
    }

    private static void inSession(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"), Scene.textIn("a", "two"));
        ServiceBusReceiverClient receiver = t.nextSession(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(messages.get(0), new CompleteOptions().setTransactionContext(transaction));
        t.sender(queue).sendMessage(Scene.textIn("b", "three"), transaction);
        receiver.commitTransaction(transaction);
        receiver.complete(messages.get(1));
        t.same(Scene.peek(receiver, 5).size(), 0, "number of messages left");
        t.hasBodies(t.receive(t.nextSession(queue), 1), "three");
    }

    private static void crossEntity(Scene t) {
        String from = t.queue("plain");
        String to = t.queue("plain");
        t.send(from, Scene.text("question"));
        ServiceBusClientBuilder builder = t.builder(t.settings().connectionString()).enableCrossEntityTransactions();
        ServiceBusReceiverClient receiver = t.receiver(builder, from, options -> options);
        ServiceBusSenderClient sender = t.sender(builder, to);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        sender.sendMessage(Scene.text("answer"), transaction);
        t.empty(t.receiver(to), "the other queue before the commit");
        receiver.commitTransaction(transaction);
        t.hasBodies(t.receive(t.receiver(to), 1), "answer");
        t.same(Scene.peek(t.receiver(from), 1).size(), 0, "number of messages left");
    }

    private static void over(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusTransactionContext transaction = sender.createTransaction();
        sender.commitTransaction(transaction);
        t.fails(() -> sender.commitTransaction(transaction));
        t.fails(() -> sender.rollbackTransaction(transaction));
        // The client does not look at what becomes of this one.
        sender.sendMessage(Scene.text("late"), transaction);
        t.empty(t.receiver(queue), "the queue");
        t.send(queue, Scene.text("still usable"));
        t.hasBodies(t.receive(t.receiver(queue), 1), "still usable");
    }

    /** The client does not look at the answer to a message in a transaction: the commit must tell that one was refused. */
    private static void tooMany(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusTransactionContext transaction = sender.createTransaction();
        sender.sendMessages(Scene.texts(100), transaction);
        sender.commitTransaction(transaction);
        t.receive(t.deleter(queue), 100);
        ServiceBusTransactionContext another = sender.createTransaction();
        sender.sendMessages(Scene.texts(100), another);
        sender.sendMessage(Scene.text("one too many"), another);
        t.fails(() -> sender.commitTransaction(another));
        t.empty(t.receiver(queue), "the queue");
    }

    private static void cut(Scene t) throws Exception {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("locked"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        sender.sendMessage(Scene.text("never"), transaction);
        Connections.order(t, "/cut");
        t.fails(() -> receiver.commitTransaction(transaction));
        t.hasBodies(Scene.peek(t.receiver(queue), 5), "locked");
    }
}
