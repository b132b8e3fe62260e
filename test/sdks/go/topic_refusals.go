package main

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func topicRefusalCases() []testCase {
	return []testCase{
		{"a topic and a subscription that do not exist are not found", topicNotFound},
		{"nobody sends to a subscription or receives from a topic", wrongWay},
		{"sessions asked of a subscription without, none of one with", wrongSessions},
		{"rights on topics and subscriptions", topicRights},
		{"disabled topics and subscriptions refuse what is disabled", disabledTopics},
		{"a topic that is disabled while a sender is attached", disabledMeanwhile},
		{"a topic that is deleted while links are attached", deletedMeanwhile},
	}
}

// These end the connections of everybody.
func topicRestartCases() []testCase {
	return []testCase{
		{"topics, subscriptions, rules and copies survive a restart and a kill", topicsSurvive},
	}
}

func topicNotFound(t *scene) {
	nowhere := t.settings.prefix + "nowhere"
	t.hasCode(t.sender(nowhere).SendMessage(t.ctx, text("x"), nil), azservicebus.CodeNotFound)
	for _, topic := range []string{nowhere, t.topicWith()} {
		_, err := t.subscriber(topic, "none").ReceiveMessages(t.ctx, 1, nil)
		t.hasCode(err, azservicebus.CodeNotFound)
		_, err = t.subscriber(topic, "none").PeekMessages(t.ctx, 1, nil)
		t.hasCode(err, azservicebus.CodeNotFound)
		_, err = t.client().AcceptSessionForSubscription(t.ctx, topic, "none", "a", nil)
		t.hasCode(err, azservicebus.CodeNotFound)
	}
}

func wrongWay(t *scene) {
	topic := t.topicWith("one")
	t.hasCondition(t.sender(topic+"/Subscriptions/one").SendMessage(t.ctx, text("no"), nil), "amqp:not-allowed")
	_, err := t.receiver(topic).ReceiveMessages(t.ctx, 1, nil)
	t.hasCondition(err, "amqp:not-allowed")
	_, err = t.client().AcceptNextSessionForQueue(t.ctx, topic, nil)
	t.hasCondition(err, "amqp:not-allowed")
}

func wrongSessions(t *scene) {
	topic := t.topicWith("plain")
	t.subscribe(topic, "sessions", values{"requiresSession": true})
	_, err := t.client().AcceptSessionForSubscription(t.ctx, topic, "plain", "a", nil)
	t.hasCondition(err, "amqp:not-allowed")
	_, err = t.subscriber(topic, "sessions").ReceiveMessages(t.ctx, 1, nil)
	t.hasCondition(err, "amqp:not-allowed")
}

func topicRights(t *scene) {
	topic := t.topicWith("one")
	sends, listens := t.clientOf(t.settings.sendOnly), t.clientOf(t.settings.listenOnly)
	t.hasCode(t.senderOf(listens, topic).SendMessage(t.ctx, text("x"), nil), azservicebus.CodeUnauthorizedAccess)
	_, err := t.subscriberOf(sends, topic, "one", azservicebus.ReceiverOptions{}).ReceiveMessages(t.ctx, 1, nil)
	t.hasCode(err, azservicebus.CodeUnauthorizedAccess)
	t.must(t.senderOf(sends, topic).SendMessage(t.ctx, text("x"), nil), "send with the right to send")
	t.hasBodies(t.receive(t.subscriberOf(listens, topic, "one", azservicebus.ReceiverOptions{}), 1), "x")
}

func disabledTopics(t *scene) {
	for _, status := range []string{"Disabled", "SendDisabled"} {
		t.hasCondition(t.sender(t.topic(values{"status": status})).SendMessage(t.ctx, text("x"), nil), "com.microsoft:entity-disabled")
	}
	topic := t.topicWith()
	t.subscribe(topic, "one", values{"status": "ReceiveDisabled"})
	t.subscribe(topic, "two", values{"status": "Disabled"})
	t.send(topic, text("x"))
	for _, name := range []string{"one", "two"} {
		_, err := t.subscriber(topic, name).ReceiveMessages(t.ctx, 1, nil)
		t.hasCondition(err, "com.microsoft:entity-disabled")
		t.orderWith("/change", values{"topic": topic, "subscription": name, "to": values{"status": "Active"}})
		t.hasBodies(t.receive(t.subscriber(topic, name), 1), "x")
	}
}

func disabledMeanwhile(t *scene) {
	topic := t.topicWith("one")
	sender := t.sender(topic)
	t.must(sender.SendMessage(t.ctx, text("before"), nil), "send")
	t.orderWith("/change", values{"topic": topic, "to": values{"status": "SendDisabled"}})
	t.hasCondition(sender.SendMessage(t.ctx, text("no"), nil), "com.microsoft:entity-disabled")
	t.orderWith("/change", values{"topic": topic, "to": values{"status": "Active"}})
	t.send(topic, text("after"))
	t.holds(topic, "one", "before", "after")
}

func deletedMeanwhile(t *scene) {
	topic := t.topicWith("one")
	sender, receiver := t.sender(topic), t.subscriber(topic, "one")
	t.must(sender.SendMessage(t.ctx, text("x"), nil), "send")
	t.receiveOne(receiver)
	t.orderWith("/delete", values{"topic": topic})
	// The client has no code of its own for a link that ends so.
	t.hasCondition(sender.SendMessage(t.ctx, text("no"), nil), "amqp:not-found")
	_, err := receiver.ReceiveMessages(t.ctx, 1, nil)
	t.hasCondition(err, "amqp:not-found")
	t.orderWith("/make", values{"topics": []values{{"name": topic}}})
	t.subscribe(topic, "one", nil)
	t.send(topic, text("of the new one"))
	t.holds(topic, "one", "of the new one")
}

func topicsSurvive(t *scene) {
	topic := t.topicWith("one")
	t.sqlSubscription(topic, "filtered", [3]string{"green", "colour = 'green'"})
	t.subscribe(topic, "sessions", values{"requiresSession": true})
	for _, end := range []string{"/kill", "/restart", "/kill"} {
		t.send(topic, full(), textIn("session", "plain"))
		receiver := t.subscriber(topic, "one")
		messages := t.receive(receiver, 2)
		t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
		t.must(receiver.DeferMessage(t.ctx, messages[1], nil), "defer")
		_, err := t.sender(topic).ScheduleMessages(t.ctx, []*azservicebus.Message{textIn("b", "later")}, time.Now().Add(time.Second), nil)
		t.must(err, "schedule")
		t.order(end)
		again := t.subscriber(topic, "one")
		later := t.receiveOne(again)
		t.check(string(later.Body) == "later", "'%s' came", later.Body)
		t.must(again.CompleteMessage(t.ctx, later, nil), "complete")
		deferred, err := again.ReceiveDeferredMessages(t.ctx, []int64{*messages[1].SequenceNumber}, nil)
		t.must(err, "receive deferred")
		t.must(again.CompleteMessage(t.ctx, deferred[0], nil), "complete")
		filtered := t.subscriber(topic, "filtered")
		m := t.receiveOne(filtered)
		t.check(string(m.Body) == "full", "'%s' came", m.Body)
		t.must(filtered.CompleteMessage(t.ctx, m, nil), "complete")
		session := t.subscriptionSession(topic, "sessions", "session")
		for _, m := range t.receive(session, 2) {
			t.must(session.CompleteMessage(t.ctx, m, nil), "complete")
		}
		t.must(session.Close(t.ctx), "close")
	}
	t.holds(topic, "one")
	t.holds(topic, "filtered")
}
