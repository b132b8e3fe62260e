package sdks;

import com.azure.core.exception.ClientAuthenticationException;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.exception.ResourceExistsException;
import com.azure.core.exception.ResourceNotFoundException;
import com.azure.core.http.HttpPipelineCallContext;
import com.azure.core.http.HttpPipelineNextPolicy;
import com.azure.core.http.HttpResponse;
import com.azure.core.http.policy.HttpPipelinePolicy;
import com.azure.core.http.policy.RetryPolicy;
import com.azure.core.http.policy.FixedDelay;
import com.azure.messaging.servicebus.administration.ServiceBusAdministrationClient;
import com.azure.messaging.servicebus.administration.ServiceBusAdministrationClientBuilder;
import com.azure.messaging.servicebus.administration.models.AccessRights;
import com.azure.messaging.servicebus.administration.models.CorrelationRuleFilter;
import com.azure.messaging.servicebus.administration.models.CreateQueueOptions;
import com.azure.messaging.servicebus.administration.models.CreateRuleOptions;
import com.azure.messaging.servicebus.administration.models.CreateSubscriptionOptions;
import com.azure.messaging.servicebus.administration.models.CreateTopicOptions;
import com.azure.messaging.servicebus.administration.models.EntityStatus;
import com.azure.messaging.servicebus.administration.models.FalseRuleFilter;
import com.azure.messaging.servicebus.administration.models.MessagingSku;
import com.azure.messaging.servicebus.administration.models.QueueProperties;
import com.azure.messaging.servicebus.administration.models.QueueRuntimeProperties;
import com.azure.messaging.servicebus.administration.models.RuleProperties;
import com.azure.messaging.servicebus.administration.models.SharedAccessAuthorizationRule;
import com.azure.messaging.servicebus.administration.models.SqlRuleAction;
import com.azure.messaging.servicebus.administration.models.SqlRuleFilter;
import com.azure.messaging.servicebus.administration.models.SubscriptionProperties;
import com.azure.messaging.servicebus.administration.models.SubscriptionRuntimeProperties;
import com.azure.messaging.servicebus.administration.models.TopicProperties;
import com.azure.messaging.servicebus.administration.models.TopicRuntimeProperties;
import com.azure.messaging.servicebus.administration.models.TrueRuleFilter;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import reactor.core.publisher.Mono;

/** The admin client. It forgets the port of the endpoint, so a policy sets scheme, host and port of each request. */
final class Administration {
    static final List<Case> CASES = List.of(
        new Case("admin: the namespace", Administration::namespace),
        new Case("admin: a queue is made, read, changed, listed and deleted", Administration::queue),
        new Case("admin: what a queue holds", Administration::counts),
        new Case("admin: what does not exist, exists already, or cannot be", Administration::errors),
        new Case("admin: the lists come in pages", Administration::pages),
        new Case("admin: a topic and its subscriptions", Administration::topic),
        new Case("admin: rules of every kind", Administration::rules),
        new Case("admin: what is forwarded to reads back as an address", Administration::forwarding),
        new Case("admin: access rules of a queue, and what their keys open", Administration::accessRules),
        new Case("admin: a rule without Manage, and a wrong key", Administration::rights),
        new Case("admin: the same without TLS", Administration::plain));

    private static final AtomicInteger MADE = new AtomicInteger();

    private Administration() {
    }

    /** Sends each request to where the broker is. */
    private record Redirect(String scheme, URI to) implements HttpPipelinePolicy {
        @Override
        public Mono<HttpResponse> process(HttpPipelineCallContext context, HttpPipelineNextPolicy next) {
            try {
                context.getHttpRequest().setUrl(new URL(scheme, to.getHost(), to.getPort(), context.getHttpRequest().getUrl().getFile()));
            } catch (MalformedURLException e) {
                return Mono.error(e);
            }
            return next.process();
        }
    }

    private static ServiceBusAdministrationClient admin(Scene t) {
        return secure(t.settings().admin());
    }

    private static ServiceBusAdministrationClient secure(String connectionString) {
        return admin("https", connectionString);
    }

    private static ServiceBusAdministrationClient admin(String scheme, String connectionString) {
        URI endpoint = URI.create(connectionString.split(";")[0].substring("Endpoint=".length()));
        return new ServiceBusAdministrationClientBuilder().connectionString(connectionString).addPolicy(new Redirect(scheme, endpoint))
            .retryPolicy(new RetryPolicy(new FixedDelay(0, Duration.ofMillis(1)))).buildClient();
    }

    private static ServiceBusAdministrationClient adminAs(Scene t, String rule, String key) {
        return secure(t.settings().admin().split(";")[0] + ";SharedAccessKeyName=" + rule + ";SharedAccessKey=" + key);
    }

