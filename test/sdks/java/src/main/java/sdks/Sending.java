package sdks;

import com.azure.core.util.BinaryData;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusMessageBatch;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.models.ServiceBusMessageState;
import java.net.URI;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

final class Sending {
    static final List<Case> CASES = List.of(
        new Case("a message arrives with every field", Sending::everyField),
        new Case("application properties keep their types", Sending::propertyTypes),
        new Case("a message of many frames arrives whole", Sending::manyFrames),
        new Case("a message larger than the queue allows is refused, and the link lives on", Sending::oversize),
        new Case("a queue for large messages takes one of 5 MiB", Sending::largeMessage),
        new Case("a list of messages arrives whole and in order", Sending::list),
        new Case("a batch takes as much as the link says and can be sent full", Sending::fullBatch),
        new Case("a second message with the same id is accepted and dropped", Sending::duplicates));

    private Sending() {
    }

    private static void everyField(Scene t) {
        String queue = t.queue("plain");
        OffsetDateTime before = OffsetDateTime.now().minusMinutes(1);
        t.send(queue, Scene.text("hello").setMessageId("id-1").setContentType("text/plain").setCorrelationId("c-1").setSubject("subject")
            .setTo("somebody").setReplyTo("answers").setReplyToSessionId("rs").setPartitionKey("pk").setTimeToLive(Duration.ofHours(1)));
        ServiceBusReceivedMessage m = t.receiveOne(t.receiver(queue));
        t.same(m.getBody().toString(), "hello", "body");
        t.same(m.getMessageId(), "id-1", "message id");
        t.same(m.getContentType(), "text/plain", "content type");
        t.same(m.getCorrelationId(), "c-1", "correlation id");
        t.same(m.getSubject(), "subject", "subject");
        t.same(m.getTo(), "somebody", "to");
        t.same(m.getReplyTo(), "answers", "reply to");
        t.same(m.getReplyToSessionId(), "rs", "reply to session");
        t.same(m.getPartitionKey(), "pk", "partition key");
        t.same(m.getTimeToLive(), Duration.ofHours(1), "time to live");
        t.same(m.getExpiresAt(), m.getEnqueuedTime().plusHours(1), "expiry");
        t.check(m.getSequenceNumber() > 0, "sequence number " + m.getSequenceNumber());
        t.same(m.getEnqueuedSequenceNumber(), m.getSequenceNumber(), "enqueued sequence number");
        t.check(m.getEnqueuedTime().isAfter(before), "enqueued at " + m.getEnqueuedTime());
        t.check(m.getLockedUntil().isAfter(OffsetDateTime.now().plusSeconds(30)), "locked until " + m.getLockedUntil());
        t.check(m.getLockToken() != null && UUID.fromString(m.getLockToken()).version() >= 0, "lock token " + m.getLockToken());
        t.same(m.getDeliveryCount(), 0L, "delivery count");
        t.same(m.getState(), ServiceBusMessageState.ACTIVE, "state");
        t.same(m.getSessionId(), null, "session id");
        t.same(m.getScheduledEnqueueTime(), null, "scheduled time");
        t.same(m.getDeadLetterReason(), null, "dead-letter reason");
    }

    private static void propertyTypes(Scene t) {
        String queue = t.queue("plain");
        Map<String, Object> sent = new HashMap<>();
        sent.put("text", "grün");
        sent.put("yes", true);
        sent.put("byte", (byte) -8);
        sent.put("short", (short) -300);
        sent.put("int", -7);
        sent.put("long", 1L << 40);
        sent.put("float", 0.5f);
        sent.put("double", 2.5);
        sent.put("char", 'x');
        sent.put("uuid", UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        // These three are described types on the wire.
        sent.put("when", OffsetDateTime.of(2026, 1, 2, 3, 4, 5, 6_000_000, ZoneOffset.UTC));
        sent.put("span", Duration.ofSeconds(90));
        sent.put("uri", URI.create("http://example.com/x"));
        ServiceBusMessage message = Scene.text("properties");
        message.getApplicationProperties().putAll(sent);
        t.send(queue, message);
        Map<String, Object> got = t.receiveOne(t.receiver(queue)).getApplicationProperties();
        sent.forEach((name, value) -> t.same(got.get(name), value, "property " + name));
        t.same(got.size(), sent.size(), "number of properties");
    }

    private static void manyFrames(Scene t) {
        String queue = t.queue("plain");
        byte[] body = new byte[240 * 1024];
        for (int i = 0; i < body.length; i++) {
            body[i] = (byte) (i * 31);
        }
        t.send(queue, new ServiceBusMessage(BinaryData.fromBytes(body)));
        t.check(Arrays.equals(t.receiveOne(t.receiver(queue)).getBody().toBytes(), body), "the body is another");
    }

    private static void oversize(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        t.refused(ServiceBusFailureReason.MESSAGE_SIZE_EXCEEDED,
            () -> sender.sendMessage(new ServiceBusMessage(BinaryData.fromBytes(new byte[300 * 1024]))));
        sender.sendMessage(Scene.text("small"));
        t.hasBodies(t.receive(t.receiver(queue), 1), "small");
    }

    private static void largeMessage(Scene t) {
        String queue = t.queue("large");
        byte[] body = new byte[5 * 1024 * 1024];
        Arrays.fill(body, (byte) 7);
        t.send(queue, new ServiceBusMessage(BinaryData.fromBytes(body)));
        t.check(Arrays.equals(t.receiveOne(t.receiver(queue)).getBody().toBytes(), body), "the body is another");
    }

    private static void list(Scene t) {
        String queue = t.queue("plain");
        List<ServiceBusMessage> messages = Scene.texts(50);
        for (int i = 0; i < 50; i++) {
            messages.get(i).getApplicationProperties().put("number", i);
        }
        t.sender(queue).sendMessages(messages);
        List<ServiceBusReceivedMessage> got = t.receive(t.receiver(queue), 50);
        for (int i = 0; i < 50; i++) {
            t.same(got.get(i).getBody().toString(), "message " + i, "body");
            t.same(got.get(i).getApplicationProperties().get("number"), i, "number");
        }
    }

    private static void fullBatch(Scene t) {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusMessageBatch batch = sender.createMessageBatch();
        int count = 0;
        while (count < 1000 && batch.tryAddMessage(new ServiceBusMessage(BinaryData.fromBytes(new byte[4 * 1024])))) {
            count++;
        }
        t.same(batch.getMaxSizeInBytes(), 256 * 1024, "largest batch");
        t.check(batch.getSizeInBytes() > 250 * 1024, "the batch is full with " + batch.getSizeInBytes() + " bytes");
        sender.sendMessages(batch);
        t.receive(t.receiver(queue), count);
    }

    private static void duplicates(Scene t) {
        String queue = t.queue("duplicates");
        ServiceBusSenderClient sender = t.sender(queue);
        sender.sendMessage(Scene.text("first").setMessageId("a"));
        sender.sendMessage(Scene.text("second").setMessageId("a"));
        List<ServiceBusMessage> more = new ArrayList<>();
        more.add(Scene.text("third").setMessageId("a"));
        more.add(Scene.text("fourth").setMessageId("b"));
        more.add(Scene.text("fifth").setMessageId("b"));
        sender.sendMessages(more);
        var receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        t.hasBodies(messages, "first", "fourth");
        receiver.complete(messages.get(0));
        sender.sendMessage(Scene.text("sixth").setMessageId("a"));
        t.empty(receiver, "the queue");
    }
}
