package sdks;

import com.azure.messaging.servicebus.ServiceBusFailureReason;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.administration.models.CreateRuleOptions;
import com.azure.messaging.servicebus.administration.models.SqlRuleFilter;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;

final class TopicRefusals {
    static final List<Case> CASES = List.of(
        new Case("a topic and a subscription that do not exist are not found", TopicRefusals::notFound),
        new Case("nobody sends to a subscription or receives from a topic", TopicRefusals::wrongWay),
        new Case("sessions asked of a subscription without, none of one with", TopicRefusals::sessions),
        new Case("rights on topics and subscriptions", TopicRefusals::rights),
        new Case("disabled topics and subscriptions refuse what is disabled", TopicRefusals::disabled),
        new Case("a topic that is disabled while a sender is attached", TopicRefusals::disabledMeanwhile),
        new Case("a topic that is deleted while links are attached", TopicRefusals::deleted));

    /** It ends the connections of everybody. */
    static final Case RESTARTS = new Case("topics, subscriptions, rules and copies survive a restart and a kill", TopicRefusals::survive);

    private static final Duration WAIT = Duration.ofSeconds(5);

    private TopicRefusals() {
    }

    private static void notFound(Scene t) throws Exception {
        ServiceBusFailureReason reason = ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND;
        Topic nowhere = new Topic(t, t.settings().prefix() + "nowhere");
        t.refused(reason, () -> nowhere.send(Scene.text("x")));
        for (Topic topic : List.of(nowhere, Topic.of(t))) {
            t.refused(reason, () -> topic.receiver("none").receiveMessages(1, WAIT).stream().toList());
            t.refused(reason, () -> Scene.peek(topic.receiver("none"), 1));
            t.refused(reason, () -> topic.session("none", "a"));
            // The client waits for ever for a management node that it once did not find.
            t.refused(reason, () -> topic.rules("none-either").listRules().stream().toList());
        }
    }

    private static void wrongWay(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        t.notAllowed(() -> {
            t.sender(topic.name() + "/Subscriptions/one").sendMessage(Scene.text("no"));
            return null;
        });
        t.notAllowed(() -> t.receiver(topic.name()).receiveMessages(1, WAIT).stream().toList());
        t.notAllowed(() -> t.session(topic.name(), "a"));
    }

    private static void sessions(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("plain", Map.of()).subscribe("sessions", Map.of("requiresSession", true));
        t.notAllowed(() -> topic.session("plain", "a"));
        t.notAllowed(() -> topic.nextSession("plain"));
        t.notAllowed(() -> topic.receiver("sessions").receiveMessages(1, WAIT).stream().toList());
    }

    private static void rights(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        var sends = t.builder(t.settings().sendOnly());
        var listens = t.builder(t.settings().listenOnly());
        ServiceBusFailureReason reason = ServiceBusFailureReason.UNAUTHORIZED;
        t.refused(reason, () -> topic.sender(listens).sendMessage(Scene.text("x")));
        t.refused(reason, () -> topic.receiver(sends, "one", options -> options).receiveMessages(1, WAIT).stream().toList());
        topic.sender(sends).sendMessage(Scene.text("x"));
        t.hasBodies(t.receive(topic.receiver(listens, "one", options -> options), 1), "x");
    }

    private static void disabled(Scene t) throws Exception {
        ServiceBusFailureReason reason = ServiceBusFailureReason.MESSAGING_ENTITY_DISABLED;
        for (String status : List.of("Disabled", "SendDisabled")) {
            Topic topic = Topic.of(t, Map.of("status", status));
            t.refused(reason, () -> topic.send(Scene.text("x")));
        }
        Topic topic = Topic.of(t).subscribe("one", Map.of("status", "ReceiveDisabled")).subscribe("two", Map.of("status", "Disabled"));
        topic.send(Scene.text("x"));
        for (String name : List.of("one", "two")) {
            t.refused(reason, () -> topic.receiver(name).receiveMessages(1, WAIT).stream().toList());
            Orders.change(t, topic.names(name), Map.of("status", "Active"));
            t.hasBodies(t.receive(topic.receiver(name), 1), "x");
        }
    }

    private static void disabledMeanwhile(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusSenderClient sender = topic.sender();
        sender.sendMessage(Scene.text("before"));
        Orders.change(t, Map.of("topic", topic.name()), Map.of("status", "SendDisabled"));
        t.refused(ServiceBusFailureReason.MESSAGING_ENTITY_DISABLED, () -> sender.sendMessage(Scene.text("no")));
        Orders.change(t, Map.of("topic", topic.name()), Map.of("status", "Active"));
        topic.send(Scene.text("after"));
        t.same(topic.bodies("one"), List.of("before", "after"), "messages");
    }

    private static void deleted(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusSenderClient sender = topic.sender();
        ServiceBusReceiverClient receiver = topic.receiver("one");
        sender.sendMessage(Scene.text("x"));
        t.receiveOne(receiver);
        Orders.delete(t, Map.of("topic", topic.name()));
        t.refused(ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND, () -> sender.sendMessage(Scene.text("no")));
        t.refused(ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND, () -> receiver.receiveMessages(1, WAIT).stream().toList());
        Orders.make(t, "topics", Map.of("name", topic.name()));
        topic.subscribe("one", Map.of()).send(Scene.text("of the new one"));
        t.same(topic.bodies("one"), List.of("of the new one"), "messages");
    }

    private static void survive(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of()).subscribe("filtered", Map.of("rules", List.of()))
            .subscribe("sessions", Map.of("requiresSession", true));
        topic.rules("filtered").createRule("green", new CreateRuleOptions(new SqlRuleFilter("colour = 'green'")));
        for (String end : List.of("/kill", "/restart", "/kill")) {
            var green = Scene.textIn("a", "green");
            green.getApplicationProperties().put("colour", "green");
            topic.send(green, Scene.textIn("a", "plain"));
            ServiceBusReceiverClient receiver = topic.receiver("one");
            var messages = t.receive(receiver, 2);
            receiver.complete(messages.get(0));
            receiver.defer(messages.get(1));
            topic.sender().scheduleMessage(Scene.textIn("b", "later"), OffsetDateTime.now().plusSeconds(1));
            Connections.order(t, end);
            ServiceBusReceiverClient again = topic.receiver("one");
            var later = t.receiveOne(again);
            t.same(later.getBody().toString(), "later", "scheduled");
            again.complete(later);
            again.complete(again.receiveDeferredMessage(messages.get(1).getSequenceNumber()));
            ServiceBusReceiverClient filtered = topic.receiver("filtered");
            t.receive(filtered, 1).forEach(m -> {
                t.same(m.getBody().toString(), "green", "filtered");
                filtered.complete(m);
            });
            ServiceBusReceiverClient session = topic.session("sessions", "a");
            t.receive(session, 2).forEach(session::complete);
            session.close();
        }
        t.same(List.of(topic.bodies("one"), topic.bodies("filtered")), List.of(List.of(), List.of()), "what is left");
    }
}
