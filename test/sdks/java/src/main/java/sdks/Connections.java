package sdks;

import com.azure.messaging.servicebus.ServiceBusException;
import com.azure.messaging.servicebus.ServiceBusProcessorClient;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** What happens when the connection is cut without a goodbye, and when the server is started again. */
final class Connections {
    static final List<Case> CASES = List.of(
        new Case("a sender goes on after its connection is cut", Connections::sender),
        new Case("a receiver goes on after its connection is cut, and settles what it had", Connections::receiver),
        new Case("a receiver that waits when the connection is cut gets what comes later", Connections::waitingReceiver),
        new Case("a processor goes on after its connection is cut", Connections::processor),
        Transactions.CUT,
        new Case("a session is free after the connection of its receiver is cut", Connections::session),
        new Case("messages, states, deferred and scheduled ones survive a restart", Connections::restart),
        TopicRefusals.RESTARTS,
        TopicLifetimes.KILLED);

    private Connections() {
    }

    /** Asks the runner for what only an operator could do. */
    static void order(Scene t, String what) throws Exception {
        HttpResponse<Void> response = HttpClient.newHttpClient().send(
            HttpRequest.newBuilder(URI.create(t.settings().controlUrl() + what)).POST(HttpRequest.BodyPublishers.noBody()).build(),
            HttpResponse.BodyHandlers.discarding());
        t.same(response.statusCode(), 200, "status of " + what);
    }

    /** The client does not try a settlement again that was on its way when the connection went. */
    private static void retried(Scene t, Runnable settlement) throws Exception {
        t.eventually("a settlement after the connection was cut", () -> {
            try {
                settlement.run();
                return true;
            } catch (ServiceBusException e) {
                t.note(e.getMessage());
                return false;
            }
        });
    }

    private static void sender(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusSenderClient sender = t.sender(queue);
        for (int i = 0; i < 3; i++) {
            sender.sendMessage(Scene.text("" + i));
            order(t, "/cut");
        }
        sender.sendMessage(Scene.text("3"));
        t.hasBodies(t.receive(t.receiver(queue), 4), "0", "1", "2", "3");
    }

    private static void receiver(Scene t) throws Exception {
        String queue = t.queue("plain");
        t.send(queue, Scene.text("one"), Scene.text("two"), Scene.text("three"));
        ServiceBusReceiverClient receiver = t.receiver(queue);
        List<ServiceBusReceivedMessage> messages = t.receive(receiver, 2);
        order(t, "/cut");
        retried(t, () -> receiver.complete(messages.get(0)));
        receiver.renewMessageLock(messages.get(1));
        t.hasBodies(t.receive(receiver, 1), "three");
        order(t, "/cut");
        retried(t, () -> receiver.abandon(messages.get(1)));
        ServiceBusReceivedMessage again = t.receiveOne(receiver);
        t.same(again.getBody().toString(), "two", "body");
        t.same(again.getDeliveryCount(), 1L, "delivery count");
    }

    private static void waitingReceiver(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.same(receiver.peekMessage(), null, "a message");
        CompletableFuture<ServiceBusReceivedMessage> came = CompletableFuture.supplyAsync(() -> t.receiveOne(receiver));
        order(t, "/cut");
        t.send(queue, Scene.text("later"));
        t.same(came.get(30, TimeUnit.SECONDS).getBody().toString(), "later", "body");
    }

    private static void processor(Scene t) throws Exception {
        String queue = t.queue("plain");
        List<String> got = new CopyOnWriteArrayList<>();
        try (ServiceBusProcessorClient processor = t.builder().processor().queueName(queue)
            .processMessage(context -> got.add(context.getMessage().getBody().toString())).processError(error -> { })
            .buildProcessorClient()) {
            processor.start();
            for (int i = 0; i < 3; i++) {
                int expected = i + 1;
                t.send(queue, Scene.text("" + i));
                t.eventually("message " + i + " is processed", () -> got.size() == expected);
                t.eventually("it is completed", () -> Scene.peek(t.receiver(queue), 1).isEmpty());
                order(t, "/cut");
            }
        }
        t.same(got, List.of("0", "1", "2"), "what came");
    }

    private static void session(Scene t) throws Exception {
        String queue = t.queue("session");
        t.send(queue, Scene.textIn("a", "one"));
        ServiceBusReceiverClient receiver = t.session(queue, "a");
        ServiceBusReceivedMessage m = t.receiveOne(receiver);
        receiver.setSessionState("state".getBytes());
        order(t, "/cut");
        ServiceBusReceiverClient other = t.session(queue, "a");
        t.same(new String(other.getSessionState()), "state", "state");
        ServiceBusReceivedMessage again = t.receiveOne(other);
        t.check(!again.getLockToken().equals(m.getLockToken()), "the lock token is the same again");
        t.same(again.getDeliveryCount(), 0L, "delivery count");
        other.complete(again);
        t.empty(other, "the session");
    }

    private static void restart(Scene t) throws Exception {
        String queue = t.queue("plain");
        String sessions = t.queue("session");
        long number = Deferral.deferOne(t, queue);
        ServiceBusSenderClient sender = t.sender(queue);
        sender.sendMessage(Scene.text("active"));
        sender.scheduleMessage(Scene.text("scheduled"), OffsetDateTime.now().plusSeconds(1));
        ServiceBusReceiverClient session = t.session(sessions, "a");
        session.setSessionState("state".getBytes());
        session.close();
        order(t, "/restart");
        ServiceBusReceiverClient receiver = t.receiver(queue);
        t.hasBodies(t.receive(receiver, 2), "active", "scheduled");
        t.same(receiver.receiveDeferredMessage(number).getBody().toString(), "put aside", "deferred body");
        t.same(new String(t.session(sessions, "a").getSessionState()), "state", "state");
    }
}