    private static void plain(Scene t) {
        ServiceBusAdministrationClient client = admin("http", t.settings().plainAdmin());
        String name = name(t);
        client.createTopic(name);
        client.createSubscription(name, "one");
        t.check(client.getSubscriptionExists(name, "one"), "the subscription is not there");
        t.same(client.listRules(name, "one").stream().map(RuleProperties::getName).toList(), List.of("$Default"), "rules");
        client.deleteTopic(name);
        t.check(!client.getTopicExists(name), "the topic is still there");
    }

    private static String name(Scene t) {
        return t.settings().prefix() + "admin/" + MADE.incrementAndGet();
    }

    private static <E extends HttpResponseException> void fails(Class<E> kind, int status, String containing, Callable<?> action) throws Exception {
        Object result;
        try {
            result = action.call();
        } catch (HttpResponseException e) {
            if (e.getClass() != kind || e.getResponse().getStatusCode() != status || !e.getMessage().contains(containing)) {
                throw new Failure("not " + kind.getSimpleName() + " with status " + status + " and '" + containing + "': " + e);
            }
            return;
        }
        throw new Failure(result + " was returned, " + kind.getSimpleName() + " was expected");
    }

    private static void same(Scene t, String what, Object expected, Object got) {
        t.same(got, expected, what);
    }

    private static void namespace(Scene t) {
        var properties = admin(t).getNamespaceProperties();
        same(t, "name", "retrain", properties.getName());
        same(t, "SKU", MessagingSku.STANDARD, properties.getMessagingSku());
        t.check(properties.getCreatedTime() != null, "no time");
    }

    private static void queue(Scene t) throws Exception {
        var client = admin(t);
        String name = name(t);
        client.createQueue(name, new CreateQueueOptions().setLockDuration(Duration.ofSeconds(30)).setMaxDeliveryCount(7).setSessionRequired(true)
            .setDuplicateDetectionRequired(true).setDuplicateDetectionHistoryTimeWindow(Duration.ofMinutes(1))
            .setDefaultMessageTimeToLive(Duration.ofDays(14)).setDeadLetteringOnMessageExpiration(true).setUserMetadata("a <note> & more")
            .setMaxSizeInMegabytes(2048).setMaxMessageSizeInKilobytes(2048).setBatchedOperationsEnabled(false));
        QueueProperties queue = client.getQueue(name);
        same(t, "name", name, queue.getName());
        same(t, "lock duration", Duration.ofSeconds(30), queue.getLockDuration());
        same(t, "delivery count", 7, queue.getMaxDeliveryCount());
        same(t, "time to live", Duration.ofDays(14), queue.getDefaultMessageTimeToLive());
        same(t, "metadata", "a <note> & more", queue.getUserMetadata());
        same(t, "size", 2048L, queue.getMaxSizeInMegabytes());
        same(t, "size of messages", 2048L, queue.getMaxMessageSizeInKilobytes());
        same(t, "status", EntityStatus.ACTIVE, queue.getStatus());
        t.check(queue.isSessionRequired() && queue.isDuplicateDetectionRequired(), "what is fixed");
        // The longest time of the service goes to and fro in this client's own way of writing it.
        same(t, "days without use", 10_675_199L, queue.getAutoDeleteOnIdle().toDays());
        QueueProperties changed = client.updateQueue(queue.setMaxDeliveryCount(8).setUserMetadata(null));
        same(t, "changed delivery count", 8, changed.getMaxDeliveryCount());
        same(t, "changed metadata", null, changed.getUserMetadata());
        same(t, "days without use, changed", 10_675_199L, changed.getAutoDeleteOnIdle().toDays());
        t.check(client.listQueues().stream().anyMatch(each -> each.getName().equals(name)), "not in the list");
        client.deleteQueue(name);
        same(t, "whether it exists", false, client.getQueueExists(name));
        fails(ResourceNotFoundException.class, 200, name, () -> client.getQueue(name));
    }

    private static void counts(Scene t) {
        var client = admin(t);
        String name = name(t);
        client.createQueue(name);
        t.send(name, Scene.text("a"), Scene.text("b"), Scene.text("c"));
        t.sender(name).scheduleMessage(Scene.text("d"), OffsetDateTime.now().plusHours(1));
        var receiver = t.receiver(name);
        receiver.deadLetter(t.receive(receiver, 1).get(0));
        QueueRuntimeProperties counts = client.getQueueRuntimeProperties(name);
        same(t, "counts", List.of(4L, 2, 1, 1, 0, 0), List.of(counts.getTotalMessageCount(), counts.getActiveMessageCount(),
            counts.getDeadLetterMessageCount(), counts.getScheduledMessageCount(), counts.getTransferMessageCount(),
            counts.getTransferDeadLetterMessageCount()));
        t.check(counts.getSizeInBytes() > 0, "no size");
        t.check(!counts.getCreatedAt().isAfter(counts.getUpdatedAt()), "times");
        t.check(counts.getAccessedAt().isAfter(counts.getCreatedAt()), "time of use");
    }

