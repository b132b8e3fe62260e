package sdks;

import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusTransactionContext;
import com.azure.messaging.servicebus.models.CompleteOptions;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.SubQueue;
import java.util.List;
import java.util.Map;

/** Time to live, duplicates, forwarding and transactions of topics and subscriptions. */
final class TopicLifetimes {
    static final List<Case> CASES = List.of(
        new Case("topic: a subscription's time to live, with dead letters and without", TopicLifetimes::expires),
        new Case("topic: duplicates are dropped for all subscriptions", TopicLifetimes::duplicates),
        new Case("a subscription forwards to a queue and to a topic", TopicLifetimes::forwards),
        new Case("a queue forwards to a topic", TopicLifetimes::fromQueue),
        new Case("a subscription's dead letters are forwarded with their reason and source", TopicLifetimes::deadLetters),
        new Case("a message that subscriptions forward too often is in the transfer dead-letter queue", TopicLifetimes::tooFar),
        new Case("a transaction publishes, and nobody sees it before its commit", TopicLifetimes::publishes),
        new Case("a transaction that is rolled back publishes nothing", TopicLifetimes::rollsBack),
        new Case("a message of a subscription is completed and its answer published as one", TopicLifetimes::answers));

    /** It ends the connections of everybody. */
    static final Case KILLED = new Case("of two transactions only the committed one survives a kill", TopicLifetimes::killed);

    private TopicLifetimes() {
    }

    private static void expires(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("kept", Map.of()).subscribe("dropped", Map.of("defaultMessageTimeToLive", "PT2S"))
            .subscribe("dead", Map.of("defaultMessageTimeToLive", "PT2S", "deadLetteringOnMessageExpiration", true));
        topic.send(Scene.text("x"));
        t.same(t.receiveOne(topic.deadLetters("dead")).getDeadLetterReason(), "TTLExpiredException", "reason");
        t.eventually("the other is dropped", () -> topic.bodies("dropped").isEmpty());
        t.same(Scene.peek(topic.deadLetters("dropped"), 1).size(), 0, "dead letters");
        t.same(topic.bodies("kept"), List.of("x"), "messages kept");
    }

    private static void duplicates(Scene t) throws Exception {
        Topic topic = Topic.of(t, Map.of("requiresDuplicateDetection", true)).subscribe("one", Map.of()).subscribe("two", Map.of());
        topic.send(Scene.text("first").setMessageId("a"), Scene.text("second").setMessageId("a"),
            Scene.text("third").setMessageId("b"));
        t.same(topic.bodies("one"), List.of("first", "third"), "messages");
        t.same(topic.bodies("two"), List.of("first", "third"), "messages of the other subscription");
    }

    private static void forwards(Scene t) throws Exception {
        String queue = t.queue("plain");
        Topic second = Topic.with(t, "one");
        Topic topic = Topic.of(t).subscribe("to-queue", Map.of("forwardTo", queue))
            .subscribe("to-topic", Map.of("forwardTo", second.name()));
        topic.sender().sendMessages(Scene.texts(2));
        t.hasBodies(t.receive(t.receiver(queue), 2), "message 0", "message 1");
        t.hasBodies(t.receive(second.receiver("one"), 2), "message 0", "message 1");
        t.notAllowed(() -> topic.receiver("to-queue").receiveMessages(1).stream().toList());
    }

    private static void fromQueue(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        String queue = t.queue("made");
        Orders.make(t, "queues", Map.of("name", queue, "forwardTo", topic.name()));
        t.send(queue, Scene.text("x"));
        t.hasBodies(t.receive(topic.receiver("one"), 1), "x");
        t.hasBodies(t.receive(topic.receiver("two"), 1), "x");
    }

