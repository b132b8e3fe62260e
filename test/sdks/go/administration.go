package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/admin"
)

// The admin client, which always speaks HTTPS; SSL_CERT_FILE makes it trust the broker's own authority.
func administrationCases() []testCase {
	return []testCase{
		{"admin: the namespace", adminNamespace},
		{"admin: a queue is made, read, changed, listed and deleted", adminQueue},
		{"admin: the figures that KEDA's azure-servicebus scaler asks for", adminScaler},
		{"admin: what does not exist is nil, what exists already or cannot be is an error", adminErrors},
		{"admin: the lists come in pages", adminPages},
		{"admin: a topic and its subscriptions", adminTopic},
		{"admin: rules of every kind, with values of every type", adminRules},
		{"admin: what is forwarded to reads back as an address", adminForwarding},
		{"admin: access rules of a queue, and what their keys open", adminAccessRules},
		{"admin: a rule without Manage, and a wrong key", adminRights},
	}
}

var adminNames atomic.Int64

func (t *scene) newName() string {
	return fmt.Sprintf("%sadmin/%d", t.settings.prefix, adminNames.Add(1))
}

func (t *scene) admin() *admin.Client { return t.adminWith(t.settings.admin) }

func (t *scene) adminWith(connectionString string) *admin.Client {
	client, err := admin.NewClientFromConnectionString(connectionString, &admin.ClientOptions{
		ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	t.must(err, "make an admin client")
	return client
}

// adminAs gives the admin's connection string for another rule.
func (t *scene) adminAs(rule, key string) *admin.Client {
	endpoint, _, _ := strings.Cut(t.settings.admin, ";")
	return t.adminWith(endpoint + ";SharedAccessKeyName=" + rule + ";SharedAccessKey=" + key)
}

func (t *scene) hasStatus(err error, status int, containing string) {
	var response *azcore.ResponseError
	t.check(errors.As(err, &response), "not an error of the service: %v", err)
	t.check(response.StatusCode == status, "status %d, not %d: %v", response.StatusCode, status, err)
	t.check(strings.Contains(err.Error(), containing), "'%v' does not contain '%s'", err, containing)
}

func some[T any](value T) *T { return &value }

func adminNamespace(t *scene) {
	got, err := t.admin().GetNamespaceProperties(t.ctx, nil)
	t.must(err, "get the namespace")
	t.same("name", "retrain", got.Name)
	t.same("SKU", "Standard", got.SKU)
	t.check(!got.CreatedTime.IsZero(), "no time")
}

func adminQueue(t *scene) {
	client, name := t.admin(), t.newName()
	given := admin.QueueProperties{
		LockDuration:                        some("PT30S"),
		MaxSizeInMegabytes:                  some(int32(2048)),
		RequiresDuplicateDetection:          some(true),
		RequiresSession:                     some(true),
		DefaultMessageTimeToLive:            some("P1DT2H"),
		DeadLetteringOnMessageExpiration:    some(true),
		DuplicateDetectionHistoryTimeWindow: some("PT1M"),
		MaxDeliveryCount:                    some(int32(7)),
		EnableBatchedOperations:             some(false),
		Status:                              some(admin.EntityStatusActive),
		AutoDeleteOnIdle:                    some("P10675199DT2H48M5.4775807S"),
		EnablePartitioning:                  some(false),
		UserMetadata:                        some("a <note> & more"),
		MaxMessageSizeInKilobytes:           some(int64(2048)),
	}
	made, err := client.CreateQueue(t.ctx, name, &admin.CreateQueueOptions{Properties: &given})
	t.must(err, "create")
	t.check(reflect.DeepEqual(made.QueueProperties, given), "made %+v", made)
	got, err := client.GetQueue(t.ctx, name, nil)
	t.must(err, "get")
	t.check(reflect.DeepEqual(got.QueueProperties, given), "got %+v", got)
	got.MaxDeliveryCount = some(int32(8))
	got.UserMetadata = nil
	changed, err := client.UpdateQueue(t.ctx, name, got.QueueProperties, nil)
	t.must(err, "update")
	t.same("delivery count", int32(8), *changed.MaxDeliveryCount)
	t.check(changed.UserMetadata == nil, "metadata %v", changed.UserMetadata)
	_, err = client.DeleteQueue(t.ctx, name, nil)
	t.must(err, "delete")
	gone, err := client.GetQueue(t.ctx, name, nil)
	t.check(gone == nil && err == nil, "after its end: %v, %v", gone, err)
}

// The scaler makes its client from the connection string alone, and asks for these.
func adminScaler(t *scene) {
	client, err := admin.NewClientFromConnectionString(t.settings.admin, nil)
	t.must(err, "make the scaler's client")
	queue, topic := t.newName(), t.newName()
	_, err = client.CreateQueue(t.ctx, queue, nil)
	t.must(err, "create a queue")
	_, err = client.CreateTopic(t.ctx, topic, nil)
	t.must(err, "create a topic")
	_, err = client.CreateSubscription(t.ctx, topic, "s", nil)
	t.must(err, "create a subscription")
	for _, entity := range []string{queue, topic} {
		t.send(entity, text("a"), text("b"), text("c"))
		_, err = t.sender(entity).ScheduleMessages(t.ctx, []*azservicebus.Message{text("d")}, time.Now().Add(time.Hour), nil)
		t.must(err, "schedule")
	}
	message := t.receiveOne(t.receiver(queue))
	t.must(t.receiver(queue).DeadLetterMessage(t.ctx, message, nil), "dead-letter")
	ofQueue, err := client.GetQueueRuntimeProperties(t.ctx, queue, &admin.GetQueueRuntimePropertiesOptions{})
	t.must(err, "get the queue's figures")
	t.same("active", int32(2), ofQueue.ActiveMessageCount)
	t.same("dead-lettered", int32(1), ofQueue.DeadLetterMessageCount)
	t.same("scheduled", int32(1), ofQueue.ScheduledMessageCount)
	t.same("total", int64(4), ofQueue.TotalMessageCount)
	t.check(ofQueue.SizeInBytes > 0 && !ofQueue.CreatedAt.IsZero() && !ofQueue.UpdatedAt.IsZero(), "size and times: %+v", ofQueue)
	ofSubscription, err := client.GetSubscriptionRuntimeProperties(t.ctx, topic, "s", &admin.GetSubscriptionRuntimePropertiesOptions{})
	t.must(err, "get the subscription's figures")
	t.same("active", int32(3), ofSubscription.ActiveMessageCount)
	ofTopic, err := client.GetTopicRuntimeProperties(t.ctx, topic, nil)
	t.must(err, "get the topic's figures")
	t.same("scheduled", int32(1), ofTopic.ScheduledMessageCount)
	t.same("subscriptions", int32(1), ofTopic.SubscriptionCount)
	t.same("SQL filters", int32(1), ofTopic.SQLFilterCount)
	// With useRegex it looks through all of them.
	found := 0
	for pager := client.NewListQueuesRuntimePropertiesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.ctx)
		t.must(err, "list queues")
		for _, each := range page.QueueRuntimeProperties {
			if each.QueueName == queue {
				found++
				t.same("active in the list", int32(2), each.ActiveMessageCount)
			}
		}
	}
	t.same("times in the list", 1, found)
	missing, err := client.GetQueueRuntimeProperties(t.ctx, t.newName(), nil)
	t.check(missing == nil && err == nil, "of no queue: %v, %v", missing, err)
	missingOne, err := client.GetSubscriptionRuntimeProperties(t.ctx, topic, "none", nil)
	t.check(missingOne == nil && err == nil, "of no subscription: %v, %v", missingOne, err)
}

