package main

import (
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

func refusalCases() []testCase {
	return []testCase{
		{"a queue that does not exist is not found", notFound},
		{"a wrong key is unauthorized", wrongKey},
		{"a key that may only listen does not send, one that may only send does not receive", missingRights},
		{"a queue with sessions takes no message without one and no receiver without one", sessionsRequired},
		{"a queue without sessions accepts none", noSessions},
		{"a disabled queue refuses what is disabled", disabledQueues},
	}
}

func notFound(t *scene) {
	queue := t.settings.prefix + "nowhere"
	t.hasCode(t.sender(queue).SendMessage(t.ctx, text("x"), nil), azservicebus.CodeNotFound)
	_, err := t.receiver(queue).ReceiveMessages(t.ctx, 1, nil)
	t.hasCode(err, azservicebus.CodeNotFound)
	_, err = t.receiver(queue).PeekMessages(t.ctx, 1, nil)
	t.hasCode(err, azservicebus.CodeNotFound)
	_, err = t.client().AcceptSessionForQueue(t.ctx, queue, "a", nil)
	t.hasCode(err, azservicebus.CodeNotFound)
	_, err = t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
	t.hasCode(err, azservicebus.CodeNotFound)
}

func wrongKey(t *scene) {
	queue := t.queue("plain")
	address := t.settings.host + ":" + t.settings.port
	for _, wrong := range []string{
		"SharedAccessKeyName=" + t.settings.keyName + ";SharedAccessKey=wrong",
		"SharedAccessKeyName=unknown;SharedAccessKey=wrong",
	} {
		client := t.clientOf("Endpoint=sb://" + address + ";" + wrong + ";UseDevelopmentEmulator=true;")
		t.hasCode(t.senderOf(client, queue).SendMessage(t.ctx, text("x"), nil), azservicebus.CodeUnauthorizedAccess)
		_, err := t.receiverOf(client, queue, azservicebus.ReceiverOptions{}).ReceiveMessages(t.ctx, 1, nil)
		t.hasCode(err, azservicebus.CodeUnauthorizedAccess)
	}
}

func missingRights(t *scene) {
	queue := t.queue("plain")
	sends, listens := t.clientOf(t.settings.sendOnly), t.clientOf(t.settings.listenOnly)
	err := t.senderOf(listens, queue).SendMessage(t.ctx, text("x"), nil)
	t.hasCode(err, azservicebus.CodeUnauthorizedAccess)
	t.check(strings.Contains(err.Error(), "'Send' claim(s) are required to perform this operation"), "text: %v", err)
	_, err = t.receiverOf(sends, queue, azservicebus.ReceiverOptions{}).ReceiveMessages(t.ctx, 1, nil)
	t.hasCode(err, azservicebus.CodeUnauthorizedAccess)
	t.check(strings.Contains(err.Error(), "'Listen' claim(s) are required to perform this operation"), "text: %v", err)
	t.must(t.senderOf(sends, queue).SendMessage(t.ctx, text("x"), nil), "send with the right to send")
	t.hasBodies(t.receive(t.receiverOf(listens, queue, azservicebus.ReceiverOptions{}), 1), "x")
}

func sessionsRequired(t *scene) {
	queue := t.queue("session")
	t.hasCondition(t.sender(queue).SendMessage(t.ctx, text("no session"), nil), "amqp:not-allowed")
	_, err := t.receiver(queue).ReceiveMessages(t.ctx, 1, nil)
	t.hasCondition(err, "amqp:not-allowed")
	said := "It is not possible for an entity that requires sessions to create a non-sessionful message receiver."
	t.check(strings.Contains(err.Error(), said), "text: %v", err)
}

func noSessions(t *scene) {
	queue := t.queue("plain")
	_, err := t.client().AcceptSessionForQueue(t.ctx, queue, "a", nil)
	t.hasCondition(err, "amqp:not-allowed")
	_, err = t.client().AcceptNextSessionForQueue(t.ctx, queue, nil)
	t.hasCondition(err, "amqp:not-allowed")
	// A session id is only a property here.
	t.send(queue, textIn("a", "one"))
	t.check(valueOf(t.receiveOne(t.receiver(queue)).SessionID) == "a", "session id")
}

func disabledQueues(t *scene) {
	disabled, sendDisabled, receiveDisabled := t.queue("disabled"), t.queue("send-disabled"), t.queue("receive-disabled")
	for _, queue := range []string{disabled, sendDisabled} {
		t.hasCondition(t.sender(queue).SendMessage(t.ctx, text("x"), nil), "com.microsoft:entity-disabled")
	}
	for _, queue := range []string{disabled, receiveDisabled} {
		_, err := t.receiver(queue).ReceiveMessages(t.ctx, 1, nil)
		t.hasCondition(err, "com.microsoft:entity-disabled")
	}
	t.empty(t.receiver(sendDisabled), "the queue")
	t.send(receiveDisabled, text("x"))
}
