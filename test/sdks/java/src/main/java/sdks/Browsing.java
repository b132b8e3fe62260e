package sdks;

import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.models.ServiceBusMessageState;
import java.time.OffsetDateTime;
import java.util.List;

final class Browsing {
    static final List<Case> CASES = List.of(
        new Case("peek shows active, locked, deferred and scheduled messages and locks none", Browsing::all),
        new Case("peek continues where it was and begins where it is told", Browsing::continues),
        new Case("peek of an empty queue shows nothing", t -> {
            String queue = t.queue("plain");
            t.same(t.receiver(queue).peekMessage(), null, "the message");
            t.same(Scene.peek(t.receiver(queue), 5).size(), 0, "number of messages");
        }));

    private Browsing() {
    }

    private static void all(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("deferred"), Scene.text("locked"), Scene.text("active"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        receiver.defer(t.receive(receiver, 2).get(0));
        t.sender(queue).scheduleMessage(Scene.text("scheduled"), OffsetDateTime.now().plusHours(1));
        List<ServiceBusReceivedMessage> peeked = Scene.peek(receiver, 10);
        t.hasBodies(peeked, "deferred", "locked", "active", "scheduled");
        t.same(peeked.stream().map(ServiceBusReceivedMessage::getState).toList(), List.of(ServiceBusMessageState.DEFERRED,
            ServiceBusMessageState.ACTIVE, ServiceBusMessageState.ACTIVE, ServiceBusMessageState.SCHEDULED), "states");
        t.same(peeked.get(2).getLockedUntil(), null, "lock of a peeked message");
        t.hasBodies(t.receive(receiver, 1), "active");
    }

    private static void continues(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(10));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> first = Scene.peek(receiver, 4);
        t.hasBodies(first, "message 0", "message 1", "message 2", "message 3");
        t.same(receiver.peekMessage().getBody().toString(), "message 4", "the next");
        long number = first.get(2).getSequenceNumber();
        t.hasBodies(receiver.peekMessages(2, number).stream().toList(), "message 2", "message 3");
        t.same(receiver.peekMessage(number).getBody().toString(), "message 2", "the one of that number");
    }
}
