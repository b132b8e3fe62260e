package main

import (
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func sessionMessageCases() []testCase {
	return []testCase{
		{"a session's messages keep their order, also when one comes again", keepsOrder},
		{"a session's messages are received and deleted", sessionReceiveAndDelete},
		{"messages of a session are completed, abandoned, deferred and dead-lettered", settlesInSession},
		{"a deferred message of a session is fetched and settled", deferredInSession},
		{"the dead-letter queue of a queue with sessions is read without sessions", deadLettersOfSessions},
		{"peek through a session receiver", peeksInSession},
		{"a scheduled message of a session comes", scheduledInSession},
		{"a hundred sessions are worked off one after the other", manySessions},
	}
}

func keepsOrder(t *scene) {
	queue := t.queue("session")
	for i := range 5 {
		t.send(queue, textIn("a", fmt.Sprint(i)))
	}
	receiver := t.session(queue, "a")
	first := t.receiveOne(receiver)
	t.must(receiver.AbandonMessage(t.ctx, first, nil), "abandon")
	for i := range 5 {
		m := t.receiveOne(receiver)
		t.check(string(m.Body) == fmt.Sprint(i), "expected %d, got '%s'", i, m.Body)
		t.check(i > 0 || m.DeliveryCount == 2, "delivery count %d", m.DeliveryCount)
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
	t.empty(receiver, "the session")
}

func sessionReceiveAndDelete(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"), textIn("a", "two"))
	receiver := t.sessionOf(t.client(), queue, "a", &azservicebus.SessionReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	t.hasBodies(t.receive(receiver, 2), "one", "two")
	t.must(receiver.Close(t.ctx), "close")
	t.empty(t.session(queue, "a"), "the session")
}

func settlesInSession(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "complete"), textIn("a", "dead-letter"), textIn("a", "defer"), textIn("a", "abandon"), textIn("a", "by token"))
	receiver := t.session(queue, "a")
	messages := t.receive(receiver, 5)
	t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
	t.must(receiver.DeadLetterMessage(t.ctx, messages[1], &azservicebus.DeadLetterOptions{Reason: to.Ptr("why")}), "dead-letter")
	t.must(receiver.DeferMessage(t.ctx, messages[2], nil), "defer")
	t.must(receiver.AbandonMessage(t.ctx, messages[3], nil), "abandon")
	t.must(receiver.CompleteMessage(t.ctx, byToken(messages[4]), nil), "complete by token")
	t.hasBodies(t.receive(receiver, 1), "abandon")
	t.empty(receiver, "the session")
}

func deferredInSession(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "put aside"), textIn("a", "too"))
	receiver := t.session(queue, "a")
	messages := t.receive(receiver, 2)
	var numbers []int64
	for _, m := range messages {
		t.must(receiver.DeferMessage(t.ctx, m, nil), "defer")
		numbers = append(numbers, *m.SequenceNumber)
	}
	fetched, err := receiver.ReceiveDeferredMessages(t.ctx, numbers, nil)
	t.must(err, "receive deferred")
	t.hasBodies(fetched, "put aside", "too")
	t.check(valueOf(fetched[0].SessionID) == "a", "session %v", fetched[0].SessionID)
	t.must(receiver.CompleteMessage(t.ctx, fetched[0], nil), "complete")
	t.must(receiver.DeadLetterMessage(t.ctx, fetched[1], nil), "dead-letter")
	t.hasBodies(t.receive(t.deadLetters(queue), 1), "too")
}

func deadLettersOfSessions(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"), textIn("b", "two"))
	for _, id := range []string{"a", "b"} {
		receiver := t.session(queue, id)
		t.must(receiver.DeadLetterMessage(t.ctx, t.receiveOne(receiver), nil), "dead-letter")
	}
	dead := t.deadLetters(queue)
	messages := t.receive(dead, 2)
	t.hasBodies(messages, "one", "two")
	t.check(valueOf(messages[1].SessionID) == "b", "session %v", messages[1].SessionID)
	t.must(dead.RenewMessageLock(t.ctx, messages[0], nil), "renew")
	for _, m := range messages {
		t.must(dead.CompleteMessage(t.ctx, m, nil), "complete")
	}
}

func peeksInSession(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("b", "other"), textIn("a", "one"), textIn("a", "two"))
	peeked, err := t.session(queue, "a").PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	// The client names its link, and no session.
	t.note("peeked %q", bodies(peeked))
	t.check(len(peeked) >= 2, "%d messages", len(peeked))
}

func scheduledInSession(t *scene) {
	queue := t.queue("session")
	_, err := t.sender(queue).ScheduleMessages(t.ctx, []*azservicebus.Message{textIn("a", "later")}, time.Now().Add(time.Second), nil)
	t.must(err, "schedule")
	receiver, err := t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
	t.must(err, "accept next")
	t.onEnd(receiver.Close)
	t.hasBodies(t.receive(receiver, 1), "later")
}

func manySessions(t *scene) {
	queue := t.queue("session")
	var messages []*azservicebus.Message
	for i := range 100 {
		messages = append(messages, textIn(fmt.Sprint(i), fmt.Sprint(i)))
	}
	t.send(queue, messages...)
	for range 100 {
		receiver, err := t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
		t.must(err, "accept next")
		m := t.receiveOne(receiver)
		t.check(string(m.Body) == receiver.SessionID(), "session '%s' has '%s'", receiver.SessionID(), m.Body)
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
		t.must(receiver.Close(t.ctx), "close")
	}
}

func sessionLockCases() []testCase {
	return []testCase{
		{"a session lock expires: the next receiver gets the messages, the old one is told", sessionLockExpires},
		{"a renewed session lock holds longer than the first", sessionLockRenewed},
	}
}

func sessionLockExpires(t *scene) {
	queue := t.queue("short-session")
	t.send(queue, textIn("a", "one"))
	first := t.session(queue, "a")
	m := t.receiveOne(first)
	t.waitUntil(first.LockedUntil())
	next, err := t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
	t.must(err, "accept next")
	t.onEnd(next.Close)
	again := t.receiveOne(next)
	t.check(string(again.Body) == "one" && again.DeliveryCount == 2, "'%s', delivery %d", again.Body, again.DeliveryCount)
	// The client takes a lost session again where it can; here it cannot.
	t.hasCondition(first.RenewSessionLock(t.ctx, nil), "com.microsoft:session-cannot-be-locked")
	t.hasCondition(first.CompleteMessage(t.ctx, m, nil), "com.microsoft:session-cannot-be-locked")
	t.must(next.CompleteMessage(t.ctx, again, nil), "complete")
}

func sessionLockRenewed(t *scene) {
	queue := t.queue("short-session")
	t.send(queue, textIn("a", "one"))
	receiver := t.session(queue, "a")
	first := receiver.LockedUntil()
	m := t.receiveOne(receiver)
	for time.Now().Before(first.Add(time.Second)) {
		t.waitUntil(time.Now().Add(time.Until(receiver.LockedUntil()) / 2))
		t.must(receiver.RenewSessionLock(t.ctx, nil), "renew")
	}
	t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
}
