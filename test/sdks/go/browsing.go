package main

import (
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func peekCases() []testCase {
	return []testCase{
		{"peek shows active, locked, deferred and scheduled messages and locks none", peeksAll},
		{"peek continues where it was and begins where it is told", peeksOn},
		{"peek of an empty queue shows nothing", func(t *scene) {
			messages, err := t.receiver(t.queue("plain")).PeekMessages(t.ctx, 5, nil)
			t.must(err, "peek")
			t.check(len(messages) == 0, "%d messages", len(messages))
		}},
	}
}

func peeksAll(t *scene) {
	queue := t.queue("plain")
	sender, receiver := t.sender(queue), t.receiver(queue)
	t.send(queue, text("deferred"), text("locked"), text("active"))
	messages := t.receive(receiver, 2)
	t.must(receiver.DeferMessage(t.ctx, messages[0], nil), "defer")
	_, err := sender.ScheduleMessages(t.ctx, []*azservicebus.Message{text("scheduled")}, time.Now().Add(time.Hour), nil)
	t.must(err, "schedule")
	peeked, err := receiver.PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.hasBodies(peeked, "deferred", "locked", "active", "scheduled")
	states := []azservicebus.MessageState{peeked[0].State, peeked[1].State, peeked[2].State, peeked[3].State}
	t.check(fmt.Sprint(states) == "[1 0 0 2]", "states %v", states)
	t.check(peeked[2].LockedUntil == nil, "a peeked message has a lock until %v", peeked[2].LockedUntil)
	t.hasBodies(t.receive(receiver, 1), "active")
}

func peeksOn(t *scene) {
	queue := t.queue("plain")
	t.send(queue, texts(10)...)
	receiver := t.receiver(queue)
	first, err := receiver.PeekMessages(t.ctx, 4, nil)
	t.must(err, "peek")
	t.hasBodies(first, "message 0", "message 1", "message 2", "message 3")
	second, err := receiver.PeekMessages(t.ctx, 4, nil)
	t.must(err, "peek")
	t.hasBodies(second, "message 4", "message 5", "message 6", "message 7")
	from, err := receiver.PeekMessages(t.ctx, 2, &azservicebus.PeekMessagesOptions{FromSequenceNumber: first[2].SequenceNumber})
	t.must(err, "peek")
	t.hasBodies(from, "message 2", "message 3")
	last, err := receiver.PeekMessages(t.ctx, 100, nil)
	t.must(err, "peek")
	t.hasBodies(last, "message 8", "message 9")
}

func deadLetterCases() []testCase {
	return []testCase{
		{"messages of the dead-letter queue are peeked, received, deferred and completed", deadLetterQueue},
		{"nobody sends to a dead-letter queue", func(t *scene) {
			err := t.sender(t.queue("plain")+"/$DeadLetterQueue").SendMessage(t.ctx, text("no"), nil)
			t.hasCondition(err, "amqp:not-allowed")
		}},
	}
}

func deadLetterQueue(t *scene) {
	queue := t.queue("plain")
	t.send(queue, texts(3)...)
	receiver := t.receiver(queue)
	for _, m := range t.receive(receiver, 3) {
		t.must(receiver.DeadLetterMessage(t.ctx, m, &azservicebus.DeadLetterOptions{Reason: to.Ptr("why")}), "dead-letter")
	}
	dead := t.deadLetters(queue)
	peeked, err := dead.PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.hasBodies(peeked, "message 0", "message 1", "message 2")
	messages := t.receive(dead, 3)
	t.must(dead.CompleteMessage(t.ctx, messages[0], nil), "complete")
	t.must(dead.AbandonMessage(t.ctx, messages[1], nil), "abandon")
	t.must(dead.DeferMessage(t.ctx, messages[2], nil), "defer")
	again := t.receiveOne(dead)
	t.check(string(again.Body) == "message 1" && valueOf(again.DeadLetterReason) == "why", "'%s' %v", again.Body, again.DeadLetterReason)
	t.must(dead.RenewMessageLock(t.ctx, again, nil), "renew")
	t.must(dead.CompleteMessage(t.ctx, byToken(again), nil), "complete by token")
	deferred, err := dead.ReceiveDeferredMessages(t.ctx, []int64{*messages[2].SequenceNumber}, nil)
	t.must(err, "receive deferred")
	t.must(dead.CompleteMessage(t.ctx, deferred[0], nil), "complete")
	t.empty(dead, "the dead-letter queue")
	// What was dead-lettered can be sent again.
	t.must(t.sender(queue).SendMessage(t.ctx, again.Message(), nil), "send again")
	t.hasBodies(t.receive(receiver, 1), "message 1")
}

func duplicateCases() []testCase {
	return []testCase{
		{"a second message with the same id is accepted and dropped", dropsDuplicates},
	}
}

func dropsDuplicates(t *scene) {
	queue := t.queue("duplicates")
	with := func(id, body string) *azservicebus.Message {
		return &azservicebus.Message{Body: []byte(body), MessageID: &id}
	}
	sender, receiver := t.sender(queue), t.receiver(queue)
	t.send(queue, with("a", "first"), with("a", "second"), with("b", "third"))
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	for _, m := range []*azservicebus.Message{with("a", "fourth"), with("c", "fifth"), with("c", "sixth")} {
		t.must(batch.AddMessage(m, nil), "add")
	}
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the batch")
	messages := t.receive(receiver, 3)
	t.hasBodies(messages, "first", "third", "fifth")
	t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
	// The window remembers what is gone.
	t.send(queue, with("a", "seventh"))
	t.empty(receiver, "the queue")
}

func expiryCases() []testCase {
	return []testCase{
		{"an expired message is dead-lettered, and a longer time to live is cut", expiresToDeadLetters},
		{"an expired message is dropped where the queue says so", expiresToNothing},
		{"a message expires by its own time to live", expiresByItself},
	}
}

func expiresToDeadLetters(t *scene) {
	queue := t.queue("expiring")
	t.send(queue, text("default"), &azservicebus.Message{Body: []byte("longer"), TimeToLive: to.Ptr(time.Hour)})
	messages := t.receive(t.deadLetters(queue), 2)
	t.hasBodies(messages, "default", "longer")
	for _, m := range messages {
		t.check(valueOf(m.DeadLetterReason) == "TTLExpiredException", "reason %v", valueOf(m.DeadLetterReason))
		t.check(valueOf(m.DeadLetterErrorDescription) == "The message expired and was dead lettered.", "description %v", valueOf(m.DeadLetterErrorDescription))
		t.note("'%s' says that its time to live is %v", m.Body, valueOf(m.TimeToLive))
	}
	t.empty(t.receiver(queue), "the queue")
}

func expiresToNothing(t *scene) {
	queue := t.queue("dropping")
	t.send(queue, text("default"))
	sent := time.Now()
	t.waitUntil(sent.Add(2200 * time.Millisecond))
	t.empty(t.receiver(queue), "the queue")
	t.empty(t.deadLetters(queue), "the dead-letter queue")
}

func expiresByItself(t *scene) {
	queue := t.queue("plain")
	t.send(queue, &azservicebus.Message{Body: []byte("short"), TimeToLive: to.Ptr(500 * time.Millisecond)}, text("long"))
	t.waitUntil(time.Now().Add(700 * time.Millisecond))
	t.hasBodies(t.receive(t.receiver(queue), 1), "long")
	t.empty(t.deadLetters(queue), "the dead-letter queue")
}
