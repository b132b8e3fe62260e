package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func sendingCases() []testCase {
	return []testCase{
		{"a message arrives with every field", arrivesWithEveryField},
		{"a message of many frames arrives whole", manyFrames},
		{"a message larger than the queue allows is refused, and the link lives on", oversize},
		{"a queue for large messages takes one of 5 MiB", largeMessage},
		{"a batch arrives whole and in order", batchArrives},
		{"a batch takes as much as the link says and can be sent full", fullBatch},
		{"a batch of annotated messages arrives", annotatedBatch},
		{"a hundred senders at once", manySenders},
	}
}

func arrivesWithEveryField(t *scene) {
	queue := t.queue("plain")
	before := time.Now().Add(-time.Minute)
	properties := map[string]any{
		"text": "grün", "yes": true, "int32": int32(-7), "int64": int64(1) << 40, "float": 2.5, "when": time.UnixMilli(1_700_000_000_123).UTC(),
		"uint8": uint8(200), "uint16": uint16(60000), "uint32": uint32(4_000_000_000), "uint64": uint64(1) << 63, "int8": int8(-8), "int16": int16(-300),
		"float32": float32(0.5), "binary": []byte{0, 255}, "empty": "",
	}
	t.send(queue, &azservicebus.Message{
		Body: []byte("hello"), MessageID: to.Ptr("id-1"), ContentType: to.Ptr("text/plain"), CorrelationID: to.Ptr("c-1"), Subject: to.Ptr("subject"),
		To: to.Ptr("somebody"), ReplyTo: to.Ptr("answers"), ReplyToSessionID: to.Ptr("rs"), PartitionKey: to.Ptr("pk"),
		TimeToLive: to.Ptr(time.Hour), ApplicationProperties: properties,
	})
	m := t.receiveOne(t.receiver(queue))
	t.check(string(m.Body) == "hello" && m.MessageID == "id-1" && valueOf(m.ContentType) == "text/plain" && valueOf(m.CorrelationID) == "c-1", "body or ids: %+v", m)
	t.check(valueOf(m.Subject) == "subject" && valueOf(m.To) == "somebody" && valueOf(m.ReplyTo) == "answers", "addresses: %+v", m)
	t.check(valueOf(m.ReplyToSessionID) == "rs" && valueOf(m.PartitionKey) == "pk", "reply session %v, partition key %v", m.ReplyToSessionID, m.PartitionKey)
	t.check(valueOf(m.TimeToLive) == time.Hour, "time to live %v", valueOf(m.TimeToLive))
	for name, sent := range properties {
		got, is := m.ApplicationProperties[name]
		same := is && fmt.Sprintf("%T %v", got, got) == fmt.Sprintf("%T %v", sent, sent)
		if when, isTime := got.(time.Time); isTime {
			same = when.Equal(sent.(time.Time))
		}
		t.check(same, "property %s: sent %T %v, got %T %v", name, sent, sent, got, got)
	}
	t.check(len(m.ApplicationProperties) == len(properties), "properties %v", maps.Keys(m.ApplicationProperties))
	t.check(valueOf(m.SequenceNumber) > 0 && valueOf(m.EnqueuedSequenceNumber) == valueOf(m.SequenceNumber), "sequence numbers %v %v", m.SequenceNumber, m.EnqueuedSequenceNumber)
	t.check(m.EnqueuedTime != nil && m.EnqueuedTime.After(before), "enqueued time %v", m.EnqueuedTime)
	t.check(m.LockedUntil != nil && m.LockedUntil.After(time.Now().Add(30*time.Second)), "locked until %v", m.LockedUntil)
	t.check(m.LockToken != [16]byte{} && m.DeliveryCount == 1 && m.State == azservicebus.MessageStateActive, "token %x, delivery %d, state %d", m.LockToken, m.DeliveryCount, m.State)
	t.check(m.SessionID == nil && m.ScheduledEnqueueTime == nil && m.DeadLetterReason == nil, "session %v, schedule %v, reason %v", m.SessionID, m.ScheduledEnqueueTime, m.DeadLetterReason)
}