    private static void deadLetters(Scene t) throws Exception {
        String queue = t.queue("plain");
        Topic topic = Topic.of(t).subscribe("one", Map.of("forwardDeadLetteredMessagesTo", queue));
        topic.send(Scene.text("bad"));
        ServiceBusReceiverClient receiver = topic.receiver("one");
        receiver.deadLetter(t.receiveOne(receiver), new DeadLetterOptions().setDeadLetterReason("why"));
        ServiceBusReceivedMessage m = t.receiveOne(t.receiver(queue));
        t.same(m.getDeadLetterReason(), "why", "reason");
        t.same(m.getDeadLetterSource(), topic.name() + "/Subscriptions/one", "source");
    }

    private static void tooFar(Scene t) throws Exception {
        Topic next = Topic.with(t, "one");
        Topic last = next;
        Topic first = next;
        for (int i = 0; i < 5; i++) {
            first = Topic.of(t).subscribe("one", Map.of("forwardTo", next.name()));
            if (i == 0) {
                last = first;
            }
            next = first;
        }
        first.send(Scene.text("far"));
        ServiceBusReceiverClient transfer =
            last.receiver(t.builder(), "one", options -> options.subQueue(SubQueue.TRANSFER_DEAD_LETTER_QUEUE));
        t.same(t.receiveOne(transfer).getDeadLetterReason(), "MaxTransferHopCountExceeded", "reason");
    }

    private static void publishes(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        ServiceBusSenderClient sender = topic.sender();
        ServiceBusTransactionContext transaction = sender.createTransaction();
        sender.sendMessage(Scene.text("one"), transaction);
        sender.sendMessages(List.of(Scene.text("two"), Scene.text("three")), transaction);
        t.same(topic.bodies("one"), List.of(), "messages before the commit");
        sender.commitTransaction(transaction);
        t.same(List.of(topic.bodies("one"), topic.bodies("two")),
            List.of(List.of("one", "two", "three"), List.of("one", "two", "three")), "messages after the commit");
    }

    private static void rollsBack(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusSenderClient sender = topic.sender();
        ServiceBusTransactionContext transaction = sender.createTransaction();
        sender.sendMessage(Scene.text("never"), transaction);
        sender.rollbackTransaction(transaction);
        t.same(topic.bodies("one"), List.of(), "messages");
    }

    private static void answers(Scene t) throws Exception {
        Topic questions = Topic.with(t, "one");
        Topic answers = Topic.with(t, "one", "two");
        questions.send(Scene.text("question"));
        ServiceBusClientBuilder builder = t.builder(t.settings().connectionString()).enableCrossEntityTransactions();
        ServiceBusReceiverClient receiver = questions.receiver(builder, "one", options -> options);
        ServiceBusSenderClient sender = answers.sender(builder);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        sender.sendMessage(Scene.text("answer"), transaction);
        t.same(answers.bodies("one"), List.of(), "answers before the commit");
        receiver.commitTransaction(transaction);
        t.same(List.of(answers.bodies("one"), answers.bodies("two")), List.of(List.of("answer"), List.of("answer")), "answers");
        t.same(questions.bodies("one"), List.of(), "questions left");
    }

    private static void killed(Scene t) throws Exception {
        Topic questions = Topic.with(t, "one");
        Topic answers = Topic.with(t, "one", "two");
        questions.send(Scene.text("first"), Scene.text("second"));
        ServiceBusClientBuilder builder = t.builder(t.settings().connectionString()).enableCrossEntityTransactions();
        ServiceBusReceiverClient receiver = questions.receiver(builder, "one", options -> options);
        ServiceBusSenderClient sender = answers.sender(builder);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        for (ServiceBusReceivedMessage m : messages) {
            ServiceBusTransactionContext transaction = receiver.createTransaction();
            receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
            sender.sendMessage(Scene.text("answer to " + m.getBody()), transaction);
            if (m == messages.get(0)) {
                receiver.commitTransaction(transaction);
            }
        }
        Connections.order(t, "/kill");
        t.same(questions.bodies("one"), List.of("second"), "questions left");
        t.same(List.of(answers.bodies("one"), answers.bodies("two")), List.of(List.of("answer to first"), List.of("answer to first")),
            "answers");
    }
}