func adminErrors(t *scene) {
	client, name := t.admin(), t.newName()
	queue, err := client.GetQueue(t.ctx, name, nil)
	t.check(queue == nil && err == nil, "queue: %v, %v", queue, err)
	topic, err := client.GetTopic(t.ctx, name, nil)
	t.check(topic == nil && err == nil, "topic: %v, %v", topic, err)
	_, err = client.DeleteQueue(t.ctx, name, nil)
	t.hasStatus(err, 404, "could not be found")
	made, err := client.CreateQueue(t.ctx, name, nil)
	t.must(err, "create")
	_, err = client.CreateQueue(t.ctx, name, nil)
	t.hasStatus(err, 409, "SubCode=40900")
	made.RequiresSession = some(true)
	_, err = client.UpdateQueue(t.ctx, name, made.QueueProperties, nil)
	t.hasStatus(err, 400, "RequiresSession")
	_, err = client.CreateQueue(t.ctx, t.newName(), &admin.CreateQueueOptions{Properties: &admin.QueueProperties{LockDuration: some("PT6M")}})
	t.hasStatus(err, 400, "PT6M")
	_, err = client.CreateSubscription(t.ctx, t.newName(), "s", nil)
	t.hasStatus(err, 404, "could not be found")
}

func adminPages(t *scene) {
	client, topic := t.admin(), t.newName()
	_, err := client.CreateTopic(t.ctx, topic, nil)
	t.must(err, "create a topic")
	var names []string
	for index := range 205 {
		name := fmt.Sprintf("s%03d", index)
		names = append(names, name)
		_, err = client.CreateSubscription(t.ctx, topic, name, nil)
		t.must(err, "create a subscription")
	}
	for size, pages := range map[int32]int{0: 4, 90: 3, 300: 1} {
		var got []string
		count := 0
		for pager := client.NewListSubscriptionsPager(topic, &admin.ListSubscriptionsOptions{MaxPageSize: size}); pager.More(); {
			page, err := pager.NextPage(t.ctx)
			t.must(err, "list")
			count++
			for _, each := range page.Subscriptions {
				got = append(got, each.SubscriptionName)
			}
		}
		t.check(slices.Equal(got, names), "in pages of %d: %v", size, got)
		t.same(fmt.Sprintf("pages of %d", size), pages, count)
	}
	_, err = client.DeleteTopic(t.ctx, topic, nil)
	t.must(err, "delete the topic")
}

