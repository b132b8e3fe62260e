package sdks;

import com.azure.core.util.BinaryData;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusMessageBatch;
import com.azure.messaging.servicebus.ServiceBusProcessorClient;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.ServiceBusMessageState;
import com.azure.messaging.servicebus.models.ServiceBusReceiveMode;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Messages sent to a topic and received from its subscriptions. */
final class Topics {
    static final List<Case> CASES = List.of(
        new Case("topic: every subscription gets a copy with every property, and numbers it by itself", Topics::copies),
        new Case("topic: a message without a subscription is accepted and gone", Topics::nobody),
        new Case("topic: a batch filled to its limit", Topics::batch),
        new Case("topic: an oversize message is refused", Topics::oversize),
        new Case("subscription: receive and delete", Topics::deletes),
        new Case("subscription: complete, abandon, defer and dead-letter, each for itself alone", Topics::settles),
        new Case("subscription: a lock is renewed, and one that runs out counts", Topics::locks),
        new Case("subscription: after its deliveries a message is dead-lettered there", Topics::tooOften),
        new Case("subscription: peek shows active, locked and deferred messages", Topics::peeks),
        new Case("subscription with sessions: by id and next, order, state, lock", Topics::sessions),
        new Case("subscription with sessions: a message without a session is dead-lettered there", Topics::withoutSession),
        new Case("subscription: a processor and a session processor work it off", Topics::processors),
        new Case("topic: scheduled messages come to every subscription and can be cancelled", Topics::schedules));

    private Topics() {
    }

    private static void copies(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        for (String body : List.of("first", "second")) {
            ServiceBusMessage message = Scene.textIn("session", body).setMessageId(body).setContentType("type")
                .setCorrelationId("correlation").setSubject("subject").setTo("to").setReplyTo("reply")
                .setReplyToSessionId("reply-session").setTimeToLive(Duration.ofMinutes(5));
            message.getApplicationProperties().putAll(Map.of("text", "green", "number", 7, "yes", true));
            topic.send(message);
        }
        for (String name : List.of("one", "two")) {
            ServiceBusReceiverClient receiver = topic.receiver(name);
            List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
            t.hasBodies(messages, "first", "second");
            ServiceBusReceivedMessage m = messages.get(1);
            t.same(List.of(m.getMessageId(), m.getContentType(), m.getCorrelationId(), m.getSubject(), m.getTo(), m.getReplyTo(),
                m.getSessionId(), m.getReplyToSessionId()),
                List.of("second", "type", "correlation", "subject", "to", "reply", "session", "reply-session"), "properties");
            t.same(m.getTimeToLive(), Duration.ofMinutes(5), "time to live");
            t.same(m.getApplicationProperties(), Map.of("text", "green", "number", 7, "yes", true), "own properties");
            t.same(List.of(m.getSequenceNumber(), m.getEnqueuedSequenceNumber(), m.getDeliveryCount()), List.of(2L, 2L, 0L), "numbers");
            messages.forEach(receiver::complete);
            t.same(topic.bodies(name), List.of(), "what is left");
        }
    }

    private static void nobody(Scene t) throws Exception {
        Topic topic = Topic.of(t);
        topic.send(Scene.text("nobody"));
        topic.subscribe("one", Map.of());
        topic.send(Scene.text("somebody"));
        t.same(topic.bodies("one"), List.of("somebody"), "messages");
    }

    private static void batch(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusSenderClient sender = topic.sender();
        ServiceBusMessageBatch batch = sender.createMessageBatch();
        while (batch.tryAddMessage(new ServiceBusMessage(BinaryData.fromBytes(new byte[10 * 1024])))) {
            t.check(batch.getCount() < 1000, "the batch has no limit");
        }
        sender.sendMessages(batch);
        t.same(topic.bodies("one").size(), batch.getCount(), "number of messages");
    }

