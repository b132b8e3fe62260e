package sdks;

import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;

/** Queues whose locks last five seconds. */
final class Locks {
    static final List<Case> CASES = List.of(
        new Case("a lock expires: the message comes again, and the old token is lost", Locks::expires),
        new Case("a renewed lock holds longer than the first", Locks::renewed),
        new Case("the client renews a lock by itself", Locks::renewedByClient),
        new Case("a message whose lock expires too often is dead-lettered", Locks::expiresTooOften),
        new Case("a session lock expires: the next receiver gets the messages, the old one is told", Locks::sessionExpires),
        new Case("a renewed session lock holds longer than the first", Locks::sessionRenewed),
        new Case("the client renews a session lock by itself", Locks::sessionRenewedByClient));

    private Locks() {
    }

    private static void expires(Scene t) throws Exception {
        String queue = t.queue("short-lock");
        t.send(queue, Scene.text("one"), Scene.text("two"), Scene.text("three"));
        // Otherwise the client renews by itself.
        ServiceBusReceiverClient receiver = t.receiver(t.builder(), queue, options -> options.maxAutoLockRenewDuration(Duration.ZERO));
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 3);
        Scene.waitUntil(messages.get(2).getLockedUntil());
        ServiceBusReceiverClient other = t.receiver(queue);
        List<ServiceBusReceivedMessage> again = t.receive(other, 3);
        t.hasBodies(again, "one", "two", "three");
        t.same(again.get(0).getDeliveryCount(), 1L, "delivery count");
        t.refused(ServiceBusFailureReason.MESSAGE_LOCK_LOST, () -> receiver.renewMessageLock(messages.get(0)));
        t.refused(ServiceBusFailureReason.MESSAGE_LOCK_LOST, () -> receiver.complete(messages.get(0)));
        // Not deadLetter: the client takes the refusal of that one, which is the outcome 'rejected', for the outcome it asked for.
        t.refused(ServiceBusFailureReason.MESSAGE_LOCK_LOST, () -> receiver.abandon(messages.get(1)));
        // This one goes through the management node.
        t.refused(ServiceBusFailureReason.MESSAGE_LOCK_LOST, () -> t.receiver(queue).complete(messages.get(2)));
        again.forEach(other::complete);
    }

    private static void renewed(Scene t) throws Exception {
        String queue = t.queue("short-lock");
        t.send(queue, Scene.text("one"));
        ServiceBusReceiverClient receiver = t.receiver(t.builder(), queue, options -> options.maxAutoLockRenewDuration(Duration.ZERO));
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        OffsetDateTime first = m.getLockedUntil();
        for (OffsetDateTime until = first; !until.isAfter(first.plusSeconds(5));) {
            Scene.waitUntil(until.minusSeconds(2));
            until = receiver.renewMessageLock(m);
            t.check(until.isAfter(first), "locked until " + until + ", was " + first);
        }
        t.check(OffsetDateTime.now().isAfter(first), "the first lock should be over");
        receiver.complete(m);
        t.empty(receiver, "the queue");
    }

    private static void renewedByClient(Scene t) throws Exception {
        String queue = t.queue("short-lock");
        t.send(queue, Scene.text("one"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        receiver.renewMessageLock(m, Duration.ofSeconds(30), error -> t.note(error.toString()));
        Scene.waitUntil(m.getLockedUntil().plusSeconds(2));
        receiver.complete(m);
        t.empty(receiver, "the queue");
    }

    private static void expiresTooOften(Scene t) throws Exception {
        String queue = t.queue("short-lock");
        t.send(queue, Scene.text("one"));
        ServiceBusReceiverClient receiver = t.receiver(t.builder(), queue, options -> options.maxAutoLockRenewDuration(Duration.ZERO));
        for (int delivery = 0; delivery < 3; delivery++) {
            Scene.waitUntil(t.receiveOne(receiver).getLockedUntil());
        }
        t.same(t.receiveOne(t.deadLetters(queue)).getDeadLetterReason(), "MaxDeliveryCountExceeded", "reason");
    }

    private static void sessionExpires(Scene t) throws Exception {
        String queue = t.queue("short-session");
        t.send(queue, Scene.textIn("a", "one"));
        ServiceBusReceiverClient first = t.session(queue, "a");
        ServiceBusReceivedMessage m = t.receiveOne(first);
        Scene.waitUntil(m.getLockedUntil());
        ServiceBusReceiverClient next = t.nextSession(queue);
        ServiceBusReceivedMessage again = t.receiveOne(next);
        t.same(again.getBody().toString(), "one", "body");
        t.same(again.getDeliveryCount(), 1L, "delivery count");
        t.refused(ServiceBusFailureReason.SESSION_LOCK_LOST, () -> first.renewSessionLock());
        t.refused(ServiceBusFailureReason.SESSION_LOCK_LOST, () -> first.setSessionState(new byte[] {1}));
        t.refused(ServiceBusFailureReason.SESSION_LOCK_LOST, () -> first.complete(m));
        next.complete(again);
    }

    private static void sessionRenewed(Scene t) throws Exception {
        String queue = t.queue("short-session");
        t.send(queue, Scene.textIn("a", "one"));
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        OffsetDateTime first = m.getLockedUntil();
        for (OffsetDateTime until = first; !until.isAfter(first.plusSeconds(5));) {
            Scene.waitUntil(until.minusSeconds(2));
            until = receiver.renewSessionLock();
            t.check(until.isAfter(first), "locked until " + until + ", was " + first);
        }
        t.check(OffsetDateTime.now().isAfter(first), "the first lock should be over");
        receiver.complete(m);
        t.empty(receiver, "the session");
    }

    private static void sessionRenewedByClient(Scene t) throws Exception {
        String queue = t.queue("short-session");
        t.send(queue, Scene.textIn("a", "one"));
        ServiceBusReceiverClient receiver = t.closing(
            t.acceptor(t.builder(), queue, options -> options.maxAutoLockRenewDuration(Duration.ofMinutes(1))).acceptSession("a"));
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        Scene.waitUntil(m.getLockedUntil().plusSeconds(2));
        receiver.complete(m);
        t.empty(receiver, "the session");
    }
}