func adminTopic(t *scene) {
	client, topic := t.admin(), t.newName()
	given := admin.TopicProperties{EnablePartitioning: some(true), SupportOrdering: some(false), UserMetadata: some("note")}
	_, err := client.CreateTopic(t.ctx, topic, &admin.CreateTopicOptions{Properties: &given})
	t.must(err, "create")
	got, err := client.GetTopic(t.ctx, topic, nil)
	t.must(err, "get")
	t.same("size of all partitions", int32(16384), *got.MaxSizeInMegabytes)
	t.same("ordering", false, *got.SupportOrdering)
	got.UserMetadata = some("other")
	changed, err := client.UpdateTopic(t.ctx, topic, got.TopicProperties, nil)
	t.must(err, "update")
	t.same("metadata", "other", *changed.UserMetadata)
	t.same("size", int32(16384), *changed.MaxSizeInMegabytes)
	_, err = client.CreateSubscription(t.ctx, topic, "s", &admin.CreateSubscriptionOptions{
		Properties: &admin.SubscriptionProperties{MaxDeliveryCount: some(int32(3)), RequiresSession: some(true)},
	})
	t.must(err, "create a subscription")
	subscription, err := client.GetSubscription(t.ctx, topic, "s", nil)
	t.must(err, "get the subscription")
	t.same("delivery count", int32(3), *subscription.MaxDeliveryCount)
	subscription.MaxDeliveryCount = some(int32(4))
	_, err = client.UpdateSubscription(t.ctx, topic, "s", subscription.SubscriptionProperties, nil)
	t.must(err, "update the subscription")
	_, err = client.DeleteSubscription(t.ctx, topic, "s", nil)
	t.must(err, "delete the subscription")
	gone, err := client.GetSubscription(t.ctx, topic, "s", nil)
	t.check(gone == nil && err == nil, "subscription after its end: %v, %v", gone, err)
	_, err = client.DeleteTopic(t.ctx, topic, nil)
	t.must(err, "delete")
}

func adminRules(t *scene) {
	client, topic := t.admin(), t.newName()
	_, err := client.CreateTopic(t.ctx, topic, nil)
	t.must(err, "create a topic")
	_, err = client.CreateSubscription(t.ctx, topic, "s", nil)
	t.must(err, "create a subscription")
	values := map[string]any{
		"text": "a", "int": int64(5), "double": 1.5, "flag": true,
		"time": time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	}
	filters := map[string]admin.RuleFilter{
		"sql":         &admin.SQLFilter{Expression: "a = @text", Parameters: map[string]any{"@text": "x", "@int": int64(5)}},
		"correlation": &admin.CorrelationFilter{CorrelationID: some("c"), Subject: some("l"), To: some("t"), ApplicationProperties: values},
		"true":        &admin.TrueFilter{},
		"false":       &admin.FalseFilter{},
	}
	action := &admin.SQLAction{Expression: "SET c = @text", Parameters: map[string]any{"@text": "x"}}
	for name, filter := range filters {
		made, err := client.CreateRule(t.ctx, topic, "s", &admin.CreateRuleOptions{Name: &name, Filter: filter, Action: action})
		t.must(err, "create "+name)
		got, err := client.GetRule(t.ctx, topic, "s", name, nil)
		t.must(err, "get "+name)
		for _, each := range []admin.RuleProperties{made.RuleProperties, got.RuleProperties} {
			t.check(reflect.DeepEqual(each.Filter, filter), "%s: filter %+v", name, each.Filter)
			t.check(reflect.DeepEqual(each.Action, action), "%s: action %+v", name, each.Action)
		}
	}
	kinds := map[string]string{}
	for pager := client.NewListRulesPager(topic, "s", nil); pager.More(); {
		page, err := pager.NextPage(t.ctx)
		t.must(err, "list")
		for _, rule := range page.Rules {
			kinds[rule.Name] = fmt.Sprintf("%T", rule.Filter)
		}
	}
	t.check(maps.Equal(kinds, map[string]string{
		"$Default": "*admin.TrueFilter", "correlation": "*admin.CorrelationFilter", "false": "*admin.FalseFilter",
		"sql": "*admin.SQLFilter", "true": "*admin.TrueFilter",
	}), "kinds %v", kinds)
	changed, err := client.UpdateRule(t.ctx, topic, "s", admin.RuleProperties{Name: "sql", Filter: &admin.SQLFilter{Expression: "a = 2"}})
	t.must(err, "update")
	t.check(changed.Action == nil, "the action is %v", changed.Action)
	_, err = client.CreateRule(t.ctx, topic, "s", &admin.CreateRuleOptions{Name: some("bad"), Filter: &admin.SQLFilter{Expression: "a = = 2"}})
	t.hasStatus(err, 400, "at character")
	_, err = client.DeleteRule(t.ctx, topic, "s", "$Default", nil)
	t.must(err, "delete")
	// A rule without a name is the first one.
	_, err = client.CreateRule(t.ctx, topic, "s", &admin.CreateRuleOptions{})
	t.must(err, "create the first rule again")
	_, err = client.CreateSubscription(t.ctx, topic, "u", &admin.CreateSubscriptionOptions{Properties: &admin.SubscriptionProperties{
		DefaultRule: &admin.RuleProperties{Name: "own", Filter: &admin.SQLFilter{Expression: "a = 1"}},
	}})
	t.must(err, "create a subscription with a rule")
	own, err := client.GetRule(t.ctx, topic, "u", "own", nil)
	t.must(err, "get its rule")
	t.check(own != nil, "its rule is not there")
}

