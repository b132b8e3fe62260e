package sdks;

import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.models.AbandonOptions;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

final class Settling {
    static final List<Case> CASES = List.of(
        new Case("complete removes the message", Settling::completes),
        new Case("abandon returns the message with changed properties and counts the delivery", Settling::abandons),
        new Case("dead-letter moves the message with reason, description and properties", Settling::deadLetters),
        new Case("dead-letter without a reason", Settling::deadLettersPlainly),
        new Case("a message is settled after the link that brought it is closed", Settling::afterClose),
        new Case("every settlement works from another client", Settling::fromElsewhere),
        new Case("many messages are settled at the same time", Settling::many),
        new Case("a message that was abandoned too often is dead-lettered", Settling::deliveryCountExceeded),
        new Case("messages of the dead-letter queue are peeked, received, deferred and completed", Settling::deadLetterQueue));

    private Settling() {
    }

    private static void completes(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("one"), Scene.text("two"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.receive(receiver, 2).forEach(receiver::complete);
        t.same(Scene.peek(t.receiver(queue), 10).size(), 0, "number of messages left");
    }

    private static void abandons(Scene t) {
        String queue = t.queue("plain");
        var message = Scene.text("body");
        message.getApplicationProperties().put("kept", "old");
        message.getApplicationProperties().put("changed", "old");
        t.send(queue, message);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusReceivedMessage first = t.receiveOne(receiver);
        receiver.abandon(first, new AbandonOptions().setPropertiesToModify(Map.of("changed", "new", "added", 5L)));
        ServiceBusReceivedMessage second = t.receiveOne(receiver);
        t.same(second.getApplicationProperties(), Map.of("kept", "old", "changed", "new", "added", 5L), "properties");
        t.same(second.getDeliveryCount(), 1L, "delivery count");
        t.same(second.getSequenceNumber(), first.getSequenceNumber(), "sequence number");
        t.check(!second.getLockToken().equals(first.getLockToken()), "the lock token is the same again");
        receiver.abandon(second);
        t.same(t.receiveOne(receiver).getDeliveryCount(), 2L, "delivery count");
    }

    private static void deadLetters(Scene t) {
        String queue = t.queue("plain");
        var message = Scene.text("bad").setMessageId("m");
        message.getApplicationProperties().put("kept", "old");
        t.send(queue, message);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusReceivedMessage sent = t.receiveOne(receiver);
        receiver.deadLetter(sent, new DeadLetterOptions().setDeadLetterReason("why").setDeadLetterErrorDescription("at length")
            .setPropertiesToModify(Map.of("added", "new")));
        t.empty(receiver, "the queue");
        ServiceBusReceivedMessage m = t.receiveOne(t.deadLetters(queue));
        t.same(m.getBody().toString(), "bad", "body");
        t.same(m.getMessageId(), "m", "message id");
        t.same(m.getDeadLetterReason(), "why", "reason");
        t.same(m.getDeadLetterErrorDescription(), "at length", "description");
        t.same(m.getApplicationProperties().get("kept"), "old", "property kept");
        t.same(m.getApplicationProperties().get("added"), "new", "property added");
        t.same(m.getSequenceNumber(), sent.getSequenceNumber(), "sequence number");
    }

    private static void deadLettersPlainly(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("bad"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        receiver.deadLetter(t.receiveOne(receiver));
        ServiceBusReceivedMessage m = t.receiveOne(t.deadLetters(queue));
        t.same(m.getBody().toString(), "bad", "body");
        t.same(m.getDeadLetterReason(), null, "reason");
    }

    private static void afterClose(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("one"), Scene.text("two"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        receiver.close();
        ServiceBusReceiverClient other = t.receiver(queue);
        other.complete(messages.get(0));
        other.abandon(messages.get(1));
        ServiceBusReceivedMessage again = t.receiveOne(other);
        t.same(again.getBody().toString(), "two", "body");
        t.same(again.getDeliveryCount(), 1L, "delivery count");
        t.empty(other, "the queue");
    }

    private static void fromElsewhere(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("complete"), Scene.text("abandon"), Scene.text("defer"), Scene.text("dead-letter"));
        List<ServiceBusReceivedMessage> messages = t.receive(t.receiver(queue), 4);
        ServiceBusReceiverClient other = t.receiver(t.builder(t.settings().connectionString()), queue, options -> options);
        t.check(other.renewMessageLock(messages.get(0)).isAfter(messages.get(0).getLockedUntil()), "the lock was not renewed");
        other.complete(messages.get(0));
        other.abandon(messages.get(1), new AbandonOptions().setPropertiesToModify(Map.of("added", "a")));
        other.defer(messages.get(2));
        other.deadLetter(messages.get(3), new DeadLetterOptions().setDeadLetterReason("why").setPropertiesToModify(Map.of("added", "l")));
        ServiceBusReceivedMessage abandoned = t.receiveOne(other);
        t.same(abandoned.getBody().toString(), "abandon", "body");
        t.same(abandoned.getApplicationProperties().get("added"), "a", "property added");
        t.same(other.receiveDeferredMessage(messages.get(2).getSequenceNumber()).getBody().toString(), "defer", "deferred body");
        ServiceBusReceivedMessage dead = t.receiveOne(t.deadLetters(queue));
        t.same(dead.getDeadLetterReason(), "why", "reason");
        t.same(dead.getApplicationProperties().get("added"), "l", "property added");
        t.empty(other, "the queue");
    }

    private static void many(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(200));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 200);
        Stream<ServiceBusReceivedMessage> atOnce = messages.parallelStream();
        atOnce.forEach(receiver::complete);
        t.empty(receiver, "the queue");
    }

    private static void deliveryCountExceeded(Scene t) {
        String queue = t.queue("short-lock"); // three deliveries
        t.send(queue, Scene.text("bad"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        for (long delivery = 0; delivery < 3; delivery++) {
            ServiceBusReceivedMessage m = t.receiveOne(receiver);
            t.same(m.getDeliveryCount(), delivery, "delivery count");
            receiver.abandon(m);
        }
        ServiceBusReceivedMessage dead = t.receiveOne(t.deadLetters(queue));
        t.same(dead.getDeadLetterReason(), "MaxDeliveryCountExceeded", "reason");
        t.check(!dead.getDeadLetterErrorDescription().isEmpty(), "no description");
        t.empty(receiver, "the queue");
    }

    private static void deadLetterQueue(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(3));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.receive(receiver, 3).forEach(m -> receiver.deadLetter(m, new DeadLetterOptions().setDeadLetterReason("why")));
        ServiceBusReceiverClient dead = t.deadLetters(queue);
        t.hasBodies(Scene.peek(dead, 10), "message 0", "message 1", "message 2");
        List<ServiceBusReceivedMessage> messages = t.receive(dead, 3);
        dead.complete(messages.get(0));
        dead.abandon(messages.get(1));
        dead.defer(messages.get(2));
        ServiceBusReceivedMessage again = t.receiveOne(dead);
        t.same(again.getBody().toString(), "message 1", "body");
        t.same(again.getDeadLetterReason(), "why", "reason");
        dead.renewMessageLock(again);
        dead.complete(again);
        dead.complete(dead.receiveDeferredMessage(messages.get(2).getSequenceNumber()));
        t.empty(dead, "the dead-letter queue");
    }
}
