package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/coder/websocket"
)

// transport is a way to reach the broker other than plain TCP.
type transport struct {
	name   string
	client func(t *scene, connectionString string, change func(*azservicebus.ClientOptions)) *azservicebus.Client
}

// SSL_CERT_FILE makes the client trust the broker's authority.
var transports = []transport{{"TLS", secureClient}, {"WebSockets", websocketClient}}

func transportCases() []testCase {
	return forEachTransport([]overCase{
		{"send, batch, receive, every settlement, renewal, peek and deferral", everythingOver},
		{"large messages each way", largeOver},
		{"sessions, their state, and scheduled messages", sessionsOver},
		{"a topic and its subscriptions", topicOver},
		{"a wrong key and an unknown queue", refusedOver},
		{"who does not trust the broker's authority is not let in", distrustOver},
	})
}

// These end the connections of everybody.
func transportRestartCases() []testCase {
	return forEachTransport([]overCase{
		{"a sender and a receiver go on after a cut and after a kill", disturbedOver},
	})
}

type overCase struct {
	name string
	run  func(*scene, transport)
}

func forEachTransport(cases []overCase) []testCase {
	var all []testCase
	for _, over := range transports {
		for _, c := range cases {
			all = append(all, testCase{over.name + ": " + c.name, func(t *scene) { c.run(t, over) }})
		}
	}
	return all
}

func secureClient(t *scene, connectionString string, change func(*azservicebus.ClientOptions)) *azservicebus.Client {
	var given struct{ CustomEndpoint string }
	t.must(json.Unmarshal([]byte(t.settings.secureOptions), &given), "RETRAIN_TLS_OPTIONS")
	return t.clientWith(connectionString, func(options *azservicebus.ClientOptions) {
		options.CustomEndpoint = given.CustomEndpoint
		change(options)
	})
}

// websocketClient needs the port in the connection string: the client asks its own function for the address of the endpoint.
func websocketClient(t *scene, connectionString string, change func(*azservicebus.ClientOptions)) *azservicebus.Client {
	endpoint, _, _ := strings.Cut(t.settings.admin, ";")
	_, rest, _ := strings.Cut(connectionString, ";")
	return t.clientWith(endpoint+";"+rest, func(options *azservicebus.ClientOptions) {
		options.NewWebSocketConn = dialer(http.DefaultClient)
		change(options)
	})
}

// dialer is what the client's own documentation has, with another library for WebSockets.
func dialer(client *http.Client) func(context.Context, azservicebus.NewWebSocketConnArgs) (net.Conn, error) {
	return func(ctx context.Context, args azservicebus.NewWebSocketConnArgs) (net.Conn, error) {
		options := websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"amqp"}}
		connection, _, err := websocket.Dial(ctx, args.Host, &options)
		if err != nil {
			return nil, err
		}
		return websocket.NetConn(context.Background(), connection, websocket.MessageBinary), nil
	}
}

func (t *scene) over(over transport) *azservicebus.Client {
	return over.client(t, t.settings.secure, func(*azservicebus.ClientOptions) {})
}

func everythingOver(t *scene, over transport) {
	queue, client := t.queue("plain"), t.over(over)
	sender := t.senderOf(client, queue)
	t.must(sender.SendMessage(t.ctx, text("0"), nil), "send")
	batch, err := sender.NewMessageBatch(t.ctx, nil)
	t.must(err, "batch")
	for _, body := range []string{"1", "2", "3"} {
		t.must(batch.AddMessage(text(body), nil), "add")
	}
	t.must(sender.SendMessageBatch(t.ctx, batch, nil), "send the batch")
	receiver := t.receiverOf(client, queue, azservicebus.ReceiverOptions{})
	messages := t.receive(receiver, 4)
	t.hasBodies(messages, "0", "1", "2", "3")
	t.must(receiver.RenewMessageLock(t.ctx, messages[0], nil), "renew")
	t.must(receiver.CompleteMessage(t.ctx, messages[0], nil), "complete")
	t.must(receiver.AbandonMessage(t.ctx, messages[1], nil), "abandon")
	t.must(receiver.DeferMessage(t.ctx, messages[2], nil), "defer")
	t.must(receiver.DeadLetterMessage(t.ctx, messages[3], nil), "dead-letter")
	t.hasBodies(t.receive(receiver, 1), "1")
	deferred, err := receiver.ReceiveDeferredMessages(t.ctx, []int64{*messages[2].SequenceNumber}, nil)
	t.must(err, "receive deferred")
	t.must(receiver.CompleteMessage(t.ctx, deferred[0], nil), "complete")
	peeked, err := receiver.PeekMessages(t.ctx, 10, nil)
	t.must(err, "peek")
	t.hasBodies(peeked, "1")
	t.hasBodies(t.receive(t.receiverOf(client, queue, azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}), 1), "3")
}

