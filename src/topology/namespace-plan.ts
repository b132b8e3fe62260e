import { type Difference, differencesOf, sameRule } from './canonical.ts';
import type { Entity } from './entity.ts';
import { FORWARDINGS, inOrderOfForwarding } from './forwarding-order.ts';
import type { DeclaredSubscription, DeclaredTopic, NamespaceDescription } from './namespace.ts';
import type { QueueDescription } from './queue.ts';
import { DEFAULT_RULE, type RuleDescription } from './rule.ts';
import type { SubscriptionDescription } from './subscription.ts';
import type { TopicDescription } from './topic.ts';

/** Something to do with an entity. */
export type Step = Entity &
  (
    | {
        readonly action: 'create';
        /** Of a subscription: it is made together with its rules, so that nothing comes in by another one meanwhile. */
        readonly rules?: readonly RuleDescription[];
      }
    | { readonly action: 'update'; readonly differences: readonly Difference[] }
    | { readonly action: 'delete' }
  );

export interface Refusal {
  readonly entity: Entity;
  readonly reason: string;
}

export interface NamespacePlan {
  /** In an order in which each can be done: what is forwarded to is there before. */
  readonly steps: readonly Step[];
  /** What is there and as it should be. */
  readonly unchanged: readonly Entity[];
  /** What cannot be done in any order; then nothing should be. */
  readonly refusals: readonly Refusal[];
}

/** What is decided when an entity is made. */
const FIXED: ReadonlySet<string> = new Set(['requiresSession', 'requiresDuplicateDetection', 'enablePartitioning']);

/**
 * What has to be done so that a namespace is as it is declared. What is declared is the truth for the entities that it names: a property that it does
 * not say gets its default. Entities that it does not name stay as they are; with `prune` they go.
 */
export function planNamespace(
  present: NamespaceDescription,
  wanted: NamespaceDescription,
  { prune = false }: { prune?: boolean } = {},
): NamespacePlan {
  return new Planner(present, prune).plan(wanted);
}

/** Things by their names, of which case does not matter. */
class ByName<T> {
  readonly #things: Map<string, T>;

  constructor(things: Iterable<T>, nameOf: (thing: T) => string) {
    this.#things = new Map([...things].map((thing) => [nameOf(thing).toLowerCase(), thing]));
  }

  get(name: string): T | undefined {
    return this.#things.get(name.toLowerCase());
  }

  /** Those whose names others have not. */
  without(others: ByName<unknown>): T[] {
    return [...this.#things].filter(([name]) => others.get(name) === undefined).map(([, thing]) => thing);
  }
}

class Planner {
  readonly #queues: ByName<QueueDescription>;
  readonly #topics: ByName<DeclaredTopic>;
  readonly #prune: boolean;
  readonly #early: Step[] = [];
  readonly #creations: Step[] = [];
  /** Once everything is there that may be forwarded to. */
  readonly #updates: Step[] = [];
  readonly #deletions: Step[] = [];
  readonly #unchanged: Entity[] = [];
  readonly #refusals: Refusal[] = [];

  constructor(present: NamespaceDescription, prune: boolean) {
    this.#queues = new ByName(present.queues, ({ name }) => name);
    this.#topics = new ByName(present.topics, ({ description }) => description.name);
    this.#prune = prune;
  }

