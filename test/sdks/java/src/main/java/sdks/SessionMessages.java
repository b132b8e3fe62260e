package sdks;

import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.ServiceBusReceiveMode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

final class SessionMessages {
    static final List<Case> CASES = List.of(
        new Case("a session's messages keep their order, also when one comes again", SessionMessages::keepsOrder),
        new Case("a session's messages are received and deleted", SessionMessages::receiveAndDelete),
        new Case("messages of a session are completed, abandoned, deferred and dead-lettered", SessionMessages::settled),
        new Case("a deferred message of a session is fetched and settled", SessionMessages::deferred),
        new Case("the dead-letter queue of a queue with sessions is read without sessions", SessionMessages::deadLetters),
        new Case("peek through a session receiver shows its session", SessionMessages::peeks),
        new Case("fifty sessions are worked off one after the other", SessionMessages::many));

    private SessionMessages() {
    }

    private static void keepsOrder(Scene t) {
        String queue = t.queue("session");
        t.sender(queue).sendMessages(IntStream.range(0, 5).mapToObj(i -> Scene.textIn("a", "" + i)).toList());
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        receiver.abandon(t.receiveOne(receiver));
        for (int i = 0; i < 5; i++) {
            ServiceBusReceivedMessage m = t.receiveOne(receiver);
            t.same(m.getBody().toString(), "" + i, "body");
            t.same(m.getDeliveryCount(), i == 0 ? 1L : 0L, "delivery count");
            receiver.complete(m);
        }
        t.empty(receiver, "the session");
    }

    private static void receiveAndDelete(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"), Scene.textIn("a", "two"));
        ServiceBusReceiverClient receiver = t.closing(
            t.acceptor(t.builder(), queue, options -> options.receiveMode(ServiceBusReceiveMode.RECEIVE_AND_DELETE)).acceptSession("a"));
        t.hasBodies(t.receive(receiver, 2), "one", "two");
        receiver.close();
        t.empty(t.session(queue, "a"), "the session");
    }

    private static void settled(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "complete"), Scene.textIn("a", "dead-letter"), Scene.textIn("a", "defer"),
            Scene.textIn("a", "abandon"));
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 4);
        receiver.complete(messages.get(0));
        receiver.deadLetter(messages.get(1), new DeadLetterOptions().setDeadLetterReason("why"));
        receiver.defer(messages.get(2));
        receiver.abandon(messages.get(3));
        t.hasBodies(t.receive(receiver, 1), "abandon");
        t.empty(receiver, "the session");
    }

    private static void deferred(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "put aside"), Scene.textIn("a", "too"));
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        List<Long> numbers = new ArrayList<>();
        for (ServiceBusReceivedMessage m : t.receive(receiver, 2)) {
            receiver.defer(m);
            numbers.add(m.getSequenceNumber());
        }
        List<ServiceBusReceivedMessage> fetched = receiver.receiveDeferredMessageBatch(numbers).stream().toList();
        t.hasBodies(fetched, "put aside", "too");
        t.same(fetched.get(0).getSessionId(), "a", "session id");
        receiver.complete(fetched.get(0));
        receiver.deadLetter(fetched.get(1));
        t.hasBodies(t.receive(t.deadLetters(queue), 1), "too");
    }

    private static void deadLetters(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"), Scene.textIn("b", "two"));
        for (String id : List.of("a", "b")) {
            ServiceBusReceiverClient receiver = t.session(queue, id);
            receiver.deadLetter(t.receiveOne(receiver));
        }
        ServiceBusReceiverClient dead = t.deadLetters(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(dead, 2);
        t.hasBodies(messages, "one", "two");
        t.same(messages.get(1).getSessionId(), "b", "session id");
        dead.renewMessageLock(messages.get(0));
        messages.forEach(dead::complete);
    }

    private static void peeks(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("b", "other"), Scene.textIn("a", "one"), Scene.textIn("a", "two"));
        t.hasBodies(Scene.peek(t.session(queue, "a"), 10), "one", "two");
    }

    private static void many(Scene t) {
        String queue = t.queue("session");
        t.sender(queue).sendMessages(IntStream.range(0, 50).mapToObj(i -> Scene.textIn("" + i, "" + i)).toList());
        var acceptor = t.acceptor(queue);
        for (int i = 0; i < 50; i++) {
            try (ServiceBusReceiverClient receiver = acceptor.acceptNextSession()) {
                ServiceBusReceivedMessage m = t.receiveOne(receiver);
                t.same(m.getBody().toString(), receiver.getSessionId(), "body");
                receiver.complete(m);
            }
        }
    }
}
