package sdks;

import com.azure.core.amqp.AmqpRetryMode;
import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.core.amqp.AmqpTransportType;
import com.azure.core.util.BinaryData;
import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusMessageBatch;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusSessionReceiverClient;
import com.azure.messaging.servicebus.ServiceBusTransactionContext;
import com.azure.messaging.servicebus.models.CompleteOptions;
import com.azure.messaging.servicebus.models.SubQueue;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** The same behaviour in TLS, and over WebSockets, which this client always speaks in TLS. `Trust` makes it trust the broker's authority. */
final class Transports {
    static final List<Case> CASES = forEach(
        new Over("send, batch, receive, every settlement, renewal, peek and deferral", Transports::everything),
        new Over("large messages each way", Transports::large),
        new Over("sessions, their state, and scheduled messages", Transports::sessions),
        new Over("a topic, its subscriptions and their rules", Transports::topic),
        new Over("transactions", Transports::transactions),
        new Over("a wrong key and an unknown queue", Transports::refused));

    /** These end the connections of everybody. */
    static final List<Case> RESTARTS = forEach(new Over("a sender and a receiver go on after a cut and after a kill", Transports::disturbed));

    private Transports() {
    }

    /** A behaviour over either transport. */
    private record Over(String name, Steps steps) {
        @FunctionalInterface
        interface Steps {
            void run(Scene t, AmqpTransportType transport) throws Exception;
        }
    }

    private static List<Case> forEach(Over... cases) {
        return Arrays.stream(cases).flatMap(c -> Stream.of(
            new Case("TLS: " + c.name(), t -> c.steps().run(t, AmqpTransportType.AMQP)),
            new Case("WebSockets: " + c.name(), t -> c.steps().run(t, AmqpTransportType.AMQP_WEB_SOCKETS)))).toList();
    }

    private static ServiceBusClientBuilder builder(Scene t, AmqpTransportType transport) {
        return t.builder(t.settings().secure()).transportType(transport);
    }

