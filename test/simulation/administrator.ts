import { changeQueueDescription, type QueueDescriptionChanges } from '../../src/topology/index.ts';
import type { ChangeResult } from './description-model.ts';
import { DELIVERY_COUNTS, TTLS } from './plan-queues.ts';
import type { QueueModel } from './queue-model.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Setting } from './setting.ts';

const PAUSE_MS = 60;

/** Changes how queues are described while others use them. */
export class Administrator {
  readonly #setting: Setting;
  readonly #model: QueueModel;
  readonly #random: SeededRandom;
  #left: number;

  constructor(options: { setting: Setting; model: QueueModel }) {
    this.#setting = options.setting;
    this.#model = options.model;
    this.#left = options.model.plan.changes;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world } = this.#setting;
    while (this.#left > 0 && !this.#setting.over) {
      await world.sleep(this.#random.delayMs(PAUSE_MS));
      if ((await changeQueue(this.#setting, this.#model, this.#draw())) !== 'impossible') this.#left--;
    }
  }

  #draw(): QueueDescriptionChanges {
    const random = this.#random;
    const { forwardsTo, forwardsDeadTo, mortal } = this.#model.plan;
    const switched = (to: string | undefined): string | undefined => (random.chance(0.5) ? to : undefined);
    return {
      ...(random.chance(0.5) ? { maxDeliveryCount: random.pick(DELIVERY_COUNTS) } : {}),
      ...(mortal && random.chance(0.6) ? { defaultMessageTimeToLive: random.pick(TTLS) } : {}),
      ...(mortal && random.chance(0.5) ? { deadLetteringOnMessageExpiration: random.chance(0.5) } : {}),
      ...(forwardsTo && random.chance(0.7) ? { forwardTo: switched(forwardsTo) } : {}),
      ...(forwardsDeadTo && random.chance(0.7) ? { forwardDeadLetteredMessagesTo: switched(forwardsDeadTo) } : {}),
    };
  }
}

/** Changes a queue and tells the model. */
export async function changeQueue(
  { world, broker }: Setting,
  model: QueueModel,
  changes: QueueDescriptionChanges,
): Promise<ChangeResult | 'impossible'> {
  const [present] = model.descriptions.present;
  // What one of two descriptions would become, nobody knows before the broker has told which it has.
  if (!present || model.descriptions.present.length > 1 || !broker.ready) return 'impossible';
  world.markDelicate();
  const end = model.descriptions.startChange(changeQueueDescription(present, changes));
  const result = await broker.change(model.name, changes);
  const said = JSON.stringify(changes, (_key, value: unknown) => value ?? 'off');
  world.trace('admin', `${model.name} ${said}: ${result}`);
  end(result);
  return result;
}
