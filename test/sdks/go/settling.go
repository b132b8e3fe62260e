package main

import (
	"reflect"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func settlingCases() []testCase {
	return []testCase{
		{"complete removes the message", completes},
		{"abandon returns the message with changed properties and counts the delivery", abandons},
		{"dead-letter moves the message with reason, description and properties", deadLetters},
		{"dead-letter without a reason", deadLettersPlainly},
		{"settling by lock token alone: complete, abandon, defer and dead-letter", settlesByToken},
		{"a message is settled after the link that brought it is closed", settlesAfterClose},
		{"a message is settled by another client", settlesFromElsewhere},
		{"the second settlement of a message is refused", doubleSettlement},
		{"many messages are settled at the same time", settlesMany},
		{"a message that was abandoned too often is dead-lettered", deliveryCountExceeded},
	}
}

func completes(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("one"), text("two"))
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 2)
	for _, m := range messages {
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
	left, err := t.receiver(queue).PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.check(len(left) == 0, "%d messages are left", len(left))
}

func abandons(t *scene) {
	queue := t.queue("plain")
	t.send(queue, &azservicebus.Message{Body: []byte("body"), ApplicationProperties: map[string]any{"kept": "old", "changed": "old"}})
	receiver := t.receiver(queue)
	first := t.receiveOne(receiver)
	t.must(receiver.AbandonMessage(t.ctx, first, &azservicebus.AbandonMessageOptions{
		PropertiesToModify: map[string]any{"changed": "new", "added": int64(5)},
	}), "abandon")
	second := t.receiveOne(receiver)
	expected := map[string]any{"kept": "old", "changed": "new", "added": int64(5)}
	t.check(reflect.DeepEqual(second.ApplicationProperties, expected), "properties %v", second.ApplicationProperties)
	t.check(second.DeliveryCount == 2 && *second.SequenceNumber == *first.SequenceNumber, "delivery %d of %d", second.DeliveryCount, *second.SequenceNumber)
	t.check(second.LockToken != first.LockToken, "the lock token is the same again")
	t.must(receiver.AbandonMessage(t.ctx, second, nil), "abandon without options")
	t.check(t.receiveOne(receiver).DeliveryCount == 3, "the third delivery")
}

func deadLetters(t *scene) {
	queue := t.queue("plain")
	t.send(queue, &azservicebus.Message{Body: []byte("bad"), MessageID: to.Ptr("m"), ApplicationProperties: map[string]any{"kept": "old"}})
	receiver := t.receiver(queue)
	sent := t.receiveOne(receiver)
	t.must(receiver.DeadLetterMessage(t.ctx, sent, &azservicebus.DeadLetterOptions{
		Reason: to.Ptr("why"), ErrorDescription: to.Ptr("at length"), PropertiesToModify: map[string]any{"added": "new"},
	}), "dead-letter")
	t.empty(receiver, "the queue")
	m := t.receiveOne(t.deadLetters(queue))
	t.check(string(m.Body) == "bad" && m.MessageID == "m", "body '%s', id '%s'", m.Body, m.MessageID)
	t.check(valueOf(m.DeadLetterReason) == "why" && valueOf(m.DeadLetterErrorDescription) == "at length", "reason %v, description %v", m.DeadLetterReason, m.DeadLetterErrorDescription)
	t.check(m.ApplicationProperties["kept"] == "old" && m.ApplicationProperties["added"] == "new", "properties %v", m.ApplicationProperties)
	t.check(valueOf(m.SequenceNumber) == *sent.SequenceNumber, "sequence number %v, was %d", m.SequenceNumber, *sent.SequenceNumber)
}

func deadLettersPlainly(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("bad"))
	receiver := t.receiver(queue)
	t.must(receiver.DeadLetterMessage(t.ctx, t.receiveOne(receiver), nil), "dead-letter")
	m := t.receiveOne(t.deadLetters(queue))
	t.check(string(m.Body) == "bad" && valueOf(m.DeadLetterReason) == "", "body '%s', reason %v", m.Body, m.DeadLetterReason)
}

func settlesByToken(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("complete"), text("abandon"), text("defer"), text("dead-letter"))
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 4)
	t.must(receiver.CompleteMessage(t.ctx, byToken(messages[0]), nil), "complete")
	t.must(receiver.AbandonMessage(t.ctx, byToken(messages[1]), &azservicebus.AbandonMessageOptions{PropertiesToModify: map[string]any{"added": "a"}}), "abandon")
	t.must(receiver.DeferMessage(t.ctx, byToken(messages[2]), &azservicebus.DeferMessageOptions{PropertiesToModify: map[string]any{"added": "d"}}), "defer")
	t.must(receiver.DeadLetterMessage(t.ctx, byToken(messages[3]), &azservicebus.DeadLetterOptions{
		Reason: to.Ptr("why"), ErrorDescription: to.Ptr("at length"), PropertiesToModify: map[string]any{"added": "l"},
	}), "dead-letter")

	abandoned := t.receiveOne(receiver)
	t.check(string(abandoned.Body) == "abandon" && abandoned.ApplicationProperties["added"] == "a", "'%s' %v", abandoned.Body, abandoned.ApplicationProperties)
	deferred, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{*messages[2].SequenceNumber}, nil)
	t.must(err, "receive deferred")
	t.check(len(deferred) == 1 && deferred[0].ApplicationProperties["added"] == "d", "deferred %v", deferred)
	dead := t.receiveOne(t.deadLetters(queue))
	t.check(string(dead.Body) == "dead-letter" && valueOf(dead.DeadLetterReason) == "why" && dead.ApplicationProperties["added"] == "l", "'%s' %v", dead.Body, dead.ApplicationProperties)
	t.empty(receiver, "the queue")
}