    private static void errors(Scene t) throws Exception {
        var client = admin(t);
        String name = name(t);
        fails(ResourceNotFoundException.class, 200, name, () -> client.getQueue(name));
        fails(ResourceNotFoundException.class, 200, name, () -> client.getTopic(name));
        fails(ResourceNotFoundException.class, 404, "could not be found", () -> {
            client.deleteQueue(name);
            return "deleted";
        });
        QueueProperties queue = client.createQueue(name);
        fails(ResourceExistsException.class, 409, "SubCode=40900", () -> client.createQueue(name));
        fails(HttpResponseException.class, 400, "PT6M",
            () -> client.createQueue(name(t), new CreateQueueOptions().setLockDuration(Duration.ofMinutes(6))));
        fails(HttpResponseException.class, 400, "maxDeliveryCount", () -> client.updateQueue(queue.setMaxDeliveryCount(0)));
        fails(ResourceNotFoundException.class, 404, "could not be found", () -> client.createSubscription(name(t), "s"));
    }

    private static void pages(Scene t) {
        var client = admin(t);
        String topic = name(t);
        client.createTopic(topic);
        List<String> names = new ArrayList<>();
        IntStream.range(0, 205).forEach(index -> {
            names.add(String.format("s%03d", index));
            client.createSubscription(topic, names.get(index));
        });
        same(t, "all of them", names, client.listSubscriptions(topic).stream().map(SubscriptionProperties::getSubscriptionName).toList());
        same(t, "pages", List.of(100, 100, 5), client.listSubscriptions(topic).streamByPage().map(page -> page.getValue().size()).toList());
        client.deleteTopic(topic);
    }

    private static void topic(Scene t) throws Exception {
        var client = admin(t);
        String topic = name(t);
        client.createTopic(topic, new CreateTopicOptions().setPartitioningEnabled(true).setOrderingSupported(false).setUserMetadata("note"));
        TopicProperties properties = client.getTopic(topic);
        same(t, "size of all partitions", 16384L, properties.getMaxSizeInMegabytes());
        same(t, "changed metadata", "other", client.updateTopic(properties.setUserMetadata("other")).getUserMetadata());
        same(t, "size of all partitions, changed", 16384L, client.getTopic(topic).getMaxSizeInMegabytes());
        client.createSubscription(topic, "s", new CreateSubscriptionOptions().setMaxDeliveryCount(3).setLockDuration(Duration.ofSeconds(30))
            .setDefaultMessageTimeToLive(Duration.ofHours(5)));
        SubscriptionProperties subscription = client.getSubscription(topic, "s");
        same(t, "delivery count", 3, subscription.getMaxDeliveryCount());
        SubscriptionProperties changed = client.updateSubscription(subscription.setMaxDeliveryCount(4));
        same(t, "changed delivery count", 4, changed.getMaxDeliveryCount());
        // This client leaves it out of an update.
        same(t, "time to live", Duration.ofHours(5), changed.getDefaultMessageTimeToLive());
        t.send(topic, Scene.text("a"));
        SubscriptionRuntimeProperties ofSubscription = client.getSubscriptionRuntimeProperties(topic, "s");
        same(t, "counts", List.of(1L, 1), List.of(ofSubscription.getTotalMessageCount(), ofSubscription.getActiveMessageCount()));
        TopicRuntimeProperties ofTopic = client.getTopicRuntimeProperties(topic);
        same(t, "the topic's counts", List.of(1, 0), List.of(ofTopic.getSubscriptionCount(), ofTopic.getScheduledMessageCount()));
        client.deleteSubscription(topic, "s");
        same(t, "whether the subscription exists", false, client.getSubscriptionExists(topic, "s"));
        client.deleteTopic(topic);
        same(t, "whether the topic exists", false, client.getTopicExists(topic));
    }

