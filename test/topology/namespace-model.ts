import assert from 'node:assert/strict';
import type { NamespaceDescription, RuleDescription, Step } from '../../src/topology/index.ts';

interface Part {
  description: object;
  readonly parts: Map<string, Part>;
}

/** A namespace that refuses what Service Bus refuses: what is there already, what is not there, a destination that is missing. */
export class NamespaceModel {
  readonly #queues = new Map<string, Part>();
  readonly #topics = new Map<string, Part>();

  constructor({ queues, topics }: NamespaceDescription) {
    for (const queue of queues) this.#queues.set(key(queue.name), part(queue));
    for (const topic of topics) {
      const made = part(topic.description);
      this.#topics.set(key(topic.description.name), made);
      for (const { description, rules = [] } of topic.subscriptions) {
        const subscription = part(description);
        made.parts.set(key(description.name), subscription);
        for (const rule of rules) subscription.parts.set(key(rule.name), part(rule));
      }
    }
  }

  carryOut(step: Step): void {
    const siblings = this.#siblings(step);
    const name = key(step.description.name);
    const present = siblings.get(name);
    if (step.action === 'create') {
      assert.equal(present, undefined, `${step.what} ${name} is there`);
      if (step.what === 'queue') assert.ok(!this.#topics.has(name));
      if (step.what === 'topic') assert.ok(!this.#queues.has(name));
      const made = part(step.description);
      siblings.set(name, made);
      if (step.what === 'subscription') assert.ok(step.rules);
      for (const rule of step.rules ?? []) made.parts.set(key(rule.name), part(rule));
    } else if (step.action === 'update') {
      assert.ok(present, `${step.what} ${name} is not there`);
      present.description = step.description;
    } else assert.ok(siblings.delete(name), `${step.what} ${name} is not there`);
    if (step.action === 'delete' || step.what === 'rule' || step.what === 'topic') return;
    for (const to of [step.description.forwardTo, step.description.forwardDeadLetteredMessagesTo])
      assert.ok(to === undefined || this.#queues.has(key(to)) || this.#topics.has(key(to)), `${to} is not there`);
  }

  namespace(): NamespaceDescription {
    return {
      queues: [...this.#queues.values()].map(({ description }) => description as never),
      topics: [...this.#topics.values()].map(({ description, parts }) => ({
        description: description as never,
        subscriptions: [...parts.values()].map((subscription) => ({
          description: subscription.description as never,
          rules: [...subscription.parts.values()].map((rule) => rule.description as RuleDescription),
        })),
      })),
    };
  }

  #siblings(step: Step): Map<string, Part> {
    if (step.what === 'queue') return this.#queues;
    if (step.what === 'topic') return this.#topics;
    const topicName = step.what === 'rule' ? step.topicName : step.description.topicName;
    const topic = this.#topics.get(key(topicName));
    assert.ok(topic, `topic ${topicName} is not there`);
    if (step.what === 'subscription') return topic.parts;
    const subscription = topic.parts.get(key(step.subscriptionName));
    assert.ok(subscription, `subscription ${step.subscriptionName} is not there`);
    return subscription.parts;
  }
}

function part(description: object): Part {
  return { description, parts: new Map() };
}

function key(name: string): string {
  return name.toLowerCase();
}
