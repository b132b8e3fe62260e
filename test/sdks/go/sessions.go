package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func sessionCases() []testCase {
	return []testCase{
		{"a session is accepted by its id, with its lock", acceptsByID},
		{"the empty string is a session id", emptySessionID},
		{"a session that somebody holds cannot be locked", cannotBeLocked},
		{"the next free session is accepted", acceptsNext},
		{"without a free session the wait ends when the client says", nextTimesOut},
		{"who waits for the next session gets the one that becomes free", nextWaits},
		{"the state of a session is kept, read and cleared", sessionState},
		{"a session is free again when its receiver is closed", freeAfterClose},
		{"sessions with messages or a state are listed, page by page", listsSessions},
		{"sessions whose state changed since a time are listed", listsChangedSessions},
	}
}

func (t *scene) session(queue, id string) *azservicebus.SessionReceiver {
	return t.sessionOf(t.client(), queue, id, nil)
}

func (t *scene) sessionOf(client *azservicebus.Client, queue, id string, options *azservicebus.SessionReceiverOptions) *azservicebus.SessionReceiver {
	receiver, err := client.AcceptSessionForQueue(t.ctx, queue, id, options)
	t.must(err, "accept session "+id)
	t.onEnd(receiver.Close)
	t.check(receiver.SessionID() == id, "asked for '%s', got '%s'", id, receiver.SessionID())
	return receiver
}

func acceptsByID(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"), textIn("b", "two"), textIn("a", "three"))
	receiver := t.session(queue, "a")
	until := receiver.LockedUntil()
	t.check(until.After(time.Now().Add(30*time.Second)) && until.Before(time.Now().Add(2*time.Minute)), "locked until %v", until)
	messages := t.receive(receiver, 2)
	t.hasBodies(messages, "one", "three")
	t.check(valueOf(messages[0].SessionID) == "a" && messages[0].DeliveryCount == 1, "session %v, delivery %d", messages[0].SessionID, messages[0].DeliveryCount)
	t.must(receiver.RenewSessionLock(t.ctx, nil), "renew")
	t.check(receiver.LockedUntil().After(until), "locked until %v, was %v", receiver.LockedUntil(), until)
	for _, m := range messages {
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
	t.empty(receiver, "the session")
}

func emptySessionID(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("", "nameless"))
	_, err := t.sender(queue).ScheduleMessages(t.ctx, []*azservicebus.Message{textIn("", "scheduled")}, time.Now(), nil)
	t.must(err, "schedule")
	receiver := t.session(queue, "")
	messages := t.receive(receiver, 2)
	t.check(messages[0].SessionID != nil && *messages[0].SessionID == "", "session id %v", messages[0].SessionID)
}

func cannotBeLocked(t *scene) {
	queue := t.queue("session")
	t.session(queue, "a")
	for range 2 {
		_, err := t.client().AcceptSessionForQueue(t.ctx, queue, "a", nil)
		t.hasCondition(err, "com.microsoft:session-cannot-be-locked")
	}
	other := t.clientOf(t.settings.connectionString)
	_, err := other.AcceptSessionForQueue(t.ctx, queue, "a", nil)
	t.hasCondition(err, "com.microsoft:session-cannot-be-locked")
}

func acceptsNext(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"), textIn("b", "two"))
	var got []string
	for range 2 {
		receiver, err := t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
		t.must(err, "accept next")
		t.onEnd(receiver.Close)
		t.check(receiver.LockedUntil().After(time.Now()), "locked until %v", receiver.LockedUntil())
		got = append(got, receiver.SessionID()+string(t.receiveOne(receiver).Body))
	}
	slices.Sort(got)
	t.check(slices.Equal(got, []string{"aone", "btwo"}), "got %v", got)
}

func nextTimesOut(t *scene) {
	queue := t.queue("session")
	ctx, cancel := t.within(2 * time.Second)
	defer cancel()
	begun := time.Now()
	_, err := t.client().AcceptNextSessionForQueue(ctx, queue, nil)
	took := time.Since(begun)
	// The client asks for a little less than its deadline; when the answer is late, its deadline comes first.
	if took < 2*time.Second {
		t.hasCode(err, azservicebus.CodeTimeout)
	}
	t.check(err != nil && took > 1500*time.Millisecond, "after %s: %v", took, err)
	t.send(queue, textIn("a", "one"))
	receiver, err := t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
	t.must(err, "accept next")
	t.onEnd(receiver.Close)
	t.check(receiver.SessionID() == "a", "session '%s'", receiver.SessionID())
}