func settlesAfterClose(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("one"), text("two"))
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 2)
	t.must(receiver.Close(t.ctx), "close")
	other := t.receiver(queue)
	t.must(other.CompleteMessage(t.ctx, messages[0], nil), "complete")
	t.must(other.AbandonMessage(t.ctx, messages[1], nil), "abandon")
	m := t.receiveOne(other)
	t.check(string(m.Body) == "two" && m.DeliveryCount == 2, "'%s', delivery %d", m.Body, m.DeliveryCount)
	t.empty(other, "the queue")
}

func settlesFromElsewhere(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("one"))
	m := t.receiveOne(t.receiver(queue))
	other := t.receiverOf(t.clientOf(t.settings.connectionString), queue, azservicebus.ReceiverOptions{})
	t.must(other.CompleteMessage(t.ctx, byToken(m), nil), "complete")
	left, err := other.PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.check(len(left) == 0, "%d messages are left", len(left))
}

func doubleSettlement(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("one"), text("two"))
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 2)
	t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
	t.hasCode(receiver.CompleteMessage(t.ctx, byToken(messages[0]), nil), azservicebus.CodeLockLost)
	t.hasCode(receiver.AbandonMessage(t.ctx, byToken(messages[0]), nil), azservicebus.CodeLockLost)
	t.must(receiver.CompleteMessage(t.ctx, byToken(messages[1]), nil), "complete by token")
	t.hasCode(receiver.CompleteMessage(t.ctx, messages[1], nil), azservicebus.CodeLockLost)
	t.hasCode(receiver.RenewMessageLock(t.ctx, messages[1], nil), azservicebus.CodeLockLost)
	t.send(queue, text("three"))
	t.hasBodies(t.receive(receiver, 1), "three")
}

func settlesMany(t *scene) {
	queue := t.queue("plain")
	t.send(queue, texts(200)...)
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 200)
	done := make(chan error, len(messages))
	for _, m := range messages {
		go func() { done <- receiver.CompleteMessage(t.ctx, m, nil) }()
	}
	for range messages {
		t.must(<-done, "complete")
	}
	t.empty(receiver, "the queue")
}

func deliveryCountExceeded(t *scene) {
	queue := t.queue("short-lock") // three deliveries
	t.send(queue, text("bad"))
	receiver := t.receiver(queue)
	for delivery := uint32(1); delivery <= 3; delivery++ {
		m := t.receiveOne(receiver)
		t.check(m.DeliveryCount == delivery, "delivery %d says %d", delivery, m.DeliveryCount)
		t.must(receiver.AbandonMessage(t.ctx, m, nil), "abandon")
	}
	dead := t.receiveOne(t.deadLetters(queue))
	t.check(valueOf(dead.DeadLetterReason) == "MaxDeliveryCountExceeded", "reason %v", valueOf(dead.DeadLetterReason))
	t.check(valueOf(dead.DeadLetterErrorDescription) != "", "no description")
	t.note("%s; delivery count %d", valueOf(dead.DeadLetterErrorDescription), dead.DeliveryCount)
	t.empty(receiver, "the queue")
}

func lockCases() []testCase {
	return []testCase{
		{"a lock expires: the message comes again, and the old token is lost", lockExpires},
		{"a renewed lock holds longer than the first", lockRenewed},
		{"a message whose lock expires too often is dead-lettered", lockExpiresTooOften},
	}
}

func lockExpires(t *scene) {
	queue := t.queue("short-lock")
	t.send(queue, text("one"), text("two"))
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 2)
	t.waitUntil(*messages[1].LockedUntil)
	again := t.receive(t.receiver(queue), 2)
	t.hasBodies(again, "one", "two")
	t.check(again[0].DeliveryCount == 2, "delivery count %d", again[0].DeliveryCount)
	t.hasCode(receiver.CompleteMessage(t.ctx, messages[0], nil), azservicebus.CodeLockLost)
	t.hasCode(receiver.DeadLetterMessage(t.ctx, messages[1], nil), azservicebus.CodeLockLost)
	t.hasCode(receiver.CompleteMessage(t.ctx, byToken(messages[0]), nil), azservicebus.CodeLockLost)
	t.hasCode(receiver.RenewMessageLock(t.ctx, messages[0], nil), azservicebus.CodeLockLost)
	for _, m := range again {
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
}

func lockRenewed(t *scene) {
	queue := t.queue("short-lock")
	t.send(queue, text("one"))
	receiver := t.receiver(queue)
	m := t.receiveOne(receiver)
	first := *m.LockedUntil
	for range 3 {
		t.waitUntil(time.Now().Add(time.Until(*m.LockedUntil) / 2))
		t.must(receiver.RenewMessageLock(t.ctx, m, nil), "renew")
		t.check(m.LockedUntil.After(first), "locked until %v, was %v", m.LockedUntil, first)
	}
	t.check(time.Now().After(first), "the first lock should be over")
	t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	t.empty(receiver, "the queue")
}

func lockExpiresTooOften(t *scene) {
	queue := t.queue("short-lock")
	t.send(queue, text("one"))
	receiver := t.receiver(queue)
	for range 3 {
		t.waitUntil(*t.receiveOne(receiver).LockedUntil)
	}
	dead := t.receiveOne(t.deadLetters(queue))
	t.check(valueOf(dead.DeadLetterReason) == "MaxDeliveryCountExceeded", "reason %v", valueOf(dead.DeadLetterReason))
}
