package main

import (
	"fmt"
	"reflect"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"
)

func bodyCases() []testCase {
	return []testCase{
		{"a body of several data sections is kept", func(t *scene) {
			t.keepsBody(azservicebus.AMQPAnnotatedMessageBody{Data: [][]byte{[]byte("one"), {}, []byte("three")}})
		}},
		{"a body of one amqp-value is kept, whatever its type", valuesAreKept},
		{"a body of amqp-sequences is kept", func(t *scene) {
			t.keepsBody(azservicebus.AMQPAnnotatedMessageBody{Sequence: [][]any{{"a", int32(1), true}, nil, {int64(2), []byte{3}}}})
		}},
		{"header, annotations and footer are kept", sectionsAreKept},
		{"a message id of each type is kept", messageIDsAreKept},
	}
}

func (t *scene) roundTrip(message *azservicebus.AMQPAnnotatedMessage) *azservicebus.AMQPAnnotatedMessage {
	queue := t.queue("plain")
	t.must(t.sender(queue).SendAMQPAnnotatedMessage(t.ctx, message, nil), "send")
	receiver := t.receiver(queue)
	m := t.receiveOne(receiver)
	t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	return m.RawAMQPMessage
}

func (t *scene) keepsBody(body azservicebus.AMQPAnnotatedMessageBody) {
	got := t.roundTrip(&azservicebus.AMQPAnnotatedMessage{Body: body})
	t.same("data", body.Data, got.Body.Data)
	t.same("sequence", body.Sequence, got.Body.Sequence)
	t.same("value", body.Value, got.Body.Value)
}

// same compares values with their types; the client makes nil of an empty list and reads times in local time.
func (t *scene) same(what string, sent, got any) {
	t.check(described(sent) == described(got), "%s: sent %s, got %s", what, described(sent), described(got))
}

func described(value any) string {
	if when, is := value.(time.Time); is {
		return when.UTC().Format(time.RFC3339Nano)
	}
	if pointer := reflect.ValueOf(value); pointer.Kind() == reflect.Pointer && !pointer.IsNil() {
		return described(pointer.Elem().Interface())
	}
	return fmt.Sprintf("%T %#v", value, value)
}

func valuesAreKept(t *scene) {
	queue := t.queue("plain")
	sender, receiver := t.sender(queue), t.receiver(queue)
	for _, value := range []any{
		"text", "", int64(-1), uint32(7), true, 1.5, []byte("bytes"), amqp.UUID{1, 2, 3},
		[]any{"list", int32(1), nil}, map[string]any{"key": "value", "nested": []any{int64(1)}}, []string{"array"}, []int64{1, 2, 3},
	} {
		message := &azservicebus.AMQPAnnotatedMessage{Body: azservicebus.AMQPAnnotatedMessageBody{Value: value}}
		t.must(sender.SendAMQPAnnotatedMessage(t.ctx, message, nil), "send")
		m := t.receiveOne(receiver)
		got := m.RawAMQPMessage.Body.Value
		t.check(reflect.DeepEqual(got, value), "sent %T %#v, got %T %#v", value, value, got, got)
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
}

func sectionsAreKept(t *scene) {
	when := time.UnixMilli(1_800_000_000_000).UTC()
	sent := &azservicebus.AMQPAnnotatedMessage{
		Header: &azservicebus.AMQPAnnotatedMessageHeader{Durable: true, Priority: 7, FirstAcquirer: true, TTL: time.Hour, DeliveryCount: 9},
		MessageAnnotations: map[any]any{
			"x-opt-partition-key": "key", "x-mine": "text", "x-number": int64(5), "x-time": when, "x-list": []any{"a", int32(1)}, "x-null": nil,
		},
		Properties: &azservicebus.AMQPAnnotatedMessageProperties{
			MessageID: "m", UserID: []byte("user"), To: to.Ptr("to"), Subject: to.Ptr("subject"), ReplyTo: to.Ptr("reply"), CorrelationID: uint64(9),
			ContentType: to.Ptr("type"), ContentEncoding: to.Ptr("encoding"), CreationTime: &when, GroupSequence: to.Ptr(uint32(3)),
			ReplyToGroupID: to.Ptr("group"),
		},
		ApplicationProperties: map[string]any{"application": "property"},
		Footer:                map[any]any{"x-footer": "foot", "x-binary": []byte{1}},
		Body:                  azservicebus.AMQPAnnotatedMessageBody{Data: [][]byte{[]byte("body")}},
	}
	got := t.roundTrip(sent)
	t.check(got.Header.Durable && got.Header.Priority == 7 && got.Header.TTL == time.Hour, "header %+v", got.Header)
	t.check(got.Header.DeliveryCount == 0, "the sender's delivery count must not stay: %d", got.Header.DeliveryCount)
	for name, value := range sent.MessageAnnotations {
		t.same(fmt.Sprint("annotation ", name), value, got.MessageAnnotations[name])
	}
	sentFields, gotFields := reflect.ValueOf(*sent.Properties), reflect.ValueOf(*got.Properties)
	for i := range sentFields.NumField() {
		name := sentFields.Type().Field(i).Name
		t.same("property "+name, sentFields.Field(i).Interface(), gotFields.Field(i).Interface())
	}
	t.check(reflect.DeepEqual(got.ApplicationProperties, sent.ApplicationProperties), "application properties %v", got.ApplicationProperties)
	t.check(reflect.DeepEqual(got.Footer, sent.Footer), "footer %v", got.Footer)
	for _, name := range []string{"x-opt-sequence-number", "x-opt-enqueue-sequence-number"} {
		_, is := got.MessageAnnotations[name].(int64)
		t.check(is, "%s is %T, must be long", name, got.MessageAnnotations[name])
	}
	for _, name := range []string{"x-opt-enqueued-time", "x-opt-locked-until"} {
		_, is := got.MessageAnnotations[name].(time.Time)
		t.check(is, "%s is %T, must be timestamp", name, got.MessageAnnotations[name])
	}
	_, is := got.MessageAnnotations["x-opt-message-state"].(int32)
	t.check(is, "x-opt-message-state is %T, must be int", got.MessageAnnotations["x-opt-message-state"])
}

func messageIDsAreKept(t *scene) {
	for _, id := range []any{uint64(42), amqp.UUID{9, 8, 7}, []byte{1, 2}, "text"} {
		got := t.roundTrip(&azservicebus.AMQPAnnotatedMessage{
			Properties: &azservicebus.AMQPAnnotatedMessageProperties{MessageID: id},
			Body:       azservicebus.AMQPAnnotatedMessageBody{Value: "body"},
		})
		t.check(reflect.DeepEqual(got.Properties.MessageID, id), "sent %#v, got %#v", id, got.Properties.MessageID)
	}
}
