package main

import (
	"reflect"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func topicCases() []testCase {
	return []testCase{
		{"topic: every subscription gets a copy with every property, and numbers it by itself", copiesOfTopic},
		{"topic: a message without a subscription is accepted and gone", nobodySubscribed},
		{"topic: a batch filled to its limit", topicBatch},
		{"topic: an oversize message is refused", topicOversize},
		{"subscription: receive and delete", subscriptionDeletes},
		{"subscription: complete, abandon, defer and dead-letter, each for itself alone", subscriptionSettles},
		{"subscription: settled by lock token alone; a lock is renewed, and one that runs out counts", subscriptionLocks},
		{"subscription: after its deliveries a message is dead-lettered there", subscriptionTooOften},
		{"subscription: peek shows active, locked and deferred messages", subscriptionPeeks},
		{"subscription with sessions: by id and next, order, state, lock", subscriptionSessions},
		{"subscription with sessions: they are listed", subscriptionSessionsListed},
		{"subscription with sessions: a message without a session is dead-lettered there", subscriptionWithoutSession},
		{"topic: scheduled messages come to every subscription and can be cancelled", topicSchedules},
	}
}

func (t *scene) subscriberOf(client *azservicebus.Client, topic, name string, options azservicebus.ReceiverOptions) *azservicebus.Receiver {
	receiver, err := client.NewReceiverForSubscription(topic, name, &options)
	t.must(err, "receiver of "+topic+"/"+name)
	t.onEnd(receiver.Close)
	return receiver
}

func (t *scene) subscriber(topic, name string) *azservicebus.Receiver {
	return t.subscriberOf(t.client(), topic, name, azservicebus.ReceiverOptions{})
}

func (t *scene) deadLettersOf(topic, name string) *azservicebus.Receiver {
	return t.subscriberOf(t.client(), topic, name, azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
}

// bodiesOf says what is in a subscription, whatever its state.
func (t *scene) bodiesOf(topic, name string) []string {
	peeked, err := t.subscriber(topic, name).PeekMessages(t.ctx, 100, nil)
	t.must(err, "peek")
	return bodies(peeked)
}

func (t *scene) holds(topic, name string, expected ...string) {
	found := t.bodiesOf(topic, name)
	if len(found)+len(expected) > 0 && !reflect.DeepEqual(found, expected) {
		t.fail("%s has %q, expected %q", name, found, expected)
	}
}

func copiesOfTopic(t *scene) {
	topic := t.topicWith("one", "two")
	own := map[string]any{"text": "green", "number": int64(7), "yes": true, "fraction": 1.5}
	for _, body := range []string{"first", "second"} {
		t.send(topic, &azservicebus.Message{
			Body: []byte(body), MessageID: to.Ptr(body), ContentType: to.Ptr("type"), CorrelationID: to.Ptr("correlation"), Subject: to.Ptr("subject"),
			To: to.Ptr("to"), ReplyTo: to.Ptr("reply"), ReplyToSessionID: to.Ptr("reply-session"), SessionID: to.Ptr("session"),
			TimeToLive: to.Ptr(5 * time.Minute), ApplicationProperties: own,
		})
	}
	for _, name := range []string{"one", "two"} {
		receiver := t.subscriber(topic, name)
		messages := t.receive(receiver, 2)
		t.hasBodies(messages, "first", "second")
		m := messages[1]
		found := []string{m.MessageID, *m.ContentType, *m.CorrelationID, *m.Subject, *m.To, *m.ReplyTo, *m.ReplyToSessionID, *m.SessionID}
		expected := []string{"second", "type", "correlation", "subject", "to", "reply", "reply-session", "session"}
		t.check(reflect.DeepEqual(found, expected), "properties %q", found)
		t.check(*m.TimeToLive == 5*time.Minute, "time to live %s", m.TimeToLive)
		t.check(reflect.DeepEqual(m.ApplicationProperties, own), "own properties %v", m.ApplicationProperties)
		t.check(*m.SequenceNumber == 2 && *m.EnqueuedSequenceNumber == 2, "numbers %d, %d", *m.SequenceNumber, *m.EnqueuedSequenceNumber)
		for _, m := range messages {
			t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
		}
		t.holds(topic, name)
	}
}

func nobodySubscribed(t *scene) {
	topic := t.topicWith()
	t.send(topic, text("nobody"))
	t.subscribe(topic, "one", nil)
	t.send(topic, text("somebody"))
	t.holds(topic, "one", "somebody")
}

func topicBatch(t *scene) {
	topic := t.topicWith("one")
	sender := t.sender(topic)
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	for batch.AddMessage(&azservicebus.Message{Body: make([]byte, 10*1024)}, nil) == nil {
		t.check(batch.NumMessages() < 1000, "the batch has no limit")
	}
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the batch")
	t.check(len(t.bodiesOf(topic, "one")) == int(batch.NumMessages()), "not %d messages", batch.NumMessages())
}

func topicOversize(t *scene) {
	topic := t.topic(values{"maxMessageSizeInKilobytes": 16})
	t.subscribe(topic, "one", nil)
	err := t.sender(topic).SendMessage(t.ctx, &azservicebus.Message{Body: make([]byte, 17*1024)}, nil)
	t.check(err == azservicebus.ErrMessageTooLarge, "got %v", err)
	t.holds(topic, "one")
}

func subscriptionDeletes(t *scene) {
	topic := t.topicWith("one", "two")
	t.send(topic, texts(3)...)
	deleter := t.subscriberOf(t.client(), topic, "one", azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	t.hasBodies(t.receive(deleter, 3), "message 0", "message 1", "message 2")
	t.holds(topic, "one")
	t.holds(topic, "two", "message 0", "message 1", "message 2")
}

func subscriptionSettles(t *scene) {
	topic := t.topicWith("one", "two")
	t.send(topic, texts(4)...)
	receiver := t.subscriber(topic, "one")
	messages := t.receive(receiver, 4)
	t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
	t.must(receiver.AbandonMessage(t.ctx, messages[1], nil), "abandon")
	t.must(receiver.DeferMessage(t.ctx, messages[2], nil), "defer")
	reason := azservicebus.DeadLetterOptions{Reason: to.Ptr("why"), ErrorDescription: to.Ptr("because")}
	t.must(receiver.DeadLetterMessage(t.ctx, messages[3], &reason), "dead-letter")
	again := t.receiveOne(receiver)
	t.check(string(again.Body) == "message 1" && again.DeliveryCount == 2, "'%s', delivery %d", again.Body, again.DeliveryCount)
	deferred, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{*messages[2].SequenceNumber}, nil)
	t.must(err, "receive deferred")
	t.hasBodies(deferred, "message 2")
	t.must(receiver.CompleteMessage(t.ctx, deferred[0], nil), "complete")
	dead := t.receiveOne(t.deadLettersOf(topic, "one"))
	t.check(valueOf(dead.DeadLetterReason) == "why" && valueOf(dead.DeadLetterErrorDescription) == "because", "reason '%s'", valueOf(dead.DeadLetterReason))
	t.holds(topic, "two", "message 0", "message 1", "message 2", "message 3")
}

func subscriptionLocks(t *scene) {
	topic := t.topicWith()
	t.subscribe(topic, "one", values{"lockDuration": "PT5S"})
	t.send(topic, text("kept"), text("lost"), text("by token"))
	receiver := t.subscriber(topic, "one")
	messages := t.receive(receiver, 3)
	t.must(receiver.CompleteMessage(t.ctx, byToken(messages[2]), nil), "complete by token")
	until := *messages[0].LockedUntil
	t.waitUntil(until.Add(-2 * time.Second))
	t.must(receiver.RenewMessageLock(t.ctx, messages[0], nil), "renew")
	t.check(messages[0].LockedUntil.After(until), "the lock was not renewed")
	again := t.receiveOne(t.subscriber(topic, "one"))
	t.check(string(again.Body) == "lost" && again.DeliveryCount == 2, "'%s', delivery %d", again.Body, again.DeliveryCount)
	t.hasCode(receiver.CompleteMessage(t.ctx, messages[1], nil), azservicebus.CodeLockLost)
	t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
}

func subscriptionTooOften(t *scene) {
	topic := t.topicWith("two")
	t.subscribe(topic, "one", values{"maxDeliveryCount": 2})
	t.send(topic, text("bad"))
	receiver := t.subscriber(topic, "one")
	for range 2 {
		t.must(receiver.AbandonMessage(t.ctx, t.receiveOne(receiver), nil), "abandon")
	}
	dead := t.receiveOne(t.deadLettersOf(topic, "one"))
	t.check(valueOf(dead.DeadLetterReason) == "MaxDeliveryCountExceeded", "reason '%s'", valueOf(dead.DeadLetterReason))
	t.check(t.receiveOne(t.subscriber(topic, "two")).DeliveryCount == 1, "the other subscription's was delivered before")
}

func subscriptionPeeks(t *scene) {
	topic := t.topicWith("one")
	t.send(topic, texts(3)...)
	receiver := t.subscriber(topic, "one")
	t.must(receiver.DeferMessage(t.ctx, t.receive(receiver, 2)[0], nil), "defer")
	peeked, err := receiver.PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.hasBodies(peeked, "message 0", "message 1", "message 2")
	t.check(peeked[0].State == azservicebus.MessageStateDeferred && peeked[1].State == azservicebus.MessageStateActive, "states")
	peeked, err = receiver.PeekMessages(t.ctx, 2, &azservicebus.PeekMessagesOptions{FromSequenceNumber: to.Ptr(int64(2))})
	t.must(err, "peek")
	t.hasBodies(peeked, "message 1", "message 2")
}

func (t *scene) subscriptionSession(topic, name, id string) *azservicebus.SessionReceiver {
	receiver, err := t.client().AcceptSessionForSubscription(t.ctx, topic, name, id, nil)
	t.must(err, "accept session "+id)
	t.onEnd(receiver.Close)
	return receiver
}

func subscriptionSessions(t *scene) {
	topic := t.topicWith("plain")
	t.subscribe(topic, "one", values{"requiresSession": true})
	t.send(topic, textIn("a", "one"), textIn("b", "two"), textIn("a", "three"))
	t.hasBodies(t.receive(t.subscriptionSession(topic, "one", "a"), 2), "one", "three")
	_, err := t.clientOf(t.settings.connectionString).AcceptSessionForSubscription(t.ctx, topic, "one", "a", nil)
	t.hasCondition(err, "com.microsoft:session-cannot-be-locked")
	next, err := t.client().AcceptNextSessionForSubscription(t.ctx, topic, "one", nil)
	t.must(err, "accept the next session")
	t.onEnd(next.Close)
	t.check(next.SessionID() == "b", "session '%s'", next.SessionID())
	m := t.receiveOne(next)
	until := next.LockedUntil()
	t.must(next.RenewSessionLock(t.ctx, nil), "renew")
	t.check(!next.LockedUntil().Before(until), "the lock was not renewed")
	t.must(next.SetSessionState(t.ctx, []byte("half way"), nil), "set the state")
	state, err := next.GetSessionState(t.ctx, nil)
	t.must(err, "get the state")
	t.check(string(state) == "half way", "state '%s'", state)
	t.must(next.CompleteMessage(t.ctx, m, nil), "complete")
	t.empty(next, "the session")
	t.holds(topic, "plain", "one", "two", "three")
}

func subscriptionSessionsListed(t *scene) {
	topic := t.topicWith("plain")
	t.subscribe(topic, "one", values{"requiresSession": true})
	t.send(topic, textIn("b", "1"), textIn("a", "2"), textIn("b", "3"))
	var ids []string
	for pager := t.client().NewListSessionsForSubscriptionPager(topic, "one", nil); pager.More(); {
		page, err := pager.NextPage(t.ctx)
		t.must(err, "list sessions")
		ids = append(ids, page.Sessions...)
	}
	slices.Sort(ids)
	t.check(slices.Equal(ids, []string{"a", "b"}), "sessions %q", ids)
}

func subscriptionWithoutSession(t *scene) {
	topic := t.topicWith("plain")
	t.subscribe(topic, "one", values{"requiresSession": true})
	t.send(topic, text("no session"))
	dead := t.receiveOne(t.deadLettersOf(topic, "one"))
	t.check(valueOf(dead.DeadLetterReason) == "Session id is null.", "reason '%s'", valueOf(dead.DeadLetterReason))
	t.holds(topic, "plain", "no session")
}

func topicSchedules(t *scene) {
	topic := t.topicWith("one", "two")
	sender := t.sender(topic)
	when := time.Now().Add(2 * time.Second).Truncate(time.Millisecond)
	numbers, err := sender.ScheduleMessages(t.ctx, texts(3), when, nil)
	t.must(err, "schedule")
	t.must(sender.CancelScheduledMessages(t.ctx, numbers[1:2], nil), "cancel")
	t.must(sender.SendMessage(t.ctx, &azservicebus.Message{Body: []byte("by property"), ScheduledEnqueueTime: &when}, nil), "send")
	for _, name := range []string{"one", "two"} {
		messages := t.receive(t.subscriber(topic, name), 3)
		t.hasBodies(messages, "message 0", "message 2", "by property")
		t.check(!messages[0].EnqueuedTime.Before(when), "enqueued at %s", messages[0].EnqueuedTime)
		t.check(messages[0].State == azservicebus.MessageStateScheduled, "state %d", messages[0].State)
	}
}
