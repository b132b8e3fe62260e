package sdks;

import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;

/** Queues whose messages live two seconds. */
final class Expiry {
    static final List<Case> CASES = List.of(
        new Case("an expired message is dead-lettered, and a longer time to live is cut", Expiry::toDeadLetters),
        new Case("an expired message is dropped where the queue says so", Expiry::toNothing),
        new Case("a message expires by its own time to live", Expiry::byItself));

    private Expiry() {
    }

    private static void toDeadLetters(Scene t) {
        String queue = t.queue("expiring");
        t.send(queue, Scene.text("default"), Scene.text("longer").setTimeToLive(Duration.ofHours(1)));
        List<ServiceBusReceivedMessage> messages = t.receive(t.deadLetters(queue), 2);
        t.hasBodies(messages, "default", "longer");
        for (ServiceBusReceivedMessage m : messages) {
            t.same(m.getDeadLetterReason(), "TTLExpiredException", "reason");
            t.same(m.getDeadLetterErrorDescription(), "The message expired and was dead lettered.", "description");
        }
        t.empty(t.receiver(queue), "the queue");
    }

    private static void toNothing(Scene t) throws Exception {
        String queue = t.queue("dropping");
        t.send(queue, Scene.text("default"));
        Scene.waitUntil(OffsetDateTime.now().plusNanos(2_200_000_000L));
        t.empty(t.receiver(queue), "the queue");
        t.empty(t.deadLetters(queue), "the dead-letter queue");
    }

    private static void byItself(Scene t) throws Exception {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("short").setTimeToLive(Duration.ofMillis(500)), Scene.text("long"));
        Scene.waitUntil(OffsetDateTime.now().plusNanos(700_000_000L));
        t.hasBodies(t.receive(t.receiver(queue), 1), "long");
        t.empty(t.deadLetters(queue), "the dead-letter queue");
    }
}
