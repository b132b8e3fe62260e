import type { SeededRandom } from './seeded-random.ts';
import type { Setting } from './setting.ts';
import type { TopicModel } from './topic-model.ts';
import { describeSubscription, drawRules, EXTRA, rulesOf, TOPIC } from './topic-plan.ts';

const PAUSE_MS = 120;
const RETRY_MS = 15;
/** A full disk may never get room again before the run is over. */
const MAX_REFUSALS = 100;

/** Makes the topic and its subscriptions, and changes them while others use them. */
export class TopicAdministrator {
  readonly #setting: Setting;
  readonly #model: TopicModel;
  readonly #random: SeededRandom;
  #notes = 0;
  #refusals = 0;

  constructor(options: { setting: Setting; model: TopicModel }) {
    this.#setting = options.setting;
    this.#model = options.model;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world } = this.#setting;
    for (let changes = this.#model.plan.changes; changes > 0 && !this.#model.isGivenUp; changes--) {
      await this.#complete();
      await world.sleep(this.#random.delayMs(PAUSE_MS));
      world.markDelicate();
      if (this.#model.presence === 'present') await this.#change();
    }
    await this.#complete();
  }

  /** Makes what is missing. */
  async #complete(): Promise<void> {
    const { world, broker } = this.#setting;
    const { subscriptions } = this.#model.plan;
    while (!this.#model.isGivenUp) {
      // What was not answered shows when the broker has started.
      if (!broker.ready || !this.#model.isSettled) await world.sleep(RETRY_MS);
      else if (this.#model.presence === 'gone') await this.#makeTopic();
      else {
        const missing = subscriptions.find((name) => !this.#model.present(name));
        if (missing === undefined) return;
        await this.#subscribe(missing);
      }
    }
  }

  async #makeTopic(): Promise<void> {
    const model = this.#model;
    model.presence = 'making';
    model.birth++;
    model.notes = [undefined];
    const result = await this.#setting.broker.administer(({ topics }) => topics.create(model.plan.description));
    this.#tell('makes the topic', result);
    if (result !== 'lost') model.presence = result === 'done' ? 'present' : 'gone';
    if (result === 'refused') await this.#refused();
  }

  async #subscribe(name: string): Promise<void> {
    const subscription = this.#model.makeSubscription(name, drawRules(this.#random));
    const description = describeSubscription(name, name === this.#model.plan.subscriptions[0]);
    const result = await this.#setting.broker.administer(({ subscriptions }) =>
      subscriptions.create(description, rulesOf(subscription.set)),
    );
    this.#tell(`makes subscription ${name} (${subscription.set})`, result);
    if (result !== 'lost') subscription.settle(result === 'done' ? 'present' : 'gone');
    if (result === 'refused') await this.#refused();
  }

  async #refused(): Promise<void> {
    if (++this.#refusals === MAX_REFUSALS) this.#model.isGivenUp = true;
    await this.#setting.world.sleep(RETRY_MS);
  }

  async #change(): Promise<void> {
    const dice = this.#random.fraction();
    if (dice < 0.45) await this.#changeRules();
    else if (dice < 0.65) await this.#note();
    else if (dice < 0.85) await this.#unsubscribe();
    else await this.#deleteTopic();
  }

  async #changeRules(): Promise<void> {
    const subscription = this.#model.present(this.#random.pick(this.#model.plan.subscriptions));
    const extra = subscription?.extra;
    if (!subscription || extra === undefined) return;
    const { name } = subscription;
    const owner = { topicName: TOPIC, name };
    const end = subscription.startChange(!extra);
    const result = await this.#setting.broker.administer(({ rules }) =>
      extra ? rules.delete(owner, EXTRA.name) : rules.create(owner, EXTRA),
    );
    this.#tell(`${extra ? 'removes' : 'adds'} the rule of ${name}`, result);
    end(result);
  }

  async #note(): Promise<void> {
    const model = this.#model;
    if (model.notes.length > 1) return;
    const [present] = model.notes;
    const userMetadata = `note ${++this.#notes}`;
    model.notes = [present, userMetadata];
    const result = await this.#setting.broker.administer(({ topics }) => topics.update(TOPIC, { userMetadata }));
    this.#tell('changes the topic', result);
    if (result !== 'lost') model.notes = [result === 'done' ? userMetadata : present];
  }

  async #unsubscribe(): Promise<void> {
    const subscription = this.#model.present(this.#random.pick(this.#model.plan.subscriptions));
    if (!subscription) return;
    const { name } = subscription;
    subscription.startLeaving();
    const result = await this.#setting.broker.administer(({ subscriptions }) => subscriptions.delete(TOPIC, name));
    this.#tell(`deletes subscription ${name}`, result);
    if (result !== 'lost') subscription.settle(result === 'done' ? 'gone' : 'present');
  }

  async #deleteTopic(): Promise<void> {
    const model = this.#model;
    const present = model.subscriptions.filter(({ presence }) => presence === 'present');
    model.presence = 'leaving';
    for (const subscription of present) subscription.startLeaving();
    const result = await this.#setting.broker.administer(({ topics }) => topics.delete(TOPIC));
    this.#tell('deletes the topic', result);
    if (result === 'lost') return;
    model.presence = result === 'done' ? 'gone' : 'present';
    for (const subscription of present) subscription.settle(model.presence);
  }

  #tell(what: string, result: string): void {
    this.#setting.world.trace('topic admin', `${what}: ${result}`);
  }
}
