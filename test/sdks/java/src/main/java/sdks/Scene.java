package sdks;

import com.azure.core.amqp.AmqpRetryMode;
import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusClientBuilder.ServiceBusReceiverClientBuilder;
import com.azure.messaging.servicebus.ServiceBusClientBuilder.ServiceBusSessionReceiverClientBuilder;
import com.azure.messaging.servicebus.ServiceBusErrorSource;
import com.azure.messaging.servicebus.ServiceBusException;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusSessionReceiverClient;
import com.azure.messaging.servicebus.models.ServiceBusReceiveMode;
import com.azure.messaging.servicebus.models.SubQueue;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What one case works with: clients that are closed when it is over, and what it expects. Whatever is otherwise than expected ends the case.
 */
final class Scene {
    /** How long a receiver waits before it says that a queue is empty. */
    private static final Duration QUIET = Duration.ofMillis(700);
    /** How long what must happen may take. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Settings settings;
    private final Report report;
    private final Deque<AutoCloseable> ends = new ArrayDeque<>();
    private final List<String> notes = new ArrayList<>();
    private ServiceBusClientBuilder shared;

    Scene(Settings settings, Report report) {
        this.settings = settings;
        this.report = report;
    }

    Settings settings() {
        return settings;
    }

    List<String> notes() {
        return notes;
    }

    void note(String text) {
        notes.add(text);
    }

    String queue(String kind) {
        return report.queue(kind);
    }

    <T extends AutoCloseable> T closing(T client) {
        ends.push(client);
        return client;
    }

    void close() {
        for (AutoCloseable end : ends) {
            try {
                end.close();
            } catch (Exception e) {
                // The case has said what it had to say.
            }
        }
    }

    // Clients

    /** Clients of one builder share a connection. */
    ServiceBusClientBuilder builder() {
        if (shared == null) {
            shared = builder(settings.connectionString());
        }
        return shared;
    }

    ServiceBusClientBuilder builder(String connectionString) {
        return new ServiceBusClientBuilder().connectionString(connectionString).retryOptions(new AmqpRetryOptions()
            .setMode(AmqpRetryMode.FIXED).setMaxRetries(3).setDelay(Duration.ofMillis(200)).setTryTimeout(PATIENCE));
    }

    ServiceBusSenderClient sender(String queue) {
        return sender(builder(), queue);
    }

    ServiceBusSenderClient sender(ServiceBusClientBuilder builder, String queue) {
        return closing(builder.sender().queueName(queue).buildClient());
    }

    ServiceBusReceiverClient receiver(String queue) {
        return receiver(builder(), queue, options -> options);
    }

    ServiceBusReceiverClient deleter(String queue) {
        return receiver(builder(), queue, options -> options.receiveMode(ServiceBusReceiveMode.RECEIVE_AND_DELETE));
    }

    ServiceBusReceiverClient deadLetters(String queue) {
        return receiver(builder(), queue, options -> options.subQueue(SubQueue.DEAD_LETTER_QUEUE));
    }

    ServiceBusReceiverClient receiver(ServiceBusClientBuilder builder, String queue, UnaryOperator<ServiceBusReceiverClientBuilder> options) {
        return closing(options.apply(builder.receiver().queueName(queue)).buildClient());
    }

    ServiceBusSessionReceiverClient acceptor(String queue) {
        return acceptor(builder(), queue, options -> options);
    }

    ServiceBusSessionReceiverClient acceptor(ServiceBusClientBuilder builder, String queue,
        UnaryOperator<ServiceBusSessionReceiverClientBuilder> options) {
        // Locks are renewed by the cases themselves.
        return closing(options.apply(builder.sessionReceiver().queueName(queue).maxAutoLockRenewDuration(Duration.ZERO)).buildClient());
    }

    /** On a connection of its own: the client calls the link as the session, and on one connection finds the one again that it is just closing. */
    ServiceBusReceiverClient session(String queue, String id) {
        return closing(acceptor(builder(settings.connectionString()), queue, options -> options).acceptSession(id));
    }

    ServiceBusReceiverClient nextSession(String queue) {
        return closing(acceptor(queue).acceptNextSession());
    }

    // Messages

    static ServiceBusMessage text(String body) {
        return new ServiceBusMessage(body);
    }

    static ServiceBusMessage textIn(String session, String body) {
        return new ServiceBusMessage(body).setSessionId(session);
    }

