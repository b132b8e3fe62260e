package sdks;

import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusRuleManagerClient;
import com.azure.messaging.servicebus.administration.models.CorrelationRuleFilter;
import com.azure.messaging.servicebus.administration.models.CreateRuleOptions;
import com.azure.messaging.servicebus.administration.models.FalseRuleFilter;
import com.azure.messaging.servicebus.administration.models.RuleProperties;
import com.azure.messaging.servicebus.administration.models.SqlRuleAction;
import com.azure.messaging.servicebus.administration.models.SqlRuleFilter;
import com.azure.messaging.servicebus.administration.models.TrueRuleFilter;
import com.azure.messaging.servicebus.ServiceBusFailureReason;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;

/** The client's rule manager, which speaks AMQP, and what filters and actions make of messages. */
final class TopicRules {
    static final List<Case> CASES = List.of(
        new Case("rules: the first is $Default and lets everything in; removed, nothing comes", TopicRules::defaultRule),
        new Case("rules: all kinds are made, listed as they were made, and removed", TopicRules::listed),
        new Case("rules: a name that is taken, and one that is not there", TopicRules::names),
        new Case("rules: an expression that is wrong is refused and says where", TopicRules::wrong),
        new Case("rules: true and false filters, alone and together", TopicRules::constants),
        new Case("rules: correlation filters over every field", TopicRules::correlation),
        new Case("rules: SQL filters over what this client sends", TopicRules::sql),
        new Case("rules: the parameters of a SQL filter, which this client does not send, are missed", TopicRules::parameters),
        new Case("rules: an action's copy is changed and names its rule", TopicRules::actions),
        new Case("rules: a change holds for what comes from then on", TopicRules::changed));

    private TopicRules() {
    }

    private static CreateRuleOptions sql(String expression) {
        return new CreateRuleOptions(new SqlRuleFilter(expression));
    }

    private static List<String> ruleNames(ServiceBusRuleManagerClient rules) {
        return rules.listRules().stream().map(RuleProperties::getName).toList();
    }

    /** A subscription for each rule, which is its only one. */
    private static void subscribe(Topic topic, Map<String, CreateRuleOptions> rules) throws Exception {
        for (Map.Entry<String, CreateRuleOptions> rule : rules.entrySet()) {
            topic.subscribe(rule.getKey(), Map.of("rules", List.of()));
            topic.rules(rule.getKey()).createRule("rule", rule.getValue());
        }
    }

    private static void defaultRule(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusRuleManagerClient rules = topic.rules("one");
        RuleProperties rule = rules.listRules().stream().findFirst().orElseThrow();
        t.same(rule.getName(), "$Default", "name");
        t.check(rule.getFilter() instanceof TrueRuleFilter, "filter " + rule.getFilter());
        topic.send(Scene.text("before"));
        rules.deleteRule("$Default");
        topic.send(Scene.text("never"));
        t.same(topic.bodies("one"), List.of("before"), "messages");
        t.same(ruleNames(rules), List.of(), "rules");
    }

