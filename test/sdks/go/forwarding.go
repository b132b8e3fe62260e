package main

import (
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// Queues that forward, that are partitioned, that are full.
func forwardingCases() []testCase {
	return []testCase{
		{"a forwarded message arrives", forwardedArrives},
		{"a dead-lettered message is forwarded with its reason and source", deadLetterForwarded},
		{"a message that is forwarded too often is in the transfer dead-letter queue", forwardedTooFar},
		{"a partitioned queue shows the partition in its sequence numbers", partitioned},
		{"a full queue refuses messages until one is taken", fullQueue},
	}
}

// sibling is the queue of another kind with the same number.
func sibling(queue, kind, otherKind string) string {
	return strings.Replace(queue, "-"+kind+"-", "-"+otherKind+"-", 1)
}

func forwardedArrives(t *scene) {
	queue := t.queue("forwarding")
	t.send(queue, texts(3)...)
	messages := t.receive(t.receiver(sibling(queue, "forwarding", "forwarded")), 3)
	t.hasBodies(messages, "message 0", "message 1", "message 2")
	t.check(*messages[2].EnqueuedSequenceNumber == 3, "enqueued sequence number %d", *messages[2].EnqueuedSequenceNumber)
	_, err := t.receiver(queue).ReceiveMessages(t.ctx, 1, nil)
	t.hasCondition(err, "amqp:not-allowed")
}

func deadLetterForwarded(t *scene) {
	queue := t.queue("dead-forwarding")
	t.send(queue, text("bad"))
	receiver := t.receiver(queue)
	t.must(receiver.DeadLetterMessage(t.ctx, t.receiveOne(receiver), &azservicebus.DeadLetterOptions{Reason: to.Ptr("why")}), "dead-letter")
	m := t.receiveOne(t.receiver(sibling(queue, "dead-forwarding", "forwarded")))
	t.check(valueOf(m.DeadLetterReason) == "why" && valueOf(m.DeadLetterSource) == queue, "reason '%s', source '%s'", valueOf(m.DeadLetterReason), valueOf(m.DeadLetterSource))
}

func forwardedTooFar(t *scene) {
	first := t.queue("hop-1")
	t.send(first, text("far"))
	dead := t.receiverWith(sibling(first, "hop-1", "hop-5"), azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueTransfer})
	m := t.receiveOne(dead)
	t.check(string(m.Body) == "far" && valueOf(m.DeadLetterReason) == "MaxTransferHopCountExceeded", "'%s', reason '%s'", m.Body, valueOf(m.DeadLetterReason))
}

func partitioned(t *scene) {
	queue := t.queue("partitioned")
	for i := range 5 {
		t.send(queue, &azservicebus.Message{Body: []byte(fmt.Sprint(i)), PartitionKey: to.Ptr("one key")})
	}
	receiver := t.receiver(queue)
	messages := t.receive(receiver, 5)
	t.hasBodies(messages, "0", "1", "2", "3", "4")
	for _, m := range messages {
		t.check(*m.SequenceNumber>>48 == *messages[0].SequenceNumber>>48, "sequence numbers %x and %x", *m.SequenceNumber, *messages[0].SequenceNumber)
	}
	t.must(receiver.DeferMessage(t.ctx, messages[0], nil), "defer")
	deferred, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{*messages[0].SequenceNumber}, nil)
	t.must(err, "receive deferred")
	t.must(receiver.CompleteMessage(t.ctx, deferred[0], nil), "complete")
}

func fullQueue(t *scene) {
	queue := t.queue("full")
	sender := t.sender(queue)
	send := func() error {
		return sender.SendMessage(t.ctx, &azservicebus.Message{Body: make([]byte, 200*1024)}, nil)
	}
	var err error
	for i := 0; i < 10 && err == nil; i++ {
		err = send()
	}
	t.hasCondition(err, "amqp:resource-limit-exceeded")
	receiver := t.receiver(queue)
	for _, m := range t.receive(receiver, 2) {
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
	t.must(send(), "send to the queue that has room again")
}