    private static void oversize(Scene t) throws Exception {
        Topic topic = Topic.of(t, Map.of("maxMessageSizeInKilobytes", 16)).subscribe("one", Map.of());
        t.refused(ServiceBusFailureReason.MESSAGE_SIZE_EXCEEDED,
            () -> topic.sender().sendMessage(new ServiceBusMessage(BinaryData.fromBytes(new byte[17 * 1024]))));
        t.same(topic.bodies("one"), List.of(), "messages");
    }

    private static void deletes(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        topic.sender().sendMessages(Scene.texts(3));
        ServiceBusReceiverClient deleter =
            topic.receiver(t.builder(), "one", options -> options.receiveMode(ServiceBusReceiveMode.RECEIVE_AND_DELETE));
        t.hasBodies(t.receive(deleter, 3), "message 0", "message 1", "message 2");
        t.same(topic.bodies("one"), List.of(), "what is left");
        t.same(topic.bodies("two").size(), 3, "messages of the other subscription");
    }

    private static void settles(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        topic.sender().sendMessages(Scene.texts(4));
        ServiceBusReceiverClient receiver = topic.receiver("one");
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 4);
        receiver.complete(messages.get(0));
        receiver.abandon(messages.get(1));
        receiver.defer(messages.get(2));
        receiver.deadLetter(messages.get(3), new DeadLetterOptions().setDeadLetterReason("why").setDeadLetterErrorDescription("because"));
        ServiceBusReceivedMessage again = t.receiveOne(receiver);
        t.same(again.getBody().toString() + again.getDeliveryCount(), "message 11", "abandoned");
        ServiceBusReceivedMessage deferred = receiver.receiveDeferredMessage(messages.get(2).getSequenceNumber());
        t.same(deferred.getBody().toString(), "message 2", "deferred");
        receiver.complete(deferred);
        ServiceBusReceiverClient deadLetters = topic.deadLetters("one");
        ServiceBusReceivedMessage dead = t.receiveOne(deadLetters);
        t.same(List.of(dead.getDeadLetterReason(), dead.getDeadLetterErrorDescription()), List.of("why", "because"), "reason");
        deadLetters.complete(dead);
        t.same(Scene.peek(topic.deadLetters("one"), 5).size(), 0, "dead letters left");
        t.hasBodies(t.receive(topic.receiver("two"), 4), "message 0", "message 1", "message 2", "message 3");
    }

    private static void locks(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("lockDuration", "PT5S"));
        topic.send(Scene.text("kept"), Scene.text("lost"));
        ServiceBusReceiverClient receiver = topic.receiver(t.builder(), "one", options -> options.maxAutoLockRenewDuration(Duration.ZERO));
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        OffsetDateTime until = messages.get(0).getLockedUntil();
        Scene.waitUntil(until.minusSeconds(2));
        t.check(receiver.renewMessageLock(messages.get(0)).isAfter(until), "the lock was not renewed");
        ServiceBusReceivedMessage again = t.receiveOne(topic.receiver("one"));
        t.same(again.getBody().toString() + again.getDeliveryCount(), "lost1", "after its lock ran out");
        t.refused(ServiceBusFailureReason.MESSAGE_LOCK_LOST, () -> receiver.complete(messages.get(1)));
        receiver.complete(messages.get(0));
    }

    private static void tooOften(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("maxDeliveryCount", 2)).subscribe("two", Map.of());
        topic.send(Scene.text("bad"));
        ServiceBusReceiverClient receiver = topic.receiver("one");
        for (int i = 0; i < 2; i++) {
            receiver.abandon(t.receiveOne(receiver));
        }
        t.same(t.receiveOne(topic.deadLetters("one")).getDeadLetterReason(), "MaxDeliveryCountExceeded", "reason");
        t.same(t.receiveOne(topic.receiver("two")).getDeliveryCount(), 0L, "delivery count of the other subscription's");
    }

    private static void peeks(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        topic.sender().sendMessages(Scene.texts(3));
        ServiceBusReceiverClient receiver = topic.receiver("one");
        receiver.defer(t.receive(receiver, 2).get(0));
        List<ServiceBusReceivedMessage> peeked = Scene.peek(receiver, 10);
        t.hasBodies(peeked, "message 0", "message 1", "message 2");
        t.same(peeked.stream().map(ServiceBusReceivedMessage::getState).toList(),
            List.of(ServiceBusMessageState.DEFERRED, ServiceBusMessageState.ACTIVE, ServiceBusMessageState.ACTIVE), "states");
        t.hasBodies(receiver.peekMessages(2, 2).stream().toList(), "message 1", "message 2");
    }

    private static void sessions(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("requiresSession", true)).subscribe("plain", Map.of());
        topic.send(Scene.textIn("a", "one"), Scene.textIn("b", "two"), Scene.textIn("a", "three"));
        ServiceBusReceiverClient byId = topic.session("one", "a");
        t.hasBodies(t.receive(byId, 2), "one", "three");
        t.refused(ServiceBusFailureReason.SESSION_CANNOT_BE_LOCKED, () -> topic.session("one", "a"));
        ServiceBusReceiverClient next = topic.nextSession("one");
        t.same(next.getSessionId(), "b", "the next session");
        ServiceBusReceivedMessage m = t.receiveOne(next);
        t.check(next.renewSessionLock().isAfter(m.getLockedUntil()), "the lock was not renewed");
        next.setSessionState("half way".getBytes());
        t.same(new String(next.getSessionState()), "half way", "state");
        next.complete(m);
        t.empty(next, "the session");
        t.same(topic.bodies("plain").size(), 3, "messages of the subscription without sessions");
    }

    private static void withoutSession(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("requiresSession", true)).subscribe("plain", Map.of());
        topic.send(Scene.text("no session"));
        t.same(t.receiveOne(topic.deadLetters("one")).getDeadLetterReason(), "Session id is null.", "reason");
        t.same(topic.bodies("plain"), List.of("no session"), "messages of the subscription without sessions");
    }

    private static void processors(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("plain", Map.of()).subscribe("sessions", Map.of("requiresSession", true));
        for (int i = 0; i < 20; i++) {
            topic.send(Scene.textIn("s" + i % 3, "" + i));
        }
        Set<String> plain = ConcurrentHashMap.newKeySet();
        Set<String> inSessions = ConcurrentHashMap.newKeySet();
        try (
            ServiceBusProcessorClient one = t.builder().processor().topicName(topic.name()).subscriptionName("plain").maxConcurrentCalls(3)
                .processMessage(context -> plain.add(context.getMessage().getBody().toString())).processError(error -> { })
                .buildProcessorClient();
            ServiceBusProcessorClient two = t.builder().sessionProcessor().topicName(topic.name()).subscriptionName("sessions")
                .maxConcurrentSessions(2).sessionIdleTimeout(Duration.ofSeconds(1))
                .processMessage(context -> inSessions.add(context.getMessage().getBody().toString())).processError(error -> { })
                .buildProcessorClient()) {
            one.start();
            two.start();
            t.eventually("all messages are processed", () -> plain.size() == 20 && inSessions.size() == 20);
            t.eventually("all messages are completed", () -> topic.bodies("plain").isEmpty() && topic.bodies("sessions").isEmpty());
        }
    }

    private static void schedules(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one", "two");
        ServiceBusSenderClient sender = topic.sender();
        OffsetDateTime when = OffsetDateTime.now().plusSeconds(2).truncatedTo(ChronoUnit.MILLIS);
        List<Long> numbers = new ArrayList<>();
        sender.scheduleMessages(Scene.texts(3), when).forEach(numbers::add);
        sender.cancelScheduledMessage(numbers.get(1));
        sender.sendMessage(Scene.text("by property").setScheduledEnqueueTime(when));
        for (String name : List.of("one", "two")) {
            List<ServiceBusReceivedMessage> messages = t.receive(topic.receiver(name), 3);
            t.hasBodies(messages, "message 0", "message 2", "by property");
            t.check(!messages.get(0).getEnqueuedTime().isBefore(when), "enqueued at " + messages.get(0).getEnqueuedTime());
            t.same(messages.get(0).getState(), ServiceBusMessageState.SCHEDULED, "state");
        }
    }
}
