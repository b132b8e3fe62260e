package sdks;

import com.azure.core.util.BinaryData;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.SubQueue;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Queues that forward, that are partitioned, that are full. */
final class Forwarding {
    static final List<Case> CASES = List.of(
        new Case("a forwarded message arrives", Forwarding::arrives),
        new Case("a dead-lettered message is forwarded with its reason and source", Forwarding::deadLettered),
        new Case("a message that is forwarded too often is in the transfer dead-letter queue", Forwarding::tooFar),
        new Case("a partitioned queue shows the partition in its sequence numbers", Forwarding::partitioned),
        new Case("a full queue refuses messages until one is taken", Forwarding::full));

    private Forwarding() {
    }

    /** The queue of another kind with the same number. */
    private static String sibling(String queue, String kind, String otherKind) {
        return queue.replace("-" + kind + "-", "-" + otherKind + "-");
    }

    private static void arrives(Scene t) {
        String queue = t.queue("forwarding");
        t.sender(queue).sendMessages(Scene.texts(3));
        ServiceBusReceiverClient receiver = t.receiver(sibling(queue, "forwarding", "forwarded"));
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 3);
        t.hasBodies(messages, "message 0", "message 1", "message 2");
        t.same(messages.get(2).getEnqueuedSequenceNumber(), 3L, "enqueued sequence number");
        messages.forEach(receiver::complete);
        t.notAllowed(() -> t.receiver(queue).receiveMessages(1).stream().toList());
    }

    private static void deadLettered(Scene t) {
        String queue = t.queue("dead-forwarding");
        t.send(queue, Scene.text("bad"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        receiver.deadLetter(t.receiveOne(receiver), new DeadLetterOptions().setDeadLetterReason("why"));
        ServiceBusReceivedMessage m = t.receiveOne(t.receiver(sibling(queue, "dead-forwarding", "forwarded")));
        t.same(m.getDeadLetterReason(), "why", "reason");
        t.same(m.getDeadLetterSource(), queue, "source");
    }

    private static void tooFar(Scene t) {
        String first = t.queue("hop-1");
        t.send(first, Scene.text("far"));
        ServiceBusReceivedMessage m = t.receiveOne(t.receiver(t.builder(), sibling(first, "hop-1", "hop-5"),
            options -> options.subQueue(SubQueue.TRANSFER_DEAD_LETTER_QUEUE)));
        t.same(m.getBody().toString(), "far", "body");
        t.same(m.getDeadLetterReason(), "MaxTransferHopCountExceeded", "reason");
    }

    private static void partitioned(Scene t) {
        String queue = t.queue("partitioned");
        ServiceBusSenderClient sender = t.sender(queue);
        IntStream.range(0, 5).forEach(i -> sender.sendMessage(Scene.text("" + i).setPartitionKey("one key")));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 5);
        t.hasBodies(messages, "0", "1", "2", "3", "4");
        Set<Long> partitions = messages.stream().map(m -> m.getSequenceNumber() >>> 48).collect(Collectors.toSet());
        t.same(partitions.size(), 1, "number of partitions of one key");
        receiver.defer(messages.get(0));
        receiver.complete(receiver.receiveDeferredMessage(messages.get(0).getSequenceNumber()));
    }

    private static void full(Scene t) {
        String queue = t.queue("full");
        ServiceBusSenderClient sender = t.sender(queue);
        t.refused(ServiceBusFailureReason.QUOTA_EXCEEDED, () -> IntStream.range(0, 10).forEach(i -> sender.sendMessage(large())));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.receive(receiver, 2).forEach(receiver::complete);
        sender.sendMessage(large());
    }

    private static ServiceBusMessage large() {
        return new ServiceBusMessage(BinaryData.fromBytes(new byte[200 * 1024]));
    }
}
