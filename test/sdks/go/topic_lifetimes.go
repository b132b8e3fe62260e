package main

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// Time to live, duplicates, forwarding and rules of topics and subscriptions.
func topicLifetimeCases() []testCase {
	return []testCase{
		{"topic: a subscription's time to live, with dead letters and without", subscriptionExpires},
		{"topic: duplicates are dropped for all subscriptions", topicDuplicates},
		{"a subscription forwards to a queue and to a topic", subscriptionForwards},
		{"a queue forwards to a topic", queueToTopic},
		{"a subscription's dead letters are forwarded with their reason and source", subscriptionDeadLettersForwarded},
		{"a message that subscriptions forward too often is in the transfer dead-letter queue", subscriptionsTooFar},
		{"rules: true, false, both, two and none", constantRules},
		{"rules: correlation filters over every field", correlationRules},
		{"rules: SQL filters over what this client sends", sqlRules},
		{"rules: an action's copy is changed and names its rule", ruleActions},
	}
}

func subscriptionExpires(t *scene) {
	topic := t.topicWith("kept")
	t.subscribe(topic, "dropped", values{"defaultMessageTimeToLive": "PT2S"})
	t.subscribe(topic, "dead", values{"defaultMessageTimeToLive": "PT2S", "deadLetteringOnMessageExpiration": true})
	t.send(topic, text("x"))
	dead := t.receiveOne(t.deadLettersOf(topic, "dead"))
	t.check(valueOf(dead.DeadLetterReason) == "TTLExpiredException", "reason '%s'", valueOf(dead.DeadLetterReason))
	t.eventually("the other is dropped", func() bool { return len(t.bodiesOf(topic, "dropped")) == 0 })
	t.holds(topic, "kept", "x")
}

func topicDuplicates(t *scene) {
	topic := t.topic(values{"requiresDuplicateDetection": true})
	t.subscribe(topic, "one", nil)
	t.subscribe(topic, "two", nil)
	for _, m := range [][2]string{{"a", "first"}, {"a", "second"}, {"b", "third"}} {
		t.send(topic, &azservicebus.Message{MessageID: to.Ptr(m[0]), Body: []byte(m[1])})
	}
	t.holds(topic, "one", "first", "third")
	t.holds(topic, "two", "first", "third")
}

func subscriptionForwards(t *scene) {
	queue, second, topic := t.queue("plain"), t.topicWith("one"), t.topicWith()
	t.subscribe(topic, "to-queue", values{"forwardTo": queue})
	t.subscribe(topic, "to-topic", values{"forwardTo": second})
	t.send(topic, texts(2)...)
	t.hasBodies(t.receive(t.receiver(queue), 2), "message 0", "message 1")
	t.hasBodies(t.receive(t.subscriber(second, "one"), 2), "message 0", "message 1")
	_, err := t.subscriber(topic, "to-queue").ReceiveMessages(t.ctx, 1, nil)
	t.hasCondition(err, "amqp:not-allowed")
}

func queueToTopic(t *scene) {
	topic, queue := t.topicWith("one", "two"), t.queue("made")
	t.orderWith("/make", values{"queues": []values{{"name": queue, "forwardTo": topic}}})
	t.send(queue, text("x"))
	t.hasBodies(t.receive(t.subscriber(topic, "one"), 1), "x")
	t.hasBodies(t.receive(t.subscriber(topic, "two"), 1), "x")
}

func subscriptionDeadLettersForwarded(t *scene) {
	queue, topic := t.queue("plain"), t.topicWith()
	t.subscribe(topic, "one", values{"forwardDeadLetteredMessagesTo": queue})
	t.send(topic, text("bad"))
	receiver := t.subscriber(topic, "one")
	t.must(receiver.DeadLetterMessage(t.ctx, t.receiveOne(receiver), &azservicebus.DeadLetterOptions{Reason: to.Ptr("why")}), "dead-letter")
	m := t.receiveOne(t.receiver(queue))
	source := topic + "/Subscriptions/one"
	t.check(valueOf(m.DeadLetterReason) == "why" && valueOf(m.DeadLetterSource) == source, "reason '%s', source '%s'", valueOf(m.DeadLetterReason), valueOf(m.DeadLetterSource))
}

func subscriptionsTooFar(t *scene) {
	topics := []string{t.topicWith("one")}
	for range 5 {
		topic := t.topicWith()
		t.subscribe(topic, "one", values{"forwardTo": topics[len(topics)-1]})
		topics = append(topics, topic)
	}
	t.send(topics[5], text("far"))
	transfer := t.subscriberOf(t.client(), topics[1], "one", azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueTransfer})
	m := t.receiveOne(transfer)
	t.check(valueOf(m.DeadLetterReason) == "MaxTransferHopCountExceeded", "reason '%s'", valueOf(m.DeadLetterReason))
}

