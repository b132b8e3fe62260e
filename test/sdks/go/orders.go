package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// settings of an entity or a rule, with the names of Azure Resource Manager.
type values map[string]any

// orderWith asks the runner for what an operator would do to entities; ../README.md says what.
func (t *scene) orderWith(what string, body values) {
	data, err := json.Marshal(body)
	t.must(err, what)
	response, err := http.Post(t.settings.controlURL+what, "application/json", bytes.NewReader(data))
	t.must(err, what)
	said, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	t.check(response.StatusCode == http.StatusOK, "%s %s: %s", what, data, said)
}

// with adds what is named to settings.
func (given values) with(more values) values {
	all := values{}
	for name, value := range given {
		all[name] = value
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

// topic makes a topic which no other case uses.
func (t *scene) topic(settings values) string {
	name := t.queue("topic")
	t.orderWith("/make", values{"topics": []values{settings.with(values{"name": name})}})
	return name
}

// topicWith makes a topic with these subscriptions, all with the service's defaults.
func (t *scene) topicWith(subscriptions ...string) string {
	topic := t.topic(nil)
	for _, name := range subscriptions {
		t.subscribe(topic, name, nil)
	}
	return topic
}

// subscribe makes a subscription; "rules" take the place of the one that lets everything in.
func (t *scene) subscribe(topic, name string, settings values) {
	t.orderWith("/make", values{"subscriptions": []values{settings.with(values{"topicName": topic, "name": name})}})
}
