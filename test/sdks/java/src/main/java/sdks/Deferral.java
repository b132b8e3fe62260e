package sdks;

import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.DeferOptions;
import com.azure.messaging.servicebus.models.ServiceBusMessageState;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;

final class Deferral {
    static final List<Case> CASES = List.of(
        new Case("a deferred message comes only by its sequence number", Deferral::deferred),
        new Case("a deferred message is abandoned, deferred again and dead-lettered", Deferral::settled),
        new Case("a deferred message is received and deleted", Deferral::deleted),
        new Case("a deferred message that does not exist is not found", Deferral::unknown));

    private Deferral() {
    }

    /** Sends one message and defers it; returns its sequence number. */
    static long deferOne(Scene t, String queue) {
        t.send(queue, Scene.text("put aside"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        receiver.defer(m, new DeferOptions().setPropertiesToModify(Map.of("why", "later")));
        return m.getSequenceNumber();
    }

    private static void deferred(Scene t) {
        String queue = t.queue("plain");
        long number = deferOne(t, queue);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.empty(receiver, "the queue");
        List<ServiceBusReceivedMessage> messages = receiver.receiveDeferredMessageBatch(List.of(number)).stream().toList();
        t.hasBodies(messages, "put aside");
        ServiceBusReceivedMessage m = messages.get(0);
        t.same(m.getApplicationProperties().get("why"), "later", "property");
        t.same(m.getDeliveryCount(), 1L, "delivery count");
        t.same(m.getState(), ServiceBusMessageState.DEFERRED, "state");
        t.check(m.getLockedUntil().isAfter(OffsetDateTime.now()), "locked until " + m.getLockedUntil());
        receiver.renewMessageLock(m);
        receiver.complete(m);
        t.same(Scene.peek(receiver, 1).size(), 0, "number of messages left");
    }

    private static void settled(Scene t) {
        String queue = t.queue("plain");
        long number = deferOne(t, queue);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        receiver.abandon(receiver.receiveDeferredMessage(number));
        t.empty(receiver, "the queue");
        receiver.defer(receiver.receiveDeferredMessage(number));
        receiver.deadLetter(receiver.receiveDeferredMessage(number), new DeadLetterOptions().setDeadLetterReason("why"));
        t.same(t.receiveOne(t.deadLetters(queue)).getDeadLetterReason(), "why", "reason");
    }

    private static void deleted(Scene t) {
        String queue = t.queue("plain");
        long number = deferOne(t, queue);
        t.same(t.deleter(queue).receiveDeferredMessage(number).getBody().toString(), "put aside", "body");
        t.same(Scene.peek(t.receiver(queue), 1).size(), 0, "number of messages left");
    }

    private static void unknown(Scene t) {
        String queue = t.queue("plain");
        ServiceBusReceiverClient receiver = t.receiver(queue);
        // The client takes the answer 404 for an empty one.
        t.same(receiver.receiveDeferredMessageBatch(List.of(987_654L)).stream().count(), 0L, "number of messages");
        t.send(queue, Scene.text("still usable"));
        t.hasBodies(t.receive(receiver, 1), "still usable");
    }
}
