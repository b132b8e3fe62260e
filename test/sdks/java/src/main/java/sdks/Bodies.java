package sdks;

import com.azure.core.amqp.models.AmqpAnnotatedMessage;
import com.azure.core.amqp.models.AmqpMessageBody;
import com.azure.core.amqp.models.AmqpMessageBodyType;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

final class Bodies {
    static final List<Case> CASES = List.of(
        new Case("a body of one amqp-value is kept, whatever its type", Bodies::values),
        new Case("a body of an amqp-sequence is kept", Bodies::sequence),
        new Case("an empty body is kept", Bodies::empty),
        new Case("header, properties and delivery annotations are kept", Bodies::sections));

    private Bodies() {
    }

    private static void values(Scene t) {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<Object> list = new ArrayList<>(List.of("list", 1, true));
        for (Object value : List.of("text", "", -1L, 7, true, 1.5, UUID.randomUUID(), list, Map.of("key", "value"))) {
            sender.sendMessage(new ServiceBusMessage(AmqpMessageBody.fromValue(value)));
            ServiceBusReceivedMessage m = t.receiveOne(receiver);
            AmqpMessageBody body = m.getRawAmqpMessage().getBody();
            t.same(body.getBodyType(), AmqpMessageBodyType.VALUE, "kind of body");
            t.same(body.getValue(), value, "value");
            receiver.complete(m);
        }
    }

    private static void sequence(Scene t) {
        String queue = t.queue("plain");
        List<Object> sequence = new ArrayList<>(List.of("a", 1, 2L, true));
        t.send(queue, new ServiceBusMessage(AmqpMessageBody.fromSequence(sequence)));
        AmqpMessageBody body = t.receiveOne(t.receiver(queue)).getRawAmqpMessage().getBody();
        t.same(body.getBodyType(), AmqpMessageBodyType.SEQUENCE, "kind of body");
        t.same(body.getSequence(), sequence, "sequence");
    }

    private static void empty(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text(""));
        t.same(t.receiveOne(t.receiver(queue)).getBody().toString(), "", "body");
    }

    private static void sections(Scene t) {
        String queue = t.queue("plain");
        OffsetDateTime when = OffsetDateTime.of(2027, 1, 2, 3, 4, 5, 0, ZoneOffset.UTC);
        ServiceBusMessage message = Scene.text("body");
        AmqpAnnotatedMessage raw = message.getRawAmqpMessage();
        raw.getHeader().setDurable(true).setPriority((short) 7).setTimeToLive(Duration.ofHours(1)).setDeliveryCount(9L);
        raw.getProperties().setContentEncoding("encoding").setCreationTime(when).setGroupSequence(3L).setUserId("user".getBytes());
        raw.getDeliveryAnnotations().put("x-delivery", "annotation");
        t.send(queue, message);
        AmqpAnnotatedMessage got = t.receiveOne(t.receiver(queue)).getRawAmqpMessage();
        t.same(got.getHeader().isDurable(), true, "durable");
        t.same(got.getHeader().getPriority(), (short) 7, "priority");
        t.same(got.getHeader().getTimeToLive(), Duration.ofHours(1), "time to live");
        t.same(got.getHeader().getDeliveryCount(), 0L, "delivery count");
        t.same(got.getProperties().getContentEncoding(), "encoding", "content encoding");
        t.same(got.getProperties().getCreationTime(), when, "creation time");
        t.same(got.getProperties().getGroupSequence(), 3L, "group sequence");
        t.same(got.getProperties().getUserId(), "user".getBytes(), "user id");
        t.same(got.getDeliveryAnnotations().get("x-delivery"), "annotation", "delivery annotation");
        t.check(got.getMessageAnnotations().get("x-opt-sequence-number") instanceof Long, "the sequence number is no long");
        t.check(got.getMessageAnnotations().get("x-opt-message-state") instanceof Integer, "the state is no int");
    }
}
