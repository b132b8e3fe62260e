package sdks;

import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.models.ServiceBusReceiveMode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;

final class Receiving {
    static final List<Case> CASES = List.of(
        new Case("messages come in order of sending", Receiving::inOrder),
        new Case("receive-and-delete removes what it gives", Receiving::receiveAndDelete),
        new Case("a receiver that waits gets the message when it is sent", Receiving::waits),
        new Case("a receive that times out leaves the receiver usable", Receiving::timesOut),
        new Case("a locked message is not given to anybody else", Receiving::lockedIsHidden),
        new Case("a receiver with prefetch gets every message once", Receiving::prefetch),
        new Case("prefetch with receive-and-delete gets every message once", Receiving::prefetchAndDelete),
        new Case("messages that come after the client has stopped waiting are not lost", Receiving::lateMessages),
        new Case("competing receivers share the messages", Receiving::competing));

    private Receiving() {
    }

    private static void inOrder(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(30));
        List<ServiceBusReceivedMessage> got = t.receive(t.receiver(queue), 30);
        for (int i = 0; i < 30; i++) {
            t.same(got.get(i).getBody().toString(), "message " + i, "body");
            t.same(got.get(i).getSequenceNumber(), got.get(0).getSequenceNumber() + i, "sequence number");
        }
    }

    private static void receiveAndDelete(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(5));
        ServiceBusReceiverClient deleter = t.deleter(queue);
        ServiceBusReceivedMessage first = t.receive(deleter, 5).get(0);
        t.same(first.getLockedUntil(), null, "locked until");
        t.empty(t.receiver(queue), "the queue");
    }

    private static void waits(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusReceiverClient receiver = t.receiver(queue);
        CompletableFuture<ServiceBusReceivedMessage> came = CompletableFuture.supplyAsync(() -> t.receiveOne(receiver));
        t.send(queue, Scene.text("at last"));
        t.same(came.get(20, TimeUnit.SECONDS).getBody().toString(), "at last", "body");
    }

    private static void timesOut(Scene t) {
        String queue = t.queue("plain");
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.empty(receiver, "the queue");
        t.send(queue, Scene.text("later"));
        t.hasBodies(t.receive(receiver, 1), "later");
    }

    private static void lockedIsHidden(Scene t) {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("one"), Scene.text("two"));
        ServiceBusReceiverClient second = t.receiver(queue);
        t.hasBodies(t.receive(t.receiver(queue), 1), "one");
        t.hasBodies(t.receive(second, 1), "two");
        t.empty(second, "the queue");
    }

    private static void prefetch(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(60));
        ServiceBusReceiverClient receiver = t.receiver(t.builder(), queue, options -> options.prefetchCount(20));
        Set<String> seen = new HashSet<>();
        while (seen.size() < 60) {
            for (ServiceBusReceivedMessage m : t.receive(receiver, Math.min(7, 60 - seen.size()))) {
                t.check(seen.add(m.getMessageId() + m.getSequenceNumber()), "came twice: " + m.getBody());
                receiver.complete(m);
            }
        }
        t.empty(receiver, "the queue");
    }

    private static void prefetchAndDelete(Scene t) {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(60));
        ServiceBusReceiverClient receiver = t.receiver(t.builder(), queue,
            options -> options.prefetchCount(20).receiveMode(ServiceBusReceiveMode.RECEIVE_AND_DELETE));
        List<String> got = new ArrayList<>();
        while (got.size() < 60) {
            got.addAll(Scene.bodies(t.receive(receiver, Math.min(7, 60 - got.size()))));
        }
        t.same(got, Scene.texts(60).stream().map(m -> m.getBody().toString()).toList(), "what came");
    }

    /** The client leaves its credit with the broker when a receive ends, and releases what comes for it. */
    private static void lateMessages(Scene t) {
        String queue = t.queue("plain");
        ServiceBusReceiverClient receiver = t.receiver(queue);
        receiver.receiveMessages(5, Duration.ofMillis(300)).forEach(m -> {
            throw new Failure("came from nowhere: " + m.getBody());
        });
        t.sender(queue).sendMessages(Scene.texts(8));
        List<ServiceBusReceivedMessage> got = t.receive(receiver, 8);
        Set<String> different = new HashSet<>(Scene.bodies(got));
        t.same(different.size(), 8, "number of messages");
        t.note("delivery counts " + got.stream().map(ServiceBusReceivedMessage::getDeliveryCount).toList());
    }

    private static void competing(Scene t) throws Exception {
        String queue = t.queue("plain");
        AtomicIntegerArray got = new AtomicIntegerArray(2);
        AtomicBoolean over = new AtomicBoolean();
        for (int i = 0; i < 2; i++) {
            int which = i;
            ServiceBusReceiverClient receiver = t.deleter(queue);
            CompletableFuture.runAsync(() -> {
                while (!over.get()) {
                    receiver.receiveMessages(10, Duration.ofMillis(500)).forEach(m -> got.incrementAndGet(which));
                }
            });
        }
        ServiceBusSenderClient sender = t.sender(queue);
        int[] sent = {0};
        t.eventually("each of two receivers gets ten messages", () -> {
            sender.sendMessages(Scene.texts(10));
            sent[0] += 10;
            return got.get(0) >= 10 && got.get(1) >= 10;
        });
        t.eventually("all messages come", () -> got.get(0) + got.get(1) == sent[0]);
        over.set(true);
    }
}