func nextWaits(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"))
	holder := t.session(queue, "a")
	came := make(chan string, 1)
	go func() {
		receiver, err := t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
		if err != nil {
			came <- err.Error()
			return
		}
		came <- "session " + receiver.SessionID()
		_ = receiver.Close(context.Background())
	}()
	select {
	case got := <-came:
		t.fail("did not wait: %s", got)
	case <-time.After(500 * time.Millisecond):
	}
	t.must(holder.Close(t.ctx), "close")
	got := <-came
	t.check(got == "session a", "got %s", got)
}

func sessionState(t *scene) {
	queue := t.queue("session")
	receiver := t.session(queue, "a")
	read := func() []byte {
		state, err := receiver.GetSessionState(t.ctx, nil)
		t.must(err, "get state")
		return state
	}
	t.check(read() == nil, "a new session has a state")
	t.must(receiver.SetSessionState(t.ctx, []byte("half way"), nil), "set state")
	t.check(string(read()) == "half way", "state '%s'", read())
	t.must(receiver.Close(t.ctx), "close")
	receiver = t.session(queue, "a")
	t.check(string(read()) == "half way", "state after the session was free: '%s'", read())
	t.must(receiver.SetSessionState(t.ctx, make([]byte, 100*1024), nil), "set a state of 100 KiB")
	t.check(len(read()) == 100*1024, "%d bytes", len(read()))
	t.must(receiver.SetSessionState(t.ctx, nil, nil), "clear state")
	t.check(read() == nil, "the state was not cleared")
}

func freeAfterClose(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"), textIn("a", "two"))
	first := t.session(queue, "a")
	t.receive(first, 2)
	t.must(first.Close(t.ctx), "close")
	messages := t.receive(t.session(queue, "a"), 2)
	t.hasBodies(messages, "one", "two")
	t.check(messages[0].DeliveryCount == 1, "closing a session must not count as a delivery: %d", messages[0].DeliveryCount)
}

func (t *scene) sessionIDs(queue string, options *azservicebus.ListSessionsOptions) []string {
	var ids []string
	for pager := t.client().NewListSessionsForQueuePager(queue, options); pager.More(); {
		page, err := pager.NextPage(t.ctx)
		t.must(err, "list sessions")
		ids = append(ids, page.Sessions...)
	}
	slices.Sort(ids)
	return ids
}

// withState sets a state of the session and lets it go.
func (t *scene) withState(queue, id string) {
	receiver := t.session(queue, id)
	t.must(receiver.SetSessionState(t.ctx, []byte("state"), nil), "set state")
	t.must(receiver.Close(t.ctx), "close")
}

func listsSessions(t *scene) {
	queue := t.queue("session")
	t.check(len(t.sessionIDs(queue, nil)) == 0, "an empty queue has sessions")
	expected := []string{"with state"}
	var messages []*azservicebus.Message
	for i := range 120 {
		id := fmt.Sprintf("session %03d", i)
		expected = append(expected, id)
		messages = append(messages, textIn(id, "message"))
	}
	slices.Sort(expected)
	t.send(queue, messages...)
	t.withState(queue, "with state")
	got := t.sessionIDs(queue, nil)
	t.check(slices.Equal(got, expected), "%d sessions, expected %d: %v", len(got), len(expected), got)
}

func listsChangedSessions(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("only a message", "one"))
	t.withState(queue, "with state")
	since := t.sessionIDs(queue, &azservicebus.ListSessionsOptions{SessionStateUpdatedAfter: to.Ptr(time.Now().Add(-time.Hour))})
	t.check(slices.Equal(since, []string{"with state"}), "changed in the last hour: %v", since)
	none := t.sessionIDs(queue, &azservicebus.ListSessionsOptions{SessionStateUpdatedAfter: to.Ptr(time.Now().Add(time.Hour))})
	t.check(len(none) == 0, "changed in the future: %v", none)
}
