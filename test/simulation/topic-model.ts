import type { EntityAdmin } from '../../src/server/entity-admin.ts';
import { MAX_LATENCY_MS } from './pipe.ts';
import type { SendResult } from './sending-link.ts';
import { SubscriptionModel, type TopicCopy } from './subscription-model.ts';
import { type Color, DEAD, type PlannedTopic, rulesOf, type RuleSet, TOPIC } from './topic-plan.ts';
import { bodyOf, type ReceivedContent } from './wire-message.ts';
import type { World } from './world.ts';

/** One time that a message was sent. Monotonic milliseconds. */
interface TopicAttempt {
  readonly startedMs: number;
  endedMs: number;
  result: 'open' | SendResult['kind'];
}

export interface TopicMessage {
  readonly uid: string;
  readonly bodyBytes: number;
  readonly color: Color;
  /** By the wall clock. */
  readonly scheduledMs: number | undefined;
  readonly attempts: TopicAttempt[];
  /** The numbers that it was taken under, and when a copy of each was seen first. */
  readonly taken: Map<string, number>;
}

/** Messages that were sent in one piece, or in one transaction. */
interface Group {
  readonly messages: readonly TopicMessage[];
}

/** What is known of a topic, of its subscriptions, and of what was sent to it. It fails the run as soon as a rule is broken. */
export class TopicModel {
  readonly world: World;
  readonly plan: PlannedTopic;
  readonly messages = new Map<string, TopicMessage>();
  readonly groups: Group[] = [];
  readonly subscriptions: SubscriptionModel[] = [];
  /** Counts the topics that have had the name. */
  birth = 0;
  presence: SubscriptionModel['presence'] = 'gone';
  /** It cannot be made, because the disk is full. */
  isGivenUp = false;
  /** What a change of its description may have left there. */
  notes: (string | undefined)[] = [undefined];
  readonly #owners = new Map<string, string>();

  constructor(world: World, plan: PlannedTopic) {
    this.world = world;
    this.plan = plan;
  }

  /** Nothing is asked for whose answer is not known. */
  get isSettled(): boolean {
    return [this, ...this.subscriptions].every(({ presence }) => presence === 'present' || presence === 'gone');
  }

  /** The subscription of a name while it is certainly there. */
  present(name: string): SubscriptionModel | undefined {
    return this.subscriptions.find((one) => one.name === name && one.presence === 'present');
  }

  makeSubscription(name: string, set: RuleSet): SubscriptionModel {
    const subscription = new SubscriptionModel(this.world, { name, set, topicBirth: this.birth });
    this.subscriptions.push(subscription);
    return subscription;
  }

  /** A broker that has just started has these entities. */
  observe({ topics, subscriptions, rules }: EntityAdmin): void {
    const topic = topics.get(TOPIC);
    this.presence = this.#seen(this.presence, topic !== undefined, 'the topic');
    if (topic) {
      const { userMetadata } = topic.description;
      if (!this.notes.includes(userMetadata)) this.world.violate(`the topic says ${userMetadata} after a start`);
      this.notes = [userMetadata];
    }
    for (const one of this.subscriptions) {
      const { name, presence } = one;
      if (presence === 'gone') continue;
      if (!topic) {
        // What it had went with it.
        one.settle('gone');
        continue;
      }
      const isThere = subscriptions.get(TOPIC, name) !== undefined;
      const seen = this.#seen(presence, isThere, `subscription ${name}`);
      if (seen !== presence) one.settle(seen === 'present' ? 'present' : 'gone');
      const names = rules.list({ topicName: TOPIC, name })?.map(({ description }) => description.name);
      if (names)
        one.observe(
          names,
          rulesOf(one.set).map((rule) => rule.name),
        );
    }
    const names = this.subscriptions.filter(({ presence }) => presence === 'present').map(({ name }) => name);
    const strangers = (subscriptions.list(TOPIC) ?? []).filter(({ description }) => !names.includes(description.name));
    if (strangers.length > 0) this.world.violate(`there is a subscription after a start that was deleted`);
  }

  #seen(presence: SubscriptionModel['presence'], isThere: boolean, what: string): SubscriptionModel['presence'] {
    if (presence === 'present' && !isThere) this.world.violate(`${what} is gone after a start`);
    if (presence === 'gone' && isThere) this.world.violate(`${what} is there after a start, although it was deleted`);
    return isThere ? 'present' : 'gone';
  }

  compose(options: Pick<TopicMessage, 'bodyBytes' | 'color' | 'scheduledMs'>): TopicMessage {
    const message: TopicMessage = { ...options, uid: `t-${this.messages.size}`, attempts: [], taken: new Map() };
    this.messages.set(message.uid, message);
    return message;
  }

  /** Messages are sent that happen together. To be called with what the broker said. */
  startSend(messages: readonly TopicMessage[]): (result: SendResult) => void {
    const startedMs = this.world.clock.monotonicMs();
    const attempts = messages.map(({ attempts: all }) => {
      const attempt: TopicAttempt = { startedMs, endedMs: Infinity, result: 'open' };
      all.push(attempt);
      return attempt;
    });
    this.groups.push({ messages });
    return (result) => {
      // What was not answered may still be on its way.
      const endedMs = this.world.clock.monotonicMs() + (result.kind === 'lost' ? 2 * MAX_LATENCY_MS : 0);
      for (const attempt of attempts) Object.assign(attempt, { endedMs, result: result.kind });
      const said = result.kind === 'refused' ? result.condition : result.kind;
      this.world.trace('topic', `${messages.map(({ uid }) => uid).join(' ')}: ${said}`);
    };
  }

  deliver(subscription: SubscriptionModel, content: ReceivedContent, isDead: boolean): TopicCopy {
    const { world } = this;
    const { uid, originalNumber, sequenceNumber } = content;
    const mark = isDead ? DEAD : (content.ruleName ?? '');
    const name = `copy '${mark}' of ${uid} (#${originalNumber} of the topic, #${sequenceNumber} of ${subscription.name})`;
    world.trace(subscription.name, `gives ${name}`);
    const message = this.messages.get(uid);
    if (!message) throw new Error(`${name}: nobody sent it`);
    if (!content.body.equals(bodyOf(uid, message.bodyBytes))) world.violate(`${name} has other content than was sent`);
    if (message.scheduledMs !== undefined && content.enqueuedMs < message.scheduledMs)
      world.violate(`${name} came before its time`);
    const known = subscription.copies.get(sequenceNumber);
    if (known) {
      if (known.uid !== uid || known.originalNumber !== originalNumber || known.mark !== mark)
        world.violate(`${name}: the number was that of copy '${known.mark}' of ${known.uid} #${known.originalNumber}`);
      if (known.isOver) world.violate(`${name} came again after its completion was acknowledged`);
      return known;
    }
    const isTwin = (other: TopicCopy): boolean =>
      other.uid === uid && other.originalNumber === originalNumber && other.mark === mark;
    if ([...subscription.copies.values()].some(isTwin)) world.violate(`${name} is there twice`);
    this.#own(`${subscription.topicBirth}#${originalNumber}`, message);
    const copy: TopicCopy = { uid, originalNumber, sequenceNumber, mark, isOver: false };
    subscription.copies.set(sequenceNumber, copy);
    return copy;
  }

  #own(number: string, { uid, taken }: TopicMessage): void {
    const owner = this.#owners.get(number) ?? uid;
    this.#owners.set(number, owner);
    if (owner !== uid) this.world.violate(`the number ${number} of the topic was given to ${owner} and ${uid}`);
    if (!taken.has(number)) taken.set(number, this.world.clock.monotonicMs());
  }
}