func largeOver(t *scene, over transport) {
	queue, client := t.queue("large"), t.over(over)
	sender, receiver := t.senderOf(client, queue), t.receiverOf(client, queue, azservicebus.ReceiverOptions{})
	for _, size := range []int{300_000, 5_000_000} {
		body := bytes.Repeat([]byte("0123456789"), size/10)
		t.must(sender.SendMessage(t.ctx, &azservicebus.Message{Body: body}, nil), "send")
		m := t.receiveOne(receiver)
		t.check(bytes.Equal(m.Body, body), "the body of %d bytes is not the same", size)
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
}

func sessionsOver(t *scene, over transport) {
	queue, client := t.queue("session"), t.over(over)
	numbers, err := t.senderOf(client, queue).ScheduleMessages(t.ctx, []*azservicebus.Message{textIn("a", "0"), textIn("a", "1")}, time.Now().Add(time.Second), nil)
	t.must(err, "schedule")
	t.must(t.senderOf(client, queue).CancelScheduledMessages(t.ctx, numbers[:1], nil), "cancel")
	receiver, err := client.AcceptNextSessionForQueue(t.ctx, queue, nil)
	t.must(err, "accept the next session")
	t.onEnd(receiver.Close)
	t.must(receiver.SetSessionState(t.ctx, []byte("state"), nil), "set the state")
	state, err := receiver.GetSessionState(t.ctx, nil)
	t.must(err, "get the state")
	t.check(string(state) == "state", "state '%s'", state)
	t.hasBodies(t.receive(receiver, 1), "1")
}

func topicOver(t *scene, over transport) {
	topic, client := t.topicWith("one", "two"), t.over(over)
	t.must(t.senderOf(client, topic).SendMessage(t.ctx, text("x"), nil), "send")
	for _, name := range []string{"one", "two"} {
		t.hasBodies(t.receive(t.subscriberOf(client, topic, name, azservicebus.ReceiverOptions{}), 1), "x")
	}
}

func refusedOver(t *scene, over transport) {
	wrong := strings.Replace(t.settings.secure, "SharedAccessKey=", "SharedAccessKey=x", 1)
	client := over.client(t, wrong, func(*azservicebus.ClientOptions) {})
	t.hasCode(t.senderOf(client, t.queue("plain")).SendMessage(t.ctx, text("x"), nil), azservicebus.CodeUnauthorizedAccess)
	t.hasCode(t.senderOf(t.over(over), "no-such-queue").SendMessage(t.ctx, text("x"), nil), azservicebus.CodeNotFound)
}

func distrustOver(t *scene, over transport) {
	nobody := &tls.Config{RootCAs: x509.NewCertPool()}
	client := over.client(t, t.settings.secure, func(options *azservicebus.ClientOptions) {
		if options.NewWebSocketConn != nil {
			options.NewWebSocketConn = dialer(&http.Client{Transport: &http.Transport{TLSClientConfig: nobody}})
		} else {
			options.TLSConfig = nobody
		}
		options.RetryOptions.MaxRetries = -1
	})
	err := t.senderOf(client, t.queue("plain")).SendMessage(t.ctx, text("x"), nil)
	t.check(distrusts(err), "got %v", err)
}

func distrusts(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown) || err != nil && strings.Contains(err.Error(), "unknown authority")
}

func disturbedOver(t *scene, over transport) {
	queue, client := t.queue("plain"), t.over(over)
	sender, receiver := t.senderOf(client, queue), t.receiverOf(client, queue, azservicebus.ReceiverOptions{})
	for _, disturbance := range []string{"/cut", "/kill"} {
		t.must(sender.SendMessage(t.ctx, text("before"+disturbance), nil), "send")
		t.must(receiver.CompleteMessage(t.ctx, t.receiveOne(receiver), nil), "complete")
		t.order(disturbance)
		t.must(sender.SendMessage(t.ctx, text("after"+disturbance), nil), "send")
		m := t.receiveOne(receiver)
		t.check(string(m.Body) == "after"+disturbance, "'%s' came", m.Body)
		t.must(receiver.CompleteMessage(t.ctx, m, nil), "complete")
	}
}