func constantRules(t *scene) {
	topic := t.topicWith()
	yes, no := values{"name": "yes", "filterType": "TrueFilter"}, values{"name": "no", "filterType": "FalseFilter"}
	t.subscribe(topic, "yes", values{"rules": []values{yes}})
	t.subscribe(topic, "no", values{"rules": []values{no}})
	t.subscribe(topic, "both", values{"rules": []values{no, yes}})
	t.subscribe(topic, "two", values{"rules": []values{yes, yes.with(values{"name": "again"})}})
	t.subscribe(topic, "none", values{"rules": []values{}})
	t.send(topic, text("x"))
	for _, name := range []string{"yes", "both", "two"} {
		t.holds(topic, name, "x")
	}
	t.holds(topic, "no")
	t.holds(topic, "none")
}

// full is a message that has everything which a filter can ask for.
func full() *azservicebus.Message {
	return &azservicebus.Message{
		Body: []byte("full"), MessageID: to.Ptr("id"), ContentType: to.Ptr("type"), CorrelationID: to.Ptr("correlation"), Subject: to.Ptr("label"),
		To: to.Ptr("to"), ReplyTo: to.Ptr("reply"), ReplyToSessionID: to.Ptr("reply-session"), SessionID: to.Ptr("session"),
		ApplicationProperties: map[string]any{"colour": "green", "size": 7, "small": int8(3), "unsigned": uint64(9), "weight": 1.5, "float": float32(0.5), "yes": true},
	}
}

func correlationRules(t *scene) {
	topic := t.topicWith()
	filters := map[string]values{
		"content-type": {"contentType": "type"}, "correlation": {"correlationId": "correlation"}, "label": {"label": "label"}, "id": {"messageId": "id"},
		"reply": {"replyTo": "reply"}, "reply-session": {"replyToSessionId": "reply-session"}, "session": {"sessionId": "session"},
		"two": {"to": "to", "label": "label"}, "own": {"properties": values{"colour": "green", "size": 7, "weight": 1.5, "yes": true}},
		"case": {"label": "LABEL"}, "not-all": {"label": "label", "to": "elsewhere"},
	}
	for name, filter := range filters {
		rule := values{"name": "rule", "filterType": "CorrelationFilter", "correlationFilter": filter}
		t.subscribe(topic, name, values{"rules": []values{rule}})
	}
	t.send(topic, full(), text("empty"))
	for name := range filters {
		if name == "case" || name == "not-all" {
			t.holds(topic, name)
		} else {
			t.holds(topic, name, "full")
		}
	}
}

func (t *scene) sqlSubscription(topic, name string, rules ...[3]string) {
	made := []values{}
	for _, rule := range rules {
		description := values{"name": rule[0], "filterType": "SqlFilter", "sqlFilter": values{"sqlExpression": rule[1]}}
		if rule[2] != "" {
			description["action"] = values{"sqlExpression": rule[2]}
		}
		made = append(made, description)
	}
	t.subscribe(topic, name, values{"rules": made})
}

func sqlRules(t *scene) {
	topic := t.topicWith()
	yes := []string{
		"colour = 'green'", "colour LIKE '_re%'", "size IN (1, 7)", "small = 3 AND unsigned = 9", "weight > 1.4 AND weight < 1.6", "float = 0.5",
		"yes = TRUE", "EXISTS(colour) AND NOT EXISTS(missing)", "missing IS NULL", "sys.Label = 'label' AND sys.To = 'to'", "size * 2 + 1 = 15",
	}
	no := []string{"1=0", "missing = 'x'", "NOT (missing = 'x')", "colour = 'Green'"}
	for i, expression := range yes {
		t.sqlSubscription(topic, fmt.Sprint("yes", i), [3]string{"rule", expression})
	}
	for i, expression := range no {
		t.sqlSubscription(topic, fmt.Sprint("no", i), [3]string{"rule", expression})
	}
	t.send(topic, full())
	for i := range yes {
		t.holds(topic, fmt.Sprint("yes", i), "full")
	}
	for i := range no {
		t.holds(topic, fmt.Sprint("no", i))
	}
}

func ruleActions(t *scene) {
	topic := t.topicWith("untouched")
	t.sqlSubscription(topic, "one",
		[3]string{"set", "colour = 'green'", "SET colour = 'blue'; SET added = size + 1"},
		[3]string{"remove", "colour = 'green'", "REMOVE colour; SET sys.Label = 'changed'"},
		[3]string{"plain", "1=1"})
	t.send(topic, full())
	byRule := map[any]*azservicebus.ReceivedMessage{}
	for _, m := range t.receive(t.subscriber(topic, "one"), 3) {
		byRule[m.ApplicationProperties["RuleName"]] = m
	}
	set, remove, plain := byRule["set"], byRule["remove"], byRule[nil]
	t.check(set != nil && remove != nil && plain != nil, "rules %v", byRule)
	t.check(set.ApplicationProperties["colour"] == "blue" && fmt.Sprint(set.ApplicationProperties["added"]) == "8", "set: %v", set.ApplicationProperties)
	_, found := remove.ApplicationProperties["colour"]
	t.check(!found && *remove.Subject == "changed", "removed: %v, '%s'", remove.ApplicationProperties, *remove.Subject)
	t.check(plain.ApplicationProperties["colour"] == "green", "plain: %v", plain.ApplicationProperties)
	t.check(*t.receiveOne(t.subscriber(topic, "untouched")).Subject == "label", "the other's copy is changed")
}