    private static void listed(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("rules", List.of()));
        ServiceBusRuleManagerClient rules = topic.rules("one");
        CorrelationRuleFilter full = new CorrelationRuleFilter("correlation").setContentType("type").setLabel("label")
            .setMessageId("id").setReplyTo("reply").setReplyToSessionId("reply-session").setSessionId("session").setTo("to");
        full.getProperties().putAll(Map.of("text", "green", "number", 7, "long", 8L, "fraction", 1.5, "yes", true));
        rules.createRule("sql", sql("colour = 'green'").setAction(new SqlRuleAction("SET colour = 'blue'")));
        rules.createRule("correlation", new CreateRuleOptions(full));
        rules.createRule("true", new CreateRuleOptions(new TrueRuleFilter()));
        rules.createRule("false", new CreateRuleOptions(new FalseRuleFilter()));
        List<RuleProperties> found = rules.listRules().stream().toList();
        t.same(found.stream().map(RuleProperties::getName).toList(), List.of("sql", "correlation", "true", "false"), "names");
        t.same(((SqlRuleFilter) found.get(0).getFilter()).getSqlExpression(), "colour = 'green'", "expression");
        t.same(((SqlRuleAction) found.get(0).getAction()).getSqlExpression(), "SET colour = 'blue'", "action");
        CorrelationRuleFilter back = (CorrelationRuleFilter) found.get(1).getFilter();
        t.same(List.of(back.getCorrelationId(), back.getContentType(), back.getLabel(), back.getMessageId(), back.getReplyTo(),
            back.getReplyToSessionId(), back.getSessionId(), back.getTo()),
            List.of("correlation", "type", "label", "id", "reply", "reply-session", "session", "to"), "fields");
        t.same(texts(back.getProperties()), texts(full.getProperties()), "properties");
        // The client sends them as SQL.
        t.same(((SqlRuleFilter) found.get(2).getFilter()).getSqlExpression(), "1=1", "true filter");
        t.same(((SqlRuleFilter) found.get(3).getFilter()).getSqlExpression(), "1=0", "false filter");
        rules.deleteRule("sql");
        rules.deleteRule("CORRELATION");
        t.same(ruleNames(rules), List.of("true", "false"), "rules left");
    }

    /** This client gives the values back as text. */
    private static Map<String, String> texts(Map<String, Object> properties) {
        Map<String, String> found = new TreeMap<>();
        properties.forEach((name, value) -> found.put(name, value.toString()));
        return found;
    }

    private static void names(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusRuleManagerClient rules = topic.rules("one");
        t.refused(ServiceBusFailureReason.MESSAGING_ENTITY_ALREADY_EXISTS, () -> rules.createRule("$Default", sql("1=1")));
        t.refused(ServiceBusFailureReason.MESSAGING_ENTITY_NOT_FOUND, () -> rules.deleteRule("nowhere"));
        t.fails(() -> rules.createRule("x".repeat(51), sql("1=1")));
        t.fails(() -> rules.createRule("a/b", sql("1=1")));
        t.same(ruleNames(rules), List.of("$Default"), "rules");
    }

    private static void wrong(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusRuleManagerClient rules = topic.rules("one");
        for (String expression : List.of("colour = ", "colour = 'green", "colour LIKE", "(a = 1", "sys.Unknown = 1", "x".repeat(1025))) {
            try {
                rules.createRule("wrong", sql(expression));
            } catch (Exception e) {
                t.check(expression.length() > 1024 || e.getMessage().contains("character"), "says " + e.getMessage());
                continue;
            }
            throw new Failure("accepted: " + expression);
        }
        t.fails(() -> rules.createRule("wrong", sql("1=1").setAction(new SqlRuleAction("SET colour"))));
        t.same(ruleNames(rules), List.of("$Default"), "rules");
    }

    private static void constants(Scene t) throws Exception {
        Topic topic = Topic.of(t);
        subscribe(topic, Map.of("true", new CreateRuleOptions(new TrueRuleFilter()), "false", new CreateRuleOptions(new FalseRuleFilter())));
        topic.subscribe("both", Map.of("rules", List.of()));
        topic.rules("both").createRule("no", new CreateRuleOptions(new FalseRuleFilter()));
        topic.rules("both").createRule("yes", new CreateRuleOptions(new TrueRuleFilter()));
        topic.rules("both").createRule("yes-again", new CreateRuleOptions(new TrueRuleFilter()));
        topic.send(Scene.text("x"));
        t.same(List.of(topic.bodies("true"), topic.bodies("false"), topic.bodies("both")),
            List.of(List.of("x"), List.of(), List.of("x")), "messages");
    }

    private static ServiceBusMessage full() {
        ServiceBusMessage message = Scene.textIn("session", "full").setMessageId("id").setContentType("type")
            .setCorrelationId("correlation").setSubject("label").setTo("to").setReplyTo("reply").setReplyToSessionId("reply-session");
        message.getApplicationProperties().putAll(Map.of("colour", "green", "size", 7, "long", 8L, "weight", 1.5, "yes", true,
            "id", new UUID(0, 5), "when", OffsetDateTime.of(2026, 1, 2, 0, 0, 0, 0, ZoneOffset.UTC), "letter", 'x'));
        return message;
    }

    private static void correlation(Scene t) throws Exception {
        Topic topic = Topic.of(t);
        Map<String, CreateRuleOptions> rules = new HashMap<>();
        rules.put("correlation", new CreateRuleOptions(new CorrelationRuleFilter("correlation")));
        rules.put("content-type", new CreateRuleOptions(new CorrelationRuleFilter().setContentType("type")));
        rules.put("label", new CreateRuleOptions(new CorrelationRuleFilter().setLabel("label")));
        rules.put("id", new CreateRuleOptions(new CorrelationRuleFilter().setMessageId("id")));
        rules.put("reply", new CreateRuleOptions(new CorrelationRuleFilter().setReplyTo("reply")));
        rules.put("reply-session", new CreateRuleOptions(new CorrelationRuleFilter().setReplyToSessionId("reply-session")));
        rules.put("session", new CreateRuleOptions(new CorrelationRuleFilter().setSessionId("session")));
        rules.put("to", new CreateRuleOptions(new CorrelationRuleFilter().setTo("to").setLabel("label")));
        CorrelationRuleFilter own = new CorrelationRuleFilter();
        own.getProperties().putAll(Map.of("colour", "green", "size", 7, "long", 8L, "weight", 1.5, "yes", true));
        rules.put("own", new CreateRuleOptions(own));
        subscribe(topic, rules);
        subscribe(topic, Map.of("case", new CreateRuleOptions(new CorrelationRuleFilter().setLabel("LABEL")),
            "not-all", new CreateRuleOptions(new CorrelationRuleFilter().setLabel("label").setTo("elsewhere"))));
        topic.send(full(), Scene.text("empty"));
        for (String name : rules.keySet()) {
            t.same(topic.bodies(name), List.of("full"), "messages of " + name);
        }
        t.same(List.of(topic.bodies("case"), topic.bodies("not-all")), List.of(List.of(), List.of()), "messages of the others");
    }

    private static void sql(Scene t) throws Exception {
        Topic topic = Topic.of(t);
        Map<String, String> yes = Map.of("text", "colour = 'green'", "like", "colour LIKE '_re%'", "in", "size IN (1, 7)", "long", "long = 8",
            "fraction", "weight > 1.4 AND weight < 1.6", "yes", "yes = TRUE", "exists", "EXISTS(colour) AND NOT EXISTS(missing)",
            "null", "missing IS NULL", "system", "sys.Label = 'label' AND sys.To = 'to'", "sum", "size * 2 + 1 = 15");
        Map<String, String> no = Map.of("never", "1=0", "unknown", "missing = 'x'", "not-unknown", "NOT (missing = 'x')",
            "differs", "colour = 'Green'");
        for (Map<String, String> expressions : List.of(yes, no)) {
            for (Map.Entry<String, String> expression : expressions.entrySet()) {
                subscribe(topic, Map.of(expression.getKey(), sql(expression.getValue())));
            }
        }
        topic.send(full());
        for (String name : yes.keySet()) {
            t.same(topic.bodies(name), List.of("full"), "messages of " + name);
        }
        for (String name : no.keySet()) {
            t.same(topic.bodies(name), List.of(), "messages of " + name);
            t.same(Scene.peek(topic.deadLetters(name), 1).size(), 0, "dead letters of " + name);
        }
    }

    /** This client does not send them: the filter is refused, not silently wrong. */
    private static void parameters(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("rules", List.of()));
        SqlRuleFilter filter = new SqlRuleFilter("colour = @colour");
        filter.getParameters().put("@colour", "green");
        t.fails(() -> topic.rules("one").createRule("rule", new CreateRuleOptions(filter)));
        t.same(ruleNames(topic.rules("one")), List.of(), "rules");
    }

    private static void actions(Scene t) throws Exception {
        Topic topic = Topic.of(t).subscribe("one", Map.of("rules", List.of())).subscribe("untouched", Map.of());
        ServiceBusRuleManagerClient rules = topic.rules("one");
        rules.createRule("set", sql("colour = 'green'").setAction(new SqlRuleAction("SET colour = 'blue'; SET added = size + 1")));
        rules.createRule("remove", sql("colour = 'green'").setAction(new SqlRuleAction("REMOVE colour; SET sys.Label = 'changed'")));
        rules.createRule("plain", sql("1=1"));
        topic.send(full());
        Map<Object, ServiceBusReceivedMessage> byRule = new HashMap<>();
        for (ServiceBusReceivedMessage m : t.receive(topic.receiver("one"), 3)) {
            byRule.put(m.getApplicationProperties().getOrDefault("RuleName", "none"), m);
        }
        t.same(byRule.keySet(), Set.of("set", "remove", "none"), "rules");
        Map<String, Object> set = byRule.get("set").getApplicationProperties();
        t.same(set.get("colour") + " " + set.get("added"), "blue 8", "what is set");
        t.same(byRule.get("remove").getApplicationProperties().get("colour"), null, "what is removed");
        t.same(byRule.get("remove").getSubject(), "changed", "subject");
        t.same(byRule.get("none").getApplicationProperties().get("colour"), "green", "what is plain");
        t.same(t.receiveOne(topic.receiver("untouched")).getSubject(), "label", "subject of the other's copy");
    }

    private static void changed(Scene t) throws Exception {
        Topic topic = Topic.with(t, "one");
        ServiceBusRuleManagerClient rules = topic.rules("one");
        topic.send(Scene.text("before"));
        rules.createRule("green", sql("colour = 'green'"));
        rules.deleteRule("$Default");
        topic.send(Scene.text("other"), full());
        rules.deleteRule("green");
        rules.createRule("$Default", new CreateRuleOptions());
        topic.send(Scene.text("after"));
        t.same(topic.bodies("one"), List.of("before", "full", "after"), "messages");
    }
}
