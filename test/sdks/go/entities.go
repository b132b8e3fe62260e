package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"
)

// How long a receiver waits before it says that a queue is empty.
const quietTime = 700 * time.Millisecond

// scene is what one case works with: clients, senders and receivers that are closed when it is over. Everything that goes wrong ends
// the case.
type scene struct {
	ctx      context.Context
	settings settings
	report   *report
	ends     []func(context.Context) error
	notes    []string
	shared   *azservicebus.Client
}

func (t *scene) client() *azservicebus.Client {
	if t.shared == nil {
		t.shared = t.clientOf(t.settings.connectionString)
	}
	return t.shared
}

func (t *scene) clientOf(connectionString string) *azservicebus.Client {
	return t.clientWith(connectionString, func(*azservicebus.ClientOptions) {})
}

func (t *scene) clientWith(connectionString string, change func(*azservicebus.ClientOptions)) *azservicebus.Client {
	options := azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 3, RetryDelay: 100 * time.Millisecond, MaxRetryDelay: time.Second},
	}
	change(&options)
	client, err := azservicebus.NewClientFromConnectionString(connectionString, &options)
	t.must(err, "client")
	t.onEnd(client.Close)
	return client
}

func (t *scene) sender(queue string) *azservicebus.Sender {
	return t.senderOf(t.client(), queue)
}

func (t *scene) senderOf(client *azservicebus.Client, queue string) *azservicebus.Sender {
	sender, err := client.NewSender(queue, nil)
	t.must(err, "sender of "+queue)
	t.onEnd(sender.Close)
	return sender
}

func (t *scene) receiver(queue string) *azservicebus.Receiver {
	return t.receiverWith(queue, azservicebus.ReceiverOptions{})
}

func (t *scene) deleter(queue string) *azservicebus.Receiver {
	return t.receiverWith(queue, azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
}

func (t *scene) deadLetters(queue string) *azservicebus.Receiver {
	return t.receiverWith(queue, azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
}

func (t *scene) receiverWith(queue string, options azservicebus.ReceiverOptions) *azservicebus.Receiver {
	return t.receiverOf(t.client(), queue, options)
}

func (t *scene) receiverOf(client *azservicebus.Client, queue string, options azservicebus.ReceiverOptions) *azservicebus.Receiver {
	receiver, err := client.NewReceiverForQueue(queue, &options)
	t.must(err, "receiver of "+queue)
	t.onEnd(receiver.Close)
	return receiver
}

func (t *scene) send(queue string, messages ...*azservicebus.Message) {
	sender := t.sender(queue)
	for _, message := range messages {
		t.must(sender.SendMessage(t.ctx, message, nil), "send to "+queue)
	}
}

func text(body string) *azservicebus.Message { return &azservicebus.Message{Body: []byte(body)} }

func textIn(session, body string) *azservicebus.Message {
	return &azservicebus.Message{Body: []byte(body), SessionID: to.Ptr(session)}
}

func texts(count int) []*azservicebus.Message {
	messages := make([]*azservicebus.Message, count)
	for i := range messages {
		messages[i] = text(fmt.Sprintf("message %d", i))
	}
	return messages
}

// source is what messages are received from: a receiver or a session receiver.
type source interface {
	ReceiveMessages(context.Context, int, *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
}

// receive waits for exactly count messages.
func (t *scene) receive(from source, count int) []*azservicebus.ReceivedMessage {
	var messages []*azservicebus.ReceivedMessage
	ctx, cancel := t.within(20 * time.Second)
	defer cancel()
	for len(messages) < count {
		more, err := from.ReceiveMessages(ctx, count-len(messages), nil)
		if err != nil {
			t.fail("%d of %d messages came, then: %v", len(messages), count, err)
		}
		messages = append(messages, more...)
	}
	return messages
}

func (t *scene) receiveOne(from source) *azservicebus.ReceivedMessage { return t.receive(from, 1)[0] }

// empty says that nothing comes for a while.
func (t *scene) empty(from source, what string) {
	ctx, cancel := t.within(quietTime)
	defer cancel()
	messages, err := from.ReceiveMessages(ctx, 1, nil)
	if len(messages) > 0 {
		t.fail("%s has a message '%s', should be empty", what, messages[0].Body)
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.fail("%s: %v", what, err)
	}
}

func bodies(messages []*azservicebus.ReceivedMessage) []string {
	result := make([]string, len(messages))
	for i, message := range messages {
		result[i] = string(message.Body)
	}
	return result
}

func (t *scene) hasBodies(messages []*azservicebus.ReceivedMessage, expected ...string) {
	if got := bodies(messages); !slices.Equal(got, expected) {
		t.fail("got %q, expected %q", got, expected)
	}
}

// hasCode says that err is the client's own error with that code.
func (t *scene) hasCode(err error, code azservicebus.Code) {
	var own *azservicebus.Error
	if !errors.As(err, &own) || own.Code != code {
		t.fail("expected an error with code '%s', got: %v", code, err)
	}
}

// hasCondition says that err carries an AMQP error with that condition.
func (t *scene) hasCondition(err error, condition amqp.ErrCond) {
	var found *amqp.Error
	if !errors.As(err, &found) || found.Condition != condition {
		t.fail("expected the condition '%s', got: %v", condition, err)
	}
}

func valueOf[T any](pointer *T) T {
	if pointer == nil {
		var zero T
		return zero
	}
	return *pointer
}

// byToken is a message that is known by its lock alone: settling it goes through the management node.
func byToken(message *azservicebus.ReceivedMessage) *azservicebus.ReceivedMessage {
	return &azservicebus.ReceivedMessage{LockToken: message.LockToken}
}