    private static void rules(Scene t) throws Exception {
        var client = admin(t);
        String topic = name(t);
        client.createTopic(topic);
        client.createSubscription(topic, "s");
        CorrelationRuleFilter correlation = new CorrelationRuleFilter().setCorrelationId("c").setLabel("l").setTo("t");
        correlation.getProperties().put("text", "a");
        SqlRuleFilter sql = new SqlRuleFilter("a = @text");
        sql.getParameters().put("@text", "x");
        SqlRuleAction action = new SqlRuleAction("SET c = 1");
        client.createRule(topic, "correlation", "s", new CreateRuleOptions(correlation).setAction(action));
        client.createRule(topic, "sql", "s", new CreateRuleOptions(sql));
        client.createRule(topic, "true", "s", new CreateRuleOptions(new TrueRuleFilter()));
        client.createRule(topic, "false", "s", new CreateRuleOptions(new FalseRuleFilter()));
        RuleProperties rule = client.getRule(topic, "s", "correlation");
        CorrelationRuleFilter read = (CorrelationRuleFilter) rule.getFilter();
        same(t, "correlation", List.of("c", "l", "t"), List.of(read.getCorrelationId(), read.getLabel(), read.getTo()));
        same(t, "properties", "a", read.getProperties().get("text"));
        same(t, "action", "SET c = 1", ((SqlRuleAction) rule.getAction()).getSqlExpression());
        SqlRuleFilter readSql = (SqlRuleFilter) client.getRule(topic, "s", "sql").getFilter();
        same(t, "expression", "a = @text", readSql.getSqlExpression());
        same(t, "parameter", "x", readSql.getParameters().get("@text"));
        same(t, "kinds", List.of("TrueRuleFilter", "CorrelationRuleFilter", "FalseRuleFilter", "SqlRuleFilter", "TrueRuleFilter"),
            client.listRules(topic, "s").stream().map(each -> each.getFilter().getClass().getSimpleName()).toList());
        client.updateRule(topic, "s", rule.setFilter(new SqlRuleFilter("a = 2")));
        same(t, "changed expression", "a = 2", ((SqlRuleFilter) client.getRule(topic, "s", "correlation").getFilter()).getSqlExpression());
        fails(HttpResponseException.class, 400, "at character",
            () -> client.createRule(topic, "bad", "s", new CreateRuleOptions(new SqlRuleFilter("a = = 2"))));
        client.deleteRule(topic, "s", "sql");
        fails(ResourceNotFoundException.class, 404, "could not be found", () -> {
            client.deleteRule(topic, "s", "sql");
            return "deleted";
        });
        client.createSubscription(topic, "u", "own", new CreateSubscriptionOptions(), new CreateRuleOptions(sql));
        same(t, "its rules", List.of("own"), client.listRules(topic, "u").stream().map(RuleProperties::getName).toList());
    }

    private static void forwarding(Scene t) {
        var client = admin(t);
        String to = name(t);
        String from = name(t);
        client.createQueue(to);
        QueueProperties queue = client.createQueue(from, new CreateQueueOptions().setForwardTo(to).setForwardDeadLetteredMessagesTo(to));
        t.check(queue.getForwardTo().endsWith("/" + to), "forwards to " + queue.getForwardTo());
        client.updateQueue(queue.setMaxDeliveryCount(3));
        t.send(from, Scene.text("a"));
        t.hasBodies(t.receive(t.receiver(to), 1), "a");
    }

    private static void accessRules(Scene t) throws Exception {
        var client = admin(t);
        String name = name(t);
        String key = "a-primary-key-of-the-owner";
        CreateQueueOptions options = new CreateQueueOptions();
        options.getAuthorizationRules().add(new SharedAccessAuthorizationRule("owner", key, "a-secondary-key-of-the-owner",
            List.of(AccessRights.MANAGE, AccessRights.SEND, AccessRights.LISTEN)));
        client.createQueue(name, options);
        var rules = client.getQueue(name).getAuthorizationRules();
        same(t, "rules", 1, rules.size());
        same(t, "key", key, rules.get(0).getPrimaryKey());
        same(t, "rights", List.of(AccessRights.MANAGE, AccessRights.SEND, AccessRights.LISTEN), rules.get(0).getAccessRights());
        // This client signs for the whole namespace, for which the rule of a queue is none.
        fails(ClientAuthenticationException.class, 401, "InvalidSignature", () -> adminAs(t, "owner", key).getQueue(name));
    }

    private static void rights(Scene t) throws Exception {
        for (String[] rule : new String[][] {{"send-only", "key-that-may-only-send"}, {"listen-only", "key-that-may-only-listen"}}) {
            var client = adminAs(t, rule[0], rule[1]);
            fails(ClientAuthenticationException.class, 401, "Manage,EntityWrite claims required", () -> client.createQueue(name(t)));
            fails(ClientAuthenticationException.class, 401, "Manage,EntityRead claims required", () -> client.getQueue(name(t)));
        }
        fails(ClientAuthenticationException.class, 401, "InvalidSignature", () -> adminAs(t, "send-only", "wrong").getNamespaceProperties());
    }
}
