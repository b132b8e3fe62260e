package sdks;

import com.azure.core.util.BinaryData;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSessionReceiverClient;
import com.azure.core.amqp.AmqpRetryMode;
import com.azure.core.amqp.AmqpRetryOptions;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

final class Sessions {
    static final List<Case> CASES = List.of(
        new Case("a session is accepted by its id, with its lock", Sessions::byId),
        new Case("the empty string is a session id", Sessions::emptyId),
        new Case("a session that somebody holds cannot be locked", Sessions::cannotBeLocked),
        new Case("the next free session is accepted", Sessions::next),
        new Case("without a free session the wait ends when the client says", Sessions::nextTimesOut),
        new Case("who waits for the next session gets the one that becomes free", Sessions::nextWaits),
        new Case("the state of a session is kept, read and cleared", Sessions::state),
        new Case("a session is free again when its receiver is closed", Sessions::freeAfterClose));

    private Sessions() {
    }

    private static void byId(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"), Scene.textIn("b", "two"), Scene.textIn("a", "three"));
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        t.same(receiver.getSessionId(), "a", "session id");
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        t.hasBodies(messages, "one", "three");
        OffsetDateTime until = messages.get(0).getLockedUntil();
        t.same(messages.get(0).getSessionId(), "a", "session id of the message");
        t.check(until.isAfter(OffsetDateTime.now().plusSeconds(30)), "locked until " + until);
        t.check(receiver.renewSessionLock().isAfter(until), "the lock was not renewed");
        messages.forEach(receiver::complete);
        t.empty(receiver, "the session");
    }

    private static void emptyId(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("", "nameless"));
        // The client accepts no session by an empty name, but takes the next whatever its name.
        ServiceBusReceivedMessage m = t.receiveOne(t.nextSession(queue));
        t.same(m.getSessionId(), "", "session id");
    }

    private static void cannotBeLocked(Scene t) throws Exception {
        String queue = t.queue("session");
        t.session(queue, "a");
        t.refused(ServiceBusFailureReason.SESSION_CANNOT_BE_LOCKED, () -> t.session(queue, "a"));
    }

    private static void next(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"), Scene.textIn("b", "two"));
        Set<String> got = new TreeSet<>();
        for (int i = 0; i < 2; i++) {
            ServiceBusReceiverClient receiver = t.nextSession(queue);
            got.add(receiver.getSessionId() + t.receiveOne(receiver).getBody());
        }
        t.same(got, Set.of("aone", "btwo"), "sessions");
    }

    private static void nextTimesOut(Scene t) throws Exception {
        String queue = t.queue("session");
        var impatient = t.builder(t.settings().connectionString()).retryOptions(new AmqpRetryOptions().setMode(AmqpRetryMode.FIXED)
            .setMaxRetries(0).setDelay(Duration.ofMillis(100)).setTryTimeout(Duration.ofSeconds(3)));
        ServiceBusSessionReceiverClient acceptor = t.acceptor(impatient, queue, options -> options);
        long begun = System.nanoTime();
        try {
            t.closing(acceptor.acceptNextSession());
            throw new Failure("a session was accepted where none is");
        } catch (Failure e) {
            throw e;
        } catch (Exception e) {
            t.note("after " + Duration.ofNanos(System.nanoTime() - begun).toMillis() + " ms: " + e);
        }
        t.check(System.nanoTime() - begun > Duration.ofSeconds(1).toNanos(), "did not wait");
        t.send(queue, Scene.textIn("a", "one"));
        t.same(t.nextSession(queue).getSessionId(), "a", "session id");
    }

    private static void nextWaits(Scene t) throws Exception {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"));
        ServiceBusReceiverClient holder = t.session(queue, "a");
        CompletableFuture<ServiceBusReceiverClient> waiting = CompletableFuture.supplyAsync(() -> t.nextSession(queue));
        Thread.sleep(500);
        t.check(!waiting.isDone(), "did not wait");
        holder.close();
        t.same(waiting.get(20, TimeUnit.SECONDS).getSessionId(), "a", "session id");
    }

    private static void state(Scene t) {
        String queue = t.queue("session");
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        t.same(receiver.getSessionState(), null, "state at first");
        receiver.setSessionState("half way".getBytes());
        t.same(BinaryData.fromBytes(receiver.getSessionState()).toString(), "half way", "state");
        receiver.close();
        receiver = t.session(queue, "a");
        t.same(BinaryData.fromBytes(receiver.getSessionState()).toString(), "half way", "state after the session was free");
        receiver.setSessionState(new byte[100 * 1024]);
        t.same(receiver.getSessionState().length, 100 * 1024, "size of the state");
        receiver.setSessionState(null);
        t.same(receiver.getSessionState(), null, "state when cleared");
    }

    private static void freeAfterClose(Scene t) {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"), Scene.textIn("a", "two"));
        ServiceBusReceiverClient first = t.session(queue, "a");
        t.receive(first, 2);
        first.close();
        List<ServiceBusReceivedMessage> messages = t.receive(t.session(queue, "a"), 2);
        t.hasBodies(messages, "one", "two");
        t.same(messages.get(0).getDeliveryCount(), 0L, "delivery count: closing a session is no failed delivery");
    }
}
