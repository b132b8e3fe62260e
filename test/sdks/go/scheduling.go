package main

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func schedulingCases() []testCase {
	return []testCase{
		{"scheduled messages come at their time, with new sequence numbers", scheduledCome},
		{"a message sent with a time is scheduled", scheduledBySend},
		{"annotated messages are scheduled", annotatedAreScheduled},
		{"a scheduled message can be peeked and cancelled", scheduledIsCancelled},
		{"cancelling what is not scheduled is refused", cancelUnknown},
		{"a message scheduled in the past comes at once", scheduledInThePast},
	}
}

func scheduledCome(t *scene) {
	queue := t.queue("plain")
	when := time.Now().Add(2 * time.Second).Truncate(time.Millisecond)
	numbers, err := t.sender(queue).ScheduleMessages(t.ctx, []*azservicebus.Message{text("one"), text("two")}, when, nil)
	t.must(err, "schedule")
	t.check(len(numbers) == 2 && numbers[0] != numbers[1], "sequence numbers %v", numbers)
	messages := t.receive(t.receiver(queue), 2)
	// The clock of the broker is this machine's, too.
	t.check(!time.Now().Before(when), "came %s early", time.Until(when))
	t.hasBodies(messages, "one", "two")
	m := messages[0]
	t.check(*m.SequenceNumber != numbers[0], "the sequence number is still %d", numbers[0])
	t.check(m.ScheduledEnqueueTime != nil && m.ScheduledEnqueueTime.Equal(when), "scheduled for %v, says %v", when, m.ScheduledEnqueueTime)
	t.check(!m.EnqueuedTime.Before(when), "enqueued at %v, scheduled for %v", m.EnqueuedTime, when)
	t.check(m.State == azservicebus.MessageStateScheduled, "state %d", m.State)
}

func scheduledBySend(t *scene) {
	queue := t.queue("plain")
	when := time.Now().Add(2 * time.Second)
	sender := t.sender(queue)
	t.must(sender.SendMessage(t.ctx, &azservicebus.Message{Body: []byte("later"), ScheduledEnqueueTime: &when}, nil), "send")
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	t.must(batch.AddMessage(&azservicebus.Message{Body: []byte("later in a batch"), ScheduledEnqueueTime: &when}, nil), "add")
	t.must(batch.AddMessage(text("now in a batch"), nil), "add")
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the batch")
	receiver := t.receiver(queue)
	t.hasBodies(t.receive(receiver, 1), "now in a batch")
	t.check(time.Now().Before(when), "too slow to say anything")
	t.hasBodies(t.receive(receiver, 2), "later", "later in a batch")
	t.check(!time.Now().Before(when), "came %s early", time.Until(when))
}

func annotatedAreScheduled(t *scene) {
	queue := t.queue("plain")
	when := time.Now().Add(time.Second)
	numbers, err := t.sender(queue).ScheduleAMQPAnnotatedMessages(t.ctx, []*azservicebus.AMQPAnnotatedMessage{
		{Body: azservicebus.AMQPAnnotatedMessageBody{Sequence: [][]any{{"a"}, {"b"}}}, MessageAnnotations: map[any]any{"x-opt-partition-key": "key"}},
	}, when, nil)
	t.must(err, "schedule")
	t.check(len(numbers) == 1, "sequence numbers %v", numbers)
	m := t.receiveOne(t.receiver(queue))
	t.check(len(m.RawAMQPMessage.Body.Sequence) == 2 && valueOf(m.PartitionKey) == "key", "body %v", m.RawAMQPMessage.Body)
}

func scheduledIsCancelled(t *scene) {
	queue := t.queue("plain")
	sender, receiver := t.sender(queue), t.receiver(queue)
	when := time.Now().Add(time.Hour)
	numbers, err := sender.ScheduleMessages(t.ctx, []*azservicebus.Message{text("one"), text("two"), text("three")}, when, nil)
	t.must(err, "schedule")
	peeked, err := receiver.PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.hasBodies(peeked, "one", "two", "three")
	t.check(peeked[0].State == azservicebus.MessageStateScheduled && *peeked[0].SequenceNumber == numbers[0], "state %d", peeked[0].State)
	t.must(sender.CancelScheduledMessages(t.ctx, numbers[:2], nil), "cancel")
	peeked, err = receiver.PeekMessages(t.ctx, 10, &azservicebus.PeekMessagesOptions{FromSequenceNumber: to.Ptr(int64(0))})
	t.must(err, "peek")
	t.hasBodies(peeked, "three")
	t.must(sender.CancelScheduledMessages(t.ctx, numbers[2:], nil), "cancel")
}

