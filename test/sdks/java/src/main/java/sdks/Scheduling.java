package sdks;

import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.models.ServiceBusMessageState;
import com.azure.core.util.BinaryData;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

final class Scheduling {
    static final List<Case> CASES = List.of(
        new Case("scheduled messages come at their time, with new sequence numbers", Scheduling::come),
        new Case("a message sent with a time is scheduled", Scheduling::bySend),
        new Case("a scheduled message can be peeked and cancelled", Scheduling::cancelled),
        new Case("an oversize message is not scheduled", Scheduling::oversize),
        new Case("a scheduled message of a session comes", Scheduling::inSession));

    private Scheduling() {
    }

    private static void come(Scene t) {
        String queue = t.queue("plain");
        OffsetDateTime when = OffsetDateTime.now().plusSeconds(2).truncatedTo(ChronoUnit.MILLIS);
        List<Long> numbers = new ArrayList<>();
        t.sender(queue).scheduleMessages(Scene.texts(2), when).forEach(numbers::add);
        t.same(numbers.size(), 2, "number of sequence numbers");
        List<ServiceBusReceivedMessage> messages = t.receive(t.receiver(queue), 2);
        // The clock of the broker is this machine's, too.
        t.check(!OffsetDateTime.now().isBefore(when), "came early");
        ServiceBusReceivedMessage m = messages.get(0);
        t.check(!numbers.contains(m.getSequenceNumber()), "the sequence number is still " + m.getSequenceNumber());
        t.check(m.getScheduledEnqueueTime().isEqual(when), "scheduled for " + when + ", says " + m.getScheduledEnqueueTime());
        t.check(!m.getEnqueuedTime().isBefore(when), "enqueued at " + m.getEnqueuedTime() + ", scheduled for " + when);
        t.same(m.getState(), ServiceBusMessageState.SCHEDULED, "state");
    }

    private static void bySend(Scene t) {
        String queue = t.queue("plain");
        OffsetDateTime when = OffsetDateTime.now().plusSeconds(2);
        ServiceBusSenderClient sender = t.sender(queue);
        sender.sendMessages(List.of(Scene.text("later").setScheduledEnqueueTime(when), Scene.text("now")));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.hasBodies(t.receive(receiver, 1), "now");
        t.hasBodies(t.receive(receiver, 1), "later");
        t.check(!OffsetDateTime.now().isBefore(when), "came early");
    }

    private static void cancelled(Scene t) {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        OffsetDateTime when = OffsetDateTime.now().plusHours(1);
        List<Long> numbers = new ArrayList<>();
        sender.scheduleMessages(Scene.texts(3), when).forEach(numbers::add);
        long single = sender.scheduleMessage(Scene.text("single"), when);
        List<ServiceBusReceivedMessage> peeked = Scene.peek(receiver, 10);
        t.hasBodies(peeked, "message 0", "message 1", "message 2", "single");
        t.same(peeked.get(3).getState(), ServiceBusMessageState.SCHEDULED, "state");
        t.same(peeked.get(3).getSequenceNumber(), single, "sequence number");
        sender.cancelScheduledMessage(single);
        sender.cancelScheduledMessages(numbers.subList(0, 2));
        // The client takes this for done.
        sender.cancelScheduledMessage(single);
        t.hasBodies(receiver.peekMessages(10, 0).stream().toList(), "message 2");
    }

    private static void oversize(Scene t) throws Exception {
        String queue = t.queue("small");
        ServiceBusMessage large = new ServiceBusMessage(BinaryData.fromBytes(new byte[17 * 1024]));
        t.refused(ServiceBusFailureReason.MESSAGE_SIZE_EXCEEDED,
            () -> t.sender(queue).scheduleMessage(large, OffsetDateTime.now().plusHours(1)));
    }

    private static void inSession(Scene t) {
        String queue = t.queue("session");
        t.sender(queue).scheduleMessage(Scene.textIn("a", "later"), OffsetDateTime.now().plusSeconds(1));
        ServiceBusReceiverClient receiver = t.nextSession(queue);
        t.same(receiver.getSessionId(), "a", "session id");
        t.hasBodies(t.receive(receiver, 1), "later");
    }
}