  plan({ queues, topics }: NamespaceDescription): NamespacePlan {
    const wantedQueues = new ByName(queues, ({ name }) => name);
    const wantedTopics = new ByName(topics, ({ description }) => description.name);
    this.#refuseTwice([...queues, ...topics.map(({ description }) => description)]);
    this.#deleteOthers(wantedQueues, wantedTopics);
    for (const topic of topics) this.#topic(topic);
    // To be made, and not made yet.
    const missing = new Set(queues.map(({ name }) => name.toLowerCase()).filter((name) => !this.#queues.get(name)));
    for (const queue of inOrderOfForwarding(queues)) {
      this.#queue(queue, missing);
      missing.delete(queue.name.toLowerCase());
    }
    for (const topic of topics) this.#subscriptions(topic);
    const isThere = (name: string): boolean =>
      [wantedQueues, wantedTopics, ...(this.#prune ? [] : [this.#queues, this.#topics])].some((known) =>
        known.get(name),
      );
    this.#checkDestinations(isThere);
    return {
      steps: [...this.#early, ...this.#creations, ...this.#updates, ...this.#deletions],
      unchanged: this.#unchanged,
      refusals: this.#refusals,
    };
  }

  #refuseTwice(descriptions: readonly (QueueDescription | TopicDescription)[]): void {
    const seen = new Set<string>();
    for (const description of descriptions) {
      const entity =
        'supportOrdering' in description
          ? ({ what: 'topic', description } as const)
          : ({ what: 'queue', description } as const);
      if (seen.has(description.name.toLowerCase()))
        this.#refusals.push({ entity, reason: 'the name is declared twice' });
      seen.add(description.name.toLowerCase());
    }
  }

  /** What has the name of something else that is wanted goes before that is made. */
  #deleteOthers(queues: ByName<QueueDescription>, topics: ByName<DeclaredTopic>): void {
    if (!this.#prune) return;
    for (const description of this.#queues.without(queues))
      (topics.get(description.name) ? this.#early : this.#deletions).push({
        action: 'delete',
        what: 'queue',
        description,
      });
    for (const { description } of this.#topics.without(topics))
      (queues.get(description.name) ? this.#early : this.#deletions).push({
        action: 'delete',
        what: 'topic',
        description,
      });
  }

  #topic({ description }: DeclaredTopic): void {
    const entity = { what: 'topic', description } as const;
    const present = this.#topics.get(description.name)?.description;
    if (present) return this.#change(present, { ...entity, description: { ...description, name: present.name } });
    if (this.#isFree(entity, this.#queues)) this.#creations.push({ action: 'create', ...entity });
  }

  /** Of queues that forward in a circle the first is made without forwarding to one that is missing, and gets that afterwards. */
  #queue(description: QueueDescription, missing: ReadonlySet<string>): void {
    const entity = { what: 'queue', description } as const;
    const present = this.#queues.get(description.name);
    if (present) return this.#change(present, { ...entity, description: { ...description, name: present.name } });
    if (!this.#isFree(entity, this.#topics)) return;
    const later = FORWARDINGS.filter((property) => missing.has(description[property]?.toLowerCase() ?? ''));
    const first = { ...description, ...Object.fromEntries(later.map((property) => [property, undefined])) };
    this.#creations.push({ action: 'create', what: 'queue', description: first });
    const differences = differencesOf(first, description);
    if (differences.length > 0) this.#updates.push({ action: 'update', ...entity, differences });
  }

  #isFree(entity: Entity, others: ByName<unknown>): boolean {
    if (this.#prune || others.get(entity.description.name) === undefined) return true;
    const other = entity.what === 'queue' ? 'topic' : 'queue';
    this.#refusals.push({ entity, reason: `there is a ${other} of this name; delete it, or choose another name` });
    return false;
  }

  #subscriptions({ description, subscriptions }: DeclaredTopic): void {
    const nameOf = (subscription: DeclaredSubscription): string => subscription.description.name;
    const present = new ByName(this.#topics.get(description.name)?.subscriptions ?? [], nameOf);
    for (const subscription of subscriptions) {
      const there = present.get(nameOf(subscription));
      if (there) this.#changeSubscription(there, subscription);
      else this.#creations.push({ action: 'create', what: 'subscription', rules: [DEFAULT_RULE], ...subscription });
    }
    if (!this.#prune) return;
    for (const { description } of present.without(new ByName(subscriptions, nameOf)))
      this.#deletions.push({ action: 'delete', what: 'subscription', description });
  }

  /** Rules are added and changed before others go: a message may match twice meanwhile, and is not lost. */
  #changeSubscription(present: DeclaredSubscription, { description: wanted, rules }: DeclaredSubscription): void {
    const { topicName, name } = present.description;
    const description = { ...wanted, topicName, name };
    this.#change(present.description, { what: 'subscription', description });
    if (rules === undefined) return;
    const known = new ByName(present.rules ?? [], ({ name }) => name);
    for (const rule of rules) {
      const entity = ruleOf(description, rule);
      const there = known.get(rule.name);
      if (there === undefined) this.#updates.push({ action: 'create', ...entity });
      else if (sameRule(there, rule)) this.#unchanged.push(entity);
      else
        this.#updates.push({ action: 'update', ...entity, differences: [{ property: 'rule', from: there, to: rule }] });
    }
    for (const rule of known.without(new ByName(rules, ({ name }) => name)))
      this.#updates.push({ action: 'delete', ...ruleOf(description, rule) });
  }

  #change(present: object, entity: Entity): void {
    const differences = differencesOf(present, entity.description);
    const fixed = differences.filter(({ property }) => FIXED.has(property));
    for (const { property, from, to } of fixed)
      this.#refusals.push({
        entity,
        reason: `${property} is ${String(from)} and cannot be changed to ${String(to)}; delete the ${entity.what} and make it anew, or use another name`,
      });
    if (differences.length === 0) this.#unchanged.push(entity);
    else if (fixed.length === 0) this.#updates.push({ action: 'update', ...entity, differences });
  }

  #checkDestinations(isThere: (name: string) => boolean): void {
    for (const entity of [...this.#creations, ...this.#updates]) {
      if (entity.what !== 'queue' && entity.what !== 'subscription') continue;
      for (const property of FORWARDINGS) {
        const destination = entity.description[property];
        if (destination === undefined || isThere(destination)) continue;
        this.#refusals.push({
          entity,
          reason: `${property}: there is no queue or topic '${destination}'; declare it, too, or correct its name`,
        });
      }
    }
  }
}

function ruleOf({ topicName, name }: SubscriptionDescription, description: RuleDescription) {
  return { what: 'rule', topicName, subscriptionName: name, description } as const;
}