func adminForwarding(t *scene) {
	client, to, name := t.admin(), t.newName(), t.newName()
	_, err := client.CreateQueue(t.ctx, to, nil)
	t.must(err, "create the destination")
	made, err := client.CreateQueue(t.ctx, name, &admin.CreateQueueOptions{
		Properties: &admin.QueueProperties{ForwardTo: &to, ForwardDeadLetteredMessagesTo: &to},
	})
	t.must(err, "create")
	t.check(strings.HasPrefix(*made.ForwardTo, "sb://") && strings.HasSuffix(*made.ForwardTo, "/"+to), "forwards to %s", *made.ForwardTo)
	made.MaxDeliveryCount = some(int32(3))
	_, err = client.UpdateQueue(t.ctx, name, made.QueueProperties, nil)
	t.must(err, "update")
	t.send(name, text("a"))
	t.hasBodies(t.receive(t.receiver(to), 1), "a")
}

func adminAccessRules(t *scene) {
	client, name := t.admin(), t.newName()
	key := "a-primary-key-of-the-owner"
	rule := admin.AuthorizationRule{
		AccessRights: []admin.AccessRight{admin.AccessRightManage, admin.AccessRightSend, admin.AccessRightListen},
		KeyName:      some("owner"), PrimaryKey: &key, SecondaryKey: some("a-secondary-key-of-the-owner"),
	}
	made, err := client.CreateQueue(t.ctx, name, &admin.CreateQueueOptions{
		Properties: &admin.QueueProperties{AuthorizationRules: []admin.AuthorizationRule{rule}},
	})
	t.must(err, "create")
	t.same("rules", 1, len(made.AuthorizationRules))
	t.same("key", key, *made.AuthorizationRules[0].PrimaryKey)
	t.check(slices.Equal(made.AuthorizationRules[0].AccessRights, rule.AccessRights), "rights %v", made.AuthorizationRules[0].AccessRights)
	own := t.adminAs("owner", key)
	got, err := own.GetQueue(t.ctx, name, nil)
	t.must(err, "get with the rule of the queue")
	t.check(got != nil, "the queue is not there")
	_, err = own.CreateQueue(t.ctx, t.newName(), nil)
	t.hasStatus(err, 401, "")
}

func adminRights(t *scene) {
	for rule, key := range map[string]string{"send-only": "key-that-may-only-send", "listen-only": "key-that-may-only-listen"} {
		client := t.adminAs(rule, key)
		_, err := client.CreateQueue(t.ctx, t.newName(), nil)
		t.hasStatus(err, 401, "Manage,EntityWrite claims required for this operation.")
		_, err = client.GetQueue(t.ctx, t.newName(), nil)
		t.hasStatus(err, 401, "Manage,EntityRead claims required for this operation.")
	}
	_, err := t.adminAs("send-only", "wrong").GetNamespaceProperties(t.ctx, nil)
	t.hasStatus(err, 401, "InvalidSignature")
}
