package sdks;

import com.azure.messaging.servicebus.ServiceBusProcessorClient;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

final class Processors {
    static final List<Case> CASES = List.of(
        new Case("a processor works off a queue and completes what succeeds", Processors::works),
        new Case("a processor abandons what fails", Processors::abandons),
        new Case("a processor's handler settles by itself", Processors::settles),
        new Case("a processor renews locks while its handler is busy", Processors::renews),
        new Case("a processor stops and starts again", Processors::restarts),
        new Case("a session processor works off sessions, each in order", Processors::sessions),
        new Case("a session processor goes to the next session when one is idle", Processors::idleSessions));

    private Processors() {
    }

    private static void works(Scene t) throws Exception {
        String queue = t.queue("plain");
        t.sender(queue).sendMessages(Scene.texts(100));
        Set<String> seen = ConcurrentHashMap.newKeySet();
        try (ServiceBusProcessorClient processor = t.builder().processor().queueName(queue).maxConcurrentCalls(4).prefetchCount(10)
            .processMessage(context -> seen.add(context.getMessage().getBody().toString()))
            .processError(error -> t.note(error.getException().toString())).buildProcessorClient()) {
            processor.start();
            t.eventually("all messages are processed", () -> seen.size() == 100);
            t.eventually("all messages are completed", () -> Scene.peek(t.receiver(queue), 1).isEmpty());
        }
    }

    private static void abandons(Scene t) throws Exception {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("fails twice"));
        List<Long> deliveries = new CopyOnWriteArrayList<>();
        try (ServiceBusProcessorClient processor = t.builder().processor().queueName(queue).processMessage(context -> {
            deliveries.add(context.getMessage().getDeliveryCount());
            if (deliveries.size() < 3) {
                throw new IllegalStateException("on purpose");
            }
        }).processError(error -> { }).buildProcessorClient()) {
            processor.start();
            t.eventually("the message is processed", () -> deliveries.size() >= 3);
            t.eventually("the message is completed", () -> Scene.peek(t.receiver(queue), 1).isEmpty());
        }
        t.same(deliveries, List.of(0L, 1L, 2L), "delivery counts");
    }

    private static void settles(Scene t) throws Exception {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("complete"), Scene.text("dead-letter"), Scene.text("defer"), Scene.text("abandon"));
        Map<String, Long> numbers = new ConcurrentHashMap<>();
        try (ServiceBusProcessorClient processor = t.builder().processor().queueName(queue).disableAutoComplete().processMessage(context -> {
            ServiceBusReceivedMessage m = context.getMessage();
            switch (m.getBody().toString()) {
                case "dead-letter" -> context.deadLetter(new DeadLetterOptions().setDeadLetterReason("why"));
                case "defer" -> context.defer();
                case "abandon" -> {
                    if (m.getDeliveryCount() == 0) {
                        context.abandon();
                        return;
                    }
                    context.complete();
                }
                default -> context.complete();
            }
            numbers.put(m.getBody().toString(), m.getSequenceNumber());
        }).processError(error -> t.note(error.getException().toString())).buildProcessorClient()) {
            processor.start();
            t.eventually("all messages are processed", () -> numbers.size() == 4);
        }
        t.same(t.receiveOne(t.deadLetters(queue)).getDeadLetterReason(), "why", "reason");
        var receiver = t.receiver(queue);
        receiver.complete(receiver.receiveDeferredMessage(numbers.get("defer")));
        t.empty(receiver, "the queue");
    }

    private static void renews(Scene t) throws Exception {
        String queue = t.queue("short-lock"); // five seconds
        t.send(queue, Scene.text("slow"));
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger done = new AtomicInteger();
        try (ServiceBusProcessorClient processor = t.builder().processor().queueName(queue)
            .maxAutoLockRenewDuration(Duration.ofMinutes(1)).processMessage(context -> {
                calls.incrementAndGet();
                try {
                    Thread.sleep(8000);
                } catch (InterruptedException e) {
                    return;
                }
                done.incrementAndGet();
            }).processError(error -> t.note(error.getException().toString())).buildProcessorClient()) {
            processor.start();
            t.eventually("the message is processed", () -> done.get() == 1);
            t.eventually("the message is completed", () -> Scene.peek(t.receiver(queue), 1).isEmpty());
        }
        t.same(calls.get(), 1, "number of calls");
    }

    private static void restarts(Scene t) throws Exception {
        String queue = t.queue("plain");
        AtomicInteger done = new AtomicInteger();
        try (ServiceBusProcessorClient processor = t.builder().processor().queueName(queue)
            .processMessage(context -> done.incrementAndGet()).processError(error -> t.note(error.getException().toString()))
            .buildProcessorClient()) {
            for (int round = 1; round <= 2; round++) {
                int expected = round;
                processor.start();
                t.send(queue, Scene.text("round " + round));
                t.eventually("the message of round " + round + " is processed", () -> done.get() == expected);
                processor.stop();
            }
        }
    }

    private static void sessions(Scene t) throws Exception {
        String queue = t.queue("session");
        t.sender(queue).sendMessages(IntStream.range(0, 60).mapToObj(i -> Scene.textIn("session " + i % 6, "" + i / 6)).toList());
        Map<String, List<String>> got = new ConcurrentHashMap<>();
        try (ServiceBusProcessorClient processor = t.builder().sessionProcessor().queueName(queue).maxConcurrentSessions(3)
            .sessionIdleTimeout(Duration.ofSeconds(1)).processMessage(context -> {
                ServiceBusReceivedMessage m = context.getMessage();
                got.computeIfAbsent(m.getSessionId(), id -> new CopyOnWriteArrayList<>()).add(m.getBody().toString());
            }).processError(error -> t.note(error.getException().toString())).buildProcessorClient()) {
            processor.start();
            t.eventually("all messages are processed", () -> got.values().stream().mapToInt(List::size).sum() >= 60);
            t.eventually("all messages are completed", () -> Scene.peek(t.deadLetters(queue), 1).isEmpty());
        }
        List<String> inOrder = IntStream.range(0, 10).mapToObj(i -> "" + i).toList();
        t.same(got, IntStream.range(0, 6).boxed().collect(Collectors.toMap(i -> "session " + i, i -> inOrder)), "what came");
    }

    private static void idleSessions(Scene t) throws Exception {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"));
        List<String> got = new CopyOnWriteArrayList<>();
        try (ServiceBusProcessorClient processor = t.builder().sessionProcessor().queueName(queue).maxConcurrentSessions(1)
            .sessionIdleTimeout(Duration.ofSeconds(1)).processMessage(context -> got.add(context.getMessage().getBody().toString()))
            .processError(error -> t.note(error.getException().toString())).buildProcessorClient()) {
            processor.start();
            t.eventually("the first session is processed", () -> got.size() == 1);
            t.send(queue, Scene.textIn("b", "two"));
            t.eventually("the second session is processed", () -> got.size() == 2);
        }
        t.same(got, List.of("one", "two"), "what came");
    }
}
