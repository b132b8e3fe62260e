package sdks;

import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import java.time.Duration;
import java.util.List;

final class Refusals {
    static final List<Case> CASES = List.of(
        new Case("a queue that does not exist is not found", Refusals::notFound),
        new Case("a wrong key is unauthorized", Refusals::wrongKey),
        new Case("a key that may only listen does not send, one that may only send does not receive", Refusals::missingRights),
        new Case("a queue with sessions takes no message without one and no receiver without one", Refusals::sessionsRequired),
        new Case("a queue without sessions accepts none", Refusals::noSessions),
        new Case("a disabled queue refuses what is disabled", Refusals::disabled),
        new Case("nobody sends to a dead-letter queue", Refusals::sendToDeadLetters));

    private static final Duration WAIT = Duration.ofSeconds(5);

    private Refusals() {
    }

    private static void notFound(Scene t) throws Exception {
        String queue = t.settings().prefix() + "nowhere";
        ServiceBusFailureReason reason = ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND;
        t.refused(reason, () -> t.sender(queue).sendMessage(Scene.text("x")));
        t.refused(reason, () -> t.receiver(queue).receiveMessages(1, WAIT).stream().toList());
        t.refused(reason, () -> Scene.peek(t.receiver(queue), 1));
        t.refused(reason, () -> t.session(queue, "a"));
        t.refused(reason, () -> t.nextSession(queue));
    }

    private static void wrongKey(Scene t) throws Exception {
        String queue = t.queue("plain");
        for (String name : List.of(t.settings().keyName(), "unknown")) {
            ServiceBusClientBuilder builder = t.builder("Endpoint=sb://" + t.settings().host() + ":" + t.settings().port()
                + ";SharedAccessKeyName=" + name + ";SharedAccessKey=wrong;UseDevelopmentEmulator=true;");
            t.refused(ServiceBusFailureReason.UNAUTHORIZED, () -> t.sender(builder, queue).sendMessage(Scene.text("x")));
            t.refused(ServiceBusFailureReason.UNAUTHORIZED,
                () -> t.receiver(builder, queue, options -> options).receiveMessages(1, WAIT).stream().toList());
        }
    }

    private static void missingRights(Scene t) throws Exception {
        String queue = t.queue("plain");
        ServiceBusClientBuilder sends = t.builder(t.settings().sendOnly());
        ServiceBusClientBuilder listens = t.builder(t.settings().listenOnly());
        t.refused(ServiceBusFailureReason.UNAUTHORIZED, () -> t.sender(listens, queue).sendMessage(Scene.text("x")));
        t.refused(ServiceBusFailureReason.UNAUTHORIZED,
            () -> t.receiver(sends, queue, options -> options).receiveMessages(1, WAIT).stream().toList());
        t.refused(ServiceBusFailureReason.UNAUTHORIZED, () -> Scene.peek(t.receiver(sends, queue, options -> options), 1));
        t.sender(sends, queue).sendMessage(Scene.text("x"));
        t.hasBodies(t.receive(t.receiver(listens, queue, options -> options), 1), "x");
    }

    private static void sessionsRequired(Scene t) {
        String queue = t.queue("session");
        t.notAllowed(() -> {
            t.sender(queue).sendMessage(Scene.text("no session"));
            return null;
        });
        t.notAllowed(() -> t.receiver(queue).receiveMessages(1, WAIT).stream().toList());
    }

    private static void noSessions(Scene t) {
        String queue = t.queue("plain");
        t.notAllowed(() -> t.session(queue, "a"));
        t.notAllowed(() -> t.nextSession(queue));
        // A session id is only a property here.
        t.send(queue, Scene.textIn("a", "one"));
        t.same(t.receiveOne(t.receiver(queue)).getSessionId(), "a", "session id");
    }

    private static void disabled(Scene t) throws Exception {
        ServiceBusFailureReason reason = ServiceBusFailureReason.MESSAGING_ENTITY_DISABLED;
        String disabled = t.queue("disabled");
        String sendDisabled = t.queue("send-disabled");
        String receiveDisabled = t.queue("receive-disabled");
        for (String queue : List.of(disabled, sendDisabled)) {
            t.refused(reason, () -> t.sender(queue).sendMessage(Scene.text("x")));
        }
        for (String queue : List.of(disabled, receiveDisabled)) {
            t.refused(reason, () -> t.receiver(queue).receiveMessages(1, WAIT).stream().toList());
        }
        t.empty(t.receiver(sendDisabled), "the queue");
        t.send(receiveDisabled, Scene.text("x"));
    }

    private static void sendToDeadLetters(Scene t) {
        t.notAllowed(() -> {
            t.sender(t.queue("plain") + "/$DeadLetterQueue").sendMessage(Scene.text("no"));
            return null;
        });
    }
}
