package sdks;

import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusClientBuilder.ServiceBusReceiverClientBuilder;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusRuleManagerClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusSessionReceiverClient;
import com.azure.messaging.servicebus.models.SubQueue;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** A topic of one case's own, and the clients of it. */
record Topic(Scene t, String name) {

    static Topic of(Scene t) throws Exception {
        return of(t, Map.of());
    }

    static Topic of(Scene t, Map<String, ?> settings) throws Exception {
        String name = t.queue("topic");
        Orders.make(t, "topics", Orders.with(settings, "name", name));
        return new Topic(t, name);
    }

    /** With these subscriptions, which have the service's defaults. */
    static Topic with(Scene t, String... subscriptions) throws Exception {
        Topic topic = of(t);
        for (String subscription : subscriptions) {
            topic.subscribe(subscription, Map.of());
        }
        return topic;
    }

    /** The property `rules` takes the place of the rule that lets everything in. */
    Topic subscribe(String subscription, Map<String, ?> settings) throws Exception {
        Map<String, Object> named = Orders.with(settings, "name", subscription);
        Orders.make(t, "subscriptions", Orders.with(named, "topicName", name));
        return this;
    }

    Map<String, String> names(String subscription) {
        return Map.of("topic", name, "subscription", subscription);
    }

    ServiceBusSenderClient sender() {
        return sender(t.builder());
    }

    ServiceBusSenderClient sender(ServiceBusClientBuilder builder) {
        return t.closing(builder.sender().topicName(name).buildClient());
    }

    void send(ServiceBusMessage... messages) {
        ServiceBusSenderClient sender = sender();
        for (ServiceBusMessage message : messages) {
            sender.sendMessage(message);
        }
    }

    ServiceBusReceiverClient receiver(String subscription) {
        return receiver(t.builder(), subscription, options -> options);
    }

    ServiceBusReceiverClient deadLetters(String subscription) {
        return receiver(t.builder(), subscription, options -> options.subQueue(SubQueue.DEAD_LETTER_QUEUE));
    }

    ServiceBusReceiverClient receiver(ServiceBusClientBuilder builder, String subscription,
        UnaryOperator<ServiceBusReceiverClientBuilder> options) {
        return t.closing(options.apply(builder.receiver().topicName(name).subscriptionName(subscription)).buildClient());
    }

    /** On a connection of its own, as `Scene.session`. */
    ServiceBusReceiverClient session(String subscription, String id) {
        return t.closing(acceptor(t.builder(t.settings().connectionString()), subscription).acceptSession(id));
    }

    ServiceBusReceiverClient nextSession(String subscription) {
        return t.closing(acceptor(t.builder(), subscription).acceptNextSession());
    }

    ServiceBusRuleManagerClient rules(String subscription) {
        return t.closing(t.builder().ruleManager().topicName(name).subscriptionName(subscription).buildClient());
    }

    /** The bodies of what is in a subscription, whatever its state. */
    List<String> bodies(String subscription) {
        return Scene.bodies(Scene.peek(receiver(subscription), 100));
    }

    private ServiceBusSessionReceiverClient acceptor(ServiceBusClientBuilder builder, String subscription) {
        // Locks are renewed by the cases themselves.
        return t.closing(builder.sessionReceiver().topicName(name).subscriptionName(subscription)
            .maxAutoLockRenewDuration(Duration.ZERO).buildClient());
    }
}