    private static void everything(Scene t, AmqpTransportType transport) {
        String queue = t.queue("plain");
        ServiceBusClientBuilder builder = builder(t, transport);
        ServiceBusSenderClient sender = t.sender(builder, queue);
        sender.sendMessage(Scene.text("0"));
        ServiceBusMessageBatch batch = sender.createMessageBatch();
        Stream.of("1", "2", "3").forEach(body -> t.check(batch.tryAddMessage(Scene.text(body)), "the batch is full"));
        sender.sendMessages(batch);
        ServiceBusReceiverClient receiver = t.receiver(builder, queue, options -> options);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 4);
        t.hasBodies(messages, "0", "1", "2", "3");
        receiver.renewMessageLock(messages.get(0));
        receiver.complete(messages.get(0));
        receiver.abandon(messages.get(1));
        receiver.defer(messages.get(2));
        receiver.deadLetter(messages.get(3));
        t.hasBodies(t.receive(receiver, 1), "1");
        receiver.complete(receiver.receiveDeferredMessage(messages.get(2).getSequenceNumber()));
        t.hasBodies(Scene.peek(receiver, 10), "1");
        t.hasBodies(t.receive(t.receiver(builder, queue, options -> options.subQueue(SubQueue.DEAD_LETTER_QUEUE)), 1), "3");
    }

    private static void large(Scene t, AmqpTransportType transport) {
        String queue = t.queue("large");
        ServiceBusClientBuilder builder = builder(t, transport);
        ServiceBusSenderClient sender = t.sender(builder, queue);
        ServiceBusReceiverClient receiver = t.receiver(builder, queue, options -> options);
        for (int size : List.of(300_000, 5_000_000)) {
            byte[] body = new byte[size];
            for (int i = 0; i < size; i++) {
                body[i] = (byte) (i * 7);
            }
            sender.sendMessage(new ServiceBusMessage(BinaryData.fromBytes(body)));
            ServiceBusReceivedMessage m = t.receiveOne(receiver);
            t.check(Arrays.equals(m.getBody().toBytes(), body), "the body of " + size + " bytes is not the same");
            receiver.complete(m);
        }
    }

    private static void sessions(Scene t, AmqpTransportType transport) {
        String queue = t.queue("session");
        ServiceBusClientBuilder builder = builder(t, transport);
        ServiceBusSenderClient sender = t.sender(builder, queue);
        List<Long> numbers = new ArrayList<>();
        OffsetDateTime when = OffsetDateTime.now().plusSeconds(2);
        sender.scheduleMessages(List.of(Scene.textIn("a", "0"), Scene.textIn("a", "1")), when).forEach(numbers::add);
        sender.cancelScheduledMessage(numbers.get(0));
        ServiceBusSessionReceiverClient acceptor = t.acceptor(builder, queue, options -> options);
        ServiceBusReceiverClient receiver = t.closing(acceptor.acceptNextSession());
        receiver.setSessionState("state".getBytes());
        t.same(new String(receiver.getSessionState()), "state", "state");
        t.hasBodies(t.receive(receiver, 1), "1");
    }

    private static void topic(Scene t, AmqpTransportType transport) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        ServiceBusClientBuilder builder = builder(t, transport);
        t.closing(builder.ruleManager().topicName(topic.name()).subscriptionName("two").buildClient()).deleteRule("$Default");
        topic.sender(builder).sendMessage(Scene.text("x"));
        t.hasBodies(t.receive(topic.receiver(builder, "one", options -> options), 1), "x");
        t.same(topic.bodies("two"), List.of(), "messages of the subscription without rules");
    }

    private static void transactions(Scene t, AmqpTransportType transport) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("question"));
        ServiceBusClientBuilder builder = builder(t, transport);
        ServiceBusReceiverClient receiver = t.receiver(builder, queue, options -> options);
        ServiceBusSenderClient sender = t.sender(builder, queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        ServiceBusTransactionContext transaction = receiver.createTransaction();
        receiver.complete(m, new CompleteOptions().setTransactionContext(transaction));
        sender.sendMessage(Scene.text("answer"), transaction);
        receiver.commitTransaction(transaction);
        t.hasBodies(Scene.peek(t.receiver(queue), 10), "answer");
    }

    private static void refused(Scene t, AmqpTransportType transport) throws Exception {
        String wrong = t.settings().secure().replace("SharedAccessKey=", "SharedAccessKey=x");
        ServiceBusClientBuilder stranger = t.builder(wrong).transportType(transport);
        t.refused(ServiceBusFailureReason.UNAUTHORIZED, () -> t.sender(stranger, t.queue("plain")).sendMessage(Scene.text("x")));
        t.refused(ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND,
            () -> t.sender(builder(t, transport), t.settings().prefix() + "nowhere").sendMessage(Scene.text("x")));
    }

    private static void disturbed(Scene t, AmqpTransportType transport) throws Exception {
        String queue = t.queue("plain");
        ServiceBusClientBuilder builder = builder(t, transport).retryOptions(new AmqpRetryOptions().setMode(AmqpRetryMode.FIXED)
            .setMaxRetries(10).setDelay(Duration.ofMillis(300)).setTryTimeout(Duration.ofSeconds(20)));
        ServiceBusSenderClient sender = t.sender(builder, queue);
        ServiceBusReceiverClient receiver = t.receiver(builder, queue, options -> options);
        for (String disturbance : List.of("/cut", "/kill")) {
            sender.sendMessage(Scene.text("before " + disturbance));
            receiver.complete(t.receiveOne(receiver));
            Connections.order(t, disturbance);
            sender.sendMessage(Scene.text("after " + disturbance));
            ServiceBusReceivedMessage m = t.receiveOne(receiver);
            t.same(m.getBody().toString(), "after " + disturbance, "body");
            receiver.complete(m);
        }
    }
}