func manyFrames(t *scene) {
	queue := t.queue("plain")
	body := bytes.Repeat([]byte("0123456789abcdef"), 15*1024)
	t.send(queue, &azservicebus.Message{Body: body})
	m := t.receiveOne(t.receiver(queue))
	t.check(bytes.Equal(m.Body, body), "%d bytes came back of %d", len(m.Body), len(body))
}

func oversize(t *scene) {
	queue := t.queue("plain")
	sender := t.sender(queue)
	err := sender.SendMessage(t.ctx, &azservicebus.Message{Body: make([]byte, 300*1024)}, nil)
	t.check(errors.Is(err, azservicebus.ErrMessageTooLarge), "expected ErrMessageTooLarge, got %v", err)
	t.must(sender.SendMessage(t.ctx, text("small"), nil), "send after the refusal")
	t.hasBodies(t.receive(t.receiver(queue), 1), "small")
}

func largeMessage(t *scene) {
	queue := t.queue("large")
	body := bytes.Repeat([]byte("large"), 1024*1024)
	t.send(queue, &azservicebus.Message{Body: body})
	m := t.receiveOne(t.receiver(queue))
	t.check(bytes.Equal(m.Body, body), "%d bytes came back of %d", len(m.Body), len(body))
}

func batchArrives(t *scene) {
	queue := t.queue("plain")
	sender := t.sender(queue)
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	var expected []string
	for i := range 50 {
		body := fmt.Sprintf("message %d", i)
		expected = append(expected, body)
		message := &azservicebus.Message{Body: []byte(body), ApplicationProperties: map[string]any{"number": int64(i)}}
		t.must(batch.AddMessage(message, nil), "add")
	}
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the batch")
	messages := t.receive(t.receiver(queue), 50)
	t.hasBodies(messages, expected...)
	for i, m := range messages {
		t.check(m.ApplicationProperties["number"] == int64(i), "message %d has number %v", i, m.ApplicationProperties["number"])
	}
}

func fullBatch(t *scene) {
	queue := t.queue("plain")
	sender := t.sender(queue)
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	count := 0
	for ; count < 1000; count++ {
		if err = batch.AddMessage(&azservicebus.Message{Body: make([]byte, 4*1024)}, nil); err != nil {
			break
		}
	}
	t.check(errors.Is(err, azservicebus.ErrMessageTooLarge), "after %d messages: %v", count, err)
	t.check(batch.NumBytes() > 250*1024 && batch.NumBytes() <= 256*1024, "the batch is full with %d bytes", batch.NumBytes())
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the full batch")
	t.receive(t.receiver(queue), count)
}

func annotatedBatch(t *scene) {
	queue := t.queue("plain")
	sender := t.sender(queue)
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	for i := range 3 {
		t.must(batch.AddAMQPAnnotatedMessage(&azservicebus.AMQPAnnotatedMessage{Body: azservicebus.AMQPAnnotatedMessageBody{Value: int64(i)}}, nil), "add")
	}
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the batch")
	for i, m := range t.receive(t.receiver(queue), 3) {
		t.check(m.RawAMQPMessage.Body.Value == int64(i), "value %d is %v", i, m.RawAMQPMessage.Body.Value)
	}
}

func manySenders(t *scene) {
	queue := t.queue("plain")
	done := make(chan error, 100)
	sender := t.sender(queue)
	for i := range 100 {
		go func() { done <- sender.SendMessage(t.ctx, text(fmt.Sprint(i)), nil) }()
	}
	for range 100 {
		t.must(<-done, "send")
	}
	seen := map[string]bool{}
	for _, m := range t.receive(t.receiver(queue), 100) {
		seen[string(m.Body)] = true
	}
	t.check(len(seen) == 100, "%d different messages of 100", len(seen))
}
