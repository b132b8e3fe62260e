package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func receivingCases() []testCase {
	return []testCase{
		{"messages come in order of sending", inOrder},
		{"receive-and-delete removes what it gives", receiveAndDelete},
		{"a receiver that waits gets the message when it is sent", waitsForMessage},
		{"a receive that times out leaves the receiver usable", timesOut},
		{"a locked message is not given to anybody else", lockedIsHidden},
		{"surplus messages are released and come to the next receiver", surplusIsReleased},
		{"competing receivers share the messages", competing},
		{"what a closed receive-and-delete receiver had fetched can still be read", cachedAfterClose},
	}
}

func inOrder(t *scene) {
	queue := t.queue("plain")
	messages := texts(30)
	t.send(queue, messages...)
	got := t.receive(t.receiver(queue), 30)
	for i, m := range got {
		t.check(string(m.Body) == string(messages[i].Body), "message %d is '%s'", i, m.Body)
		t.check(i == 0 || *m.SequenceNumber == *got[i-1].SequenceNumber+1, "sequence number %d follows %d", *m.SequenceNumber, *got[max(i-1, 0)].SequenceNumber)
	}
}

func receiveAndDelete(t *scene) {
	queue := t.queue("plain")
	t.send(queue, texts(5)...)
	deleter := t.deleter(queue)
	messages := t.receive(deleter, 5)
	t.check(messages[0].LockedUntil == nil, "a message that is deleted has a lock until %v", messages[0].LockedUntil)
	t.check(deleter.CompleteMessage(t.ctx, messages[0], nil) != nil, "complete should be refused")
	t.must(deleter.Close(t.ctx), "close")
	t.empty(t.receiver(queue), "the queue")
}

func waitsForMessage(t *scene) {
	queue := t.queue("plain")
	receiver := t.receiver(queue)
	came := make(chan error, 1)
	go func() {
		messages, err := receiver.ReceiveMessages(t.ctx, 3, nil)
		if err == nil && len(messages) != 1 {
			err = errors.New("expected one message")
		}
		came <- err
	}()
	t.send(queue, text("at last"))
	t.must(<-came, "receive")
}

func timesOut(t *scene) {
	queue := t.queue("plain")
	receiver := t.receiver(queue)
	ctx, cancel := t.within(300 * time.Millisecond)
	defer cancel()
	_, err := receiver.ReceiveMessages(ctx, 1, nil)
	t.check(errors.Is(err, context.DeadlineExceeded), "expected a deadline, got %v", err)
	t.send(queue, text("later"))
	t.hasBodies(t.receive(receiver, 1), "later")
}

func lockedIsHidden(t *scene) {
	queue := t.queue("plain")
	t.send(queue, text("one"), text("two"))
	first, second := t.receiver(queue), t.receiver(queue)
	t.hasBodies(t.receive(first, 1), "one")
	t.hasBodies(t.receive(second, 1), "two")
	t.empty(second, "the queue")
}

func surplusIsReleased(t *scene) {
	queue := t.queue("plain")
	first := t.receiver(queue)
	ctx, cancel := t.within(300 * time.Millisecond)
	defer cancel()
	// The credit for 3 stays with the broker; what comes for it is given back.
	_, err := first.ReceiveMessages(ctx, 3, nil)
	t.check(errors.Is(err, context.DeadlineExceeded), "expected a deadline, got %v", err)
	t.send(queue, texts(5)...)
	messages := t.receive(t.receiver(queue), 5)
	for i, m := range messages {
		t.check(string(m.Body) == string(texts(5)[i].Body), "message %d is '%s'", i, m.Body)
	}
	t.note("delivery count after a release: %d", messages[0].DeliveryCount)
}

func competing(t *scene) {
	queue := t.queue("plain")
	var got [2]atomic.Int32
	ctx, cancel := t.within(20 * time.Second)
	defer cancel()
	for i := range got {
		receiver := t.receiver(queue)
		go func() {
			for ctx.Err() == nil {
				messages, _ := receiver.ReceiveMessages(ctx, 10, nil)
				got[i].Add(int32(len(messages)))
			}
		}()
	}
	sender := t.sender(queue)
	sent := 0
	t.eventually("each of two receivers gets ten messages", func() bool {
		for range 10 {
			t.must(sender.SendMessage(t.ctx, text("message"), nil), "send")
		}
		sent += 10
		return got[0].Load() >= 10 && got[1].Load() >= 10
	})
	t.eventually("all messages come", func() bool { return int(got[0].Load()+got[1].Load()) == sent })
}

func cachedAfterClose(t *scene) {
	queue := t.queue("plain")
	deleter := t.deleter(queue)
	ctx, cancel := t.within(300 * time.Millisecond)
	defer cancel()
	_, err := deleter.ReceiveMessages(ctx, 3, nil)
	t.check(errors.Is(err, context.DeadlineExceeded), "expected a deadline, got %v", err)
	t.send(queue, texts(3)...)
	other := t.receiver(queue)
	t.eventually("the broker hands all three out", func() bool {
		left, err := other.PeekMessages(t.ctx, 3, &azservicebus.PeekMessagesOptions{FromSequenceNumber: to.Ptr(int64(0))})
		t.must(err, "peek")
		return len(left) == 0
	})
	t.must(deleter.Close(t.ctx), "close")
	t.receive(deleter, 3)
	_, err = deleter.ReceiveMessages(t.ctx, 1, nil)
	t.hasCode(err, azservicebus.CodeClosed)
}