func cancelUnknown(t *scene) {
	queue := t.queue("plain")
	sender := t.sender(queue)
	t.hasCode(sender.CancelScheduledMessages(t.ctx, []int64{123456}, nil), azservicebus.CodeNotFound)
	numbers, err := sender.ScheduleMessages(t.ctx, []*azservicebus.Message{text("one")}, time.Now().Add(time.Hour), nil)
	t.must(err, "schedule")
	t.must(sender.CancelScheduledMessages(t.ctx, numbers, nil), "cancel")
	t.hasCode(sender.CancelScheduledMessages(t.ctx, numbers, nil), azservicebus.CodeNotFound)
}

func scheduledInThePast(t *scene) {
	queue := t.queue("plain")
	_, err := t.sender(queue).ScheduleMessages(t.ctx, []*azservicebus.Message{text("at once")}, time.Now().Add(-time.Hour), nil)
	t.must(err, "schedule")
	t.hasBodies(t.receive(t.receiver(queue), 1), "at once")
}

func deferralCases() []testCase {
	return []testCase{
		{"a deferred message comes only by its sequence number", deferred},
		{"a deferred message is abandoned, deferred again and dead-lettered", deferredSettled},
		{"a deferred message is received and deleted", deferredDeleted},
		{"a deferred message that does not exist is refused", deferredUnknown},
	}
}

// deferOne sends one message and defers it; returns its sequence number.
func (t *scene) deferOne(queue string) int64 {
	t.send(queue, text("put aside"))
	receiver := t.receiver(queue)
	m := t.receiveOne(receiver)
	t.must(receiver.DeferMessage(t.ctx, m, &azservicebus.DeferMessageOptions{PropertiesToModify: map[string]any{"why": "later"}}), "defer")
	return *m.SequenceNumber
}

func deferred(t *scene) {
	queue := t.queue("plain")
	number := t.deferOne(queue)
	receiver := t.receiver(queue)
	t.empty(receiver, "the queue")
	messages, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{number}, nil)
	t.must(err, "receive deferred")
	m := messages[0]
	t.check(string(m.Body) == "put aside" && m.ApplicationProperties["why"] == "later" && *m.SequenceNumber == number, "message %+v", m)
	t.check(m.DeliveryCount == 2 && m.State == azservicebus.MessageStateDeferred, "delivery %d, state %d", m.DeliveryCount, m.State)
	t.check(m.LockedUntil != nil && m.LockToken != [16]byte{}, "locked until %v, token %x", m.LockedUntil, m.LockToken)
	t.must(receiver.RenewMessageLock(t.ctx, m, nil), "renew")
	t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	peeked, err := receiver.PeekMessages(t.ctx, 1, nil)
	t.must(err, "peek")
	t.check(len(peeked) == 0, "%d messages are left", len(peeked))
}

func deferredSettled(t *scene) {
	queue := t.queue("plain")
	number := t.deferOne(queue)
	receiver := t.receiver(queue)
	fetch := func() *azservicebus.ReceivedMessage {
		messages, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{number}, nil)
		t.must(err, "receive deferred")
		t.check(len(messages) == 1, "%d messages", len(messages))
		return messages[0]
	}
	t.must(receiver.AbandonMessage(t.ctx, fetch(), nil), "abandon")
	t.empty(receiver, "the queue")
	t.must(receiver.DeferMessage(t.ctx, fetch(), nil), "defer")
	t.must(receiver.DeadLetterMessage(t.ctx, fetch(), &azservicebus.DeadLetterOptions{Reason: to.Ptr("why")}), "dead-letter")
	t.check(valueOf(t.receiveOne(t.deadLetters(queue)).DeadLetterReason) == "why", "reason")
}

func deferredDeleted(t *scene) {
	queue := t.queue("plain")
	number := t.deferOne(queue)
	messages, err := t.deleter(queue).ReceiveDeferredMessages(t.ctx, []int64{number}, nil)
	t.must(err, "receive deferred")
	t.hasBodies(messages, "put aside")
	peeked, err := t.receiver(queue).PeekMessages(t.ctx, 1, nil)
	t.must(err, "peek")
	t.check(len(peeked) == 0, "%d messages are left", len(peeked))
}

func deferredUnknown(t *scene) {
	queue := t.queue("plain")
	receiver := t.receiver(queue)
	_, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{987654}, nil)
	t.check(err != nil, "no error")
	t.note("%v", err)
	t.send(queue, text("still usable"))
	t.hasBodies(t.receive(receiver, 1), "still usable")
}