    static List<ServiceBusMessage> texts(int count) {
        return IntStream.range(0, count).mapToObj(i -> text("message " + i)).collect(Collectors.toList());
    }

    void send(String queue, ServiceBusMessage... messages) {
        ServiceBusSenderClient sender = sender(queue);
        for (ServiceBusMessage message : messages) {
            sender.sendMessage(message);
        }
    }

    /** Waits for exactly so many messages. */
    List<ServiceBusReceivedMessage> receive(ServiceBusReceiverClient from, int count) {
        List<ServiceBusReceivedMessage> messages = new ArrayList<>();
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (messages.size() < count) {
            if (System.nanoTime() > end) {
                throw new Failure(messages.size() + " of " + count + " messages came in " + PATIENCE.toSeconds() + " s");
            }
            from.receiveMessages(count - messages.size(), Duration.ofSeconds(5)).forEach(messages::add);
        }
        return messages;
    }

    ServiceBusReceivedMessage receiveOne(ServiceBusReceiverClient from) {
        return receive(from, 1).get(0);
    }

    /** Nothing comes for a while. */
    void empty(ServiceBusReceiverClient from, String what) {
        from.receiveMessages(1, QUIET).forEach(message -> {
            throw new Failure(what + " has a message '" + message.getBody() + "', should be empty");
        });
    }

    static List<ServiceBusReceivedMessage> peek(ServiceBusReceiverClient at, int count) {
        return at.peekMessages(count).stream().collect(Collectors.toList());
    }

    static List<String> bodies(List<ServiceBusReceivedMessage> messages) {
        return messages.stream().map(message -> message.getBody().toString()).toList();
    }

    // Expectations

    void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new Failure(otherwise);
        }
    }

    void same(Object got, Object expected, String what) {
        if (!Objects.deepEquals(got, expected)) {
            throw new Failure(what + " is " + told(got) + ", expected " + told(expected));
        }
    }

    private static String told(Object value) {
        return value == null ? "null" : value.getClass().getSimpleName() + " '" + value + "'";
    }

    void hasBodies(List<ServiceBusReceivedMessage> messages, String... expected) {
        same(bodies(messages), List.of(expected), "what came");
    }

    /** The client's own error with that reason. Receiving and accepting a session throw what it is made of. */
    void refused(ServiceBusFailureReason reason, Callable<?> steps) {
        Throwable error = failing(steps);
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof ServiceBusException own) {
                same(own.getReason(), reason, "the reason of '" + own.getMessage() + "'");
                return;
            }
            if (cause instanceof AmqpException amqp) {
                same(new ServiceBusException(amqp, ServiceBusErrorSource.UNKNOWN).getReason(), reason, "the reason of '" + amqp.getMessage() + "'");
                return;
            }
        }
        throw new Failure("expected an error with reason " + reason + ", got " + Report.told(error));
    }

    private static Throwable failing(Callable<?> steps) {
        Object result;
        try {
            result = steps.call();
        } catch (Exception e) {
            return e;
        }
        throw new Failure("expected an error, got " + told(result));
    }

    /** Any error. */
    void fails(Runnable steps) {
        failing(() -> {
            steps.run();
            return "none";
        });
    }

    /** An error with the condition amqp:not-allowed, for which the client has no reason of its own. */
    void notAllowed(Callable<?> steps) {
        Throwable error = failing(steps);
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            // The client makes the second of the condition when it opens a session.
            if (cause instanceof AmqpException amqp && amqp.getErrorCondition() == AmqpErrorCondition.NOT_ALLOWED
                || cause instanceof UnsupportedOperationException) {
                return;
            }
        }
        throw new Failure("expected amqp:not-allowed, got " + Report.told(error));
    }

    void refused(ServiceBusFailureReason reason, Runnable steps) {
        refused(reason, () -> {
            steps.run();
            return "none";
        });
    }

    /** Tries until it is so. */
    void eventually(String what, BooleanSupplier isSo) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!isSo.getAsBoolean()) {
            check(System.nanoTime() < end, "not within " + PATIENCE.toSeconds() + " s: " + what);
            Thread.sleep(50);
        }
    }

    /** Waits for a time that the broker has named. */
    static void waitUntil(OffsetDateTime when) throws InterruptedException {
        Thread.sleep(Math.max(0, Duration.between(OffsetDateTime.now(), when).toMillis() + 1));
    }
}
