package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func connectionCases() []testCase {
	return []testCase{
		{"a sender goes on after its connection is cut", senderSurvives},
		{"a receiver goes on after its connection is cut, and settles what it had", receiverSurvives},
		{"a receiver that waits when the connection is cut gets what comes later", waitingReceiverSurvives},
		{"a session is free after its connection is cut, and its receiver takes it again", sessionSurvives},
		{"messages, states, deferred and scheduled ones survive a restart", restart},
	}
}

// order asks the runner for what only an operator could do.
func (t *scene) order(what string) {
	response, err := http.Post(t.settings.controlURL+what, "", nil)
	t.must(err, what)
	_ = response.Body.Close()
	t.check(response.StatusCode == http.StatusOK, "%s: status %d", what, response.StatusCode)
}

func senderSurvives(t *scene) {
	queue := t.queue("plain")
	sender := t.sender(queue)
	for i := range 3 {
		t.must(sender.SendMessage(t.ctx, text(fmt.Sprint(i)), nil), "send")
		t.order("/cut")
	}
	t.must(sender.SendMessage(t.ctx, text("3"), nil), "send")
	t.hasBodies(t.receive(t.receiver(queue), 4), "0", "1", "2", "3")
}

func receiverSurvives(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("one"), text("two"), text("three"))
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 2)
	t.order("/cut")
	// The client itself turns to the management node only when the link ended, not when the connection did.
	t.must(receiver.CompleteMessage(t.ctx, byToken(messages[0]), nil), "complete")
	t.must(receiver.RenewMessageLock(t.ctx, messages[1], nil), "renew")
	t.hasBodies(t.receive(receiver, 1), "three")
	t.order("/cut")
	t.must(receiver.AbandonMessage(t.ctx, byToken(messages[1]), nil), "abandon")
	again := t.receiveOne(receiver)
	t.check(string(again.Body) == "two" && again.DeliveryCount == 2, "'%s', delivery %d", again.Body, again.DeliveryCount)
}

func waitingReceiverSurvives(t *scene) {
	queue := t.queue("plain")
	receiver := t.receiver(queue)
	_, err := receiver.PeekMessages(t.ctx, 1, nil)
	t.must(err, "peek")
	came := make(chan string, 1)
	go func() {
		for t.ctx.Err() == nil {
			messages, _ := receiver.ReceiveMessages(t.ctx, 1, nil)
			if len(messages) > 0 {
				came <- string(messages[0].Body)
				return
			}
		}
	}()
	t.order("/cut")
	t.send(queue, text("later"))
	select {
	case got := <-came:
		t.check(got == "later", "got '%s'", got)
	case <-time.After(20 * time.Second):
		t.fail("nothing came in 20 s")
	}
}

func sessionSurvives(t *scene) {
	queue := t.queue("session")
	t.send(queue, textIn("a", "one"))
	receiver := t.session(queue, "a")
	m := t.receiveOne(receiver)
	t.must(receiver.SetSessionState(t.ctx, []byte("state"), nil), "set state")
	t.order("/cut")
	state, err := receiver.GetSessionState(t.ctx, nil)
	t.must(err, "get state")
	t.check(string(state) == "state", "state '%s'", state)
	again := t.receiveOne(receiver)
	t.check(again.LockToken != m.LockToken && again.DeliveryCount == 1, "delivery %d", again.DeliveryCount)
	t.must(receiver.CompleteMessage(t.ctx, again, nil), "complete")
	t.order("/cut")
	other := t.clientOf(t.settings.connectionString)
	t.empty(t.sessionOf(other, queue, "a", nil), "the session")
}

func restart(t *scene) {
	queue, sessions := t.queue("plain"), t.queue("session")
	sender := t.sender(queue)
	number := t.deferOne(queue)
	t.send(queue, text("active"))
	_, err := sender.ScheduleMessages(t.ctx, []*azservicebus.Message{text("scheduled")}, time.Now().Add(time.Second), nil)
	t.must(err, "schedule")
	t.withState(sessions, "a")
	t.order("/restart")
	receiver := t.receiver(queue)
	t.hasBodies(t.receive(receiver, 2), "active", "scheduled")
	deferred, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{number}, nil)
	t.must(err, "receive deferred")
	t.hasBodies(deferred, "put aside")
	state, err := t.session(sessions, "a").GetSessionState(t.ctx, nil)
	t.must(err, "get state")
	t.check(string(state) == "state", "state '%s'", state)
}
