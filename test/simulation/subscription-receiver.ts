import { ACCEPTED } from '../../src/amqp/index.ts';
import { Client } from './client.ts';
import { addressOf } from './plain-receiver.ts';
import { ReceivingLink } from './receiving-link.ts';
import { PAUSE_MS, type Setting } from './setting.ts';
import { stateOf } from './settle-messages.ts';
import type { SubscriptionModel, TopicCopy } from './subscription-model.ts';
import type { TopicModel } from './topic-model.ts';
import { TOPIC } from './topic-plan.ts';
import { readMessage } from './wire-message.ts';

const CREDIT = 8;
const NEXT_MESSAGE_MS = 150;
/** By then what waits in a subscription has come. */
const NOTHING_COMES_MS = 200;
const AWAY_PAUSE_MS = 60;

interface ReceiverOptions {
  readonly setting: Setting;
  readonly model: TopicModel;
  readonly name: string;
}

type Part = 'queue' | 'dead-letter queue';

async function attach(
  client: Client,
  model: TopicModel,
  { subscription, part }: { subscription: SubscriptionModel; part: Part },
): Promise<ReceivingLink> {
  return ReceivingLink.attach(client, {
    address: addressOf(`${TOPIC}/Subscriptions/${subscription.name}`, part),
    mode: 'peek-lock',
    onMessage: (delivery) => {
      delivery.context = model.deliver(subscription, readMessage(delivery.payload), part !== 'queue');
    },
  });
}

/** Receives from the subscription of a name until the run is over: whichever has the name. */
export async function receiveFromSubscription({ setting, model, name }: ReceiverOptions): Promise<void> {
  const { world, broker } = setting;
  const random = world.random.fork();
  while (!setting.over) {
    const client = await Client.connect({ world, broker, name: `${name}-receiver` });
    while (client.alive && !setting.over) {
      const subscription = model.present(name);
      const link = subscription && (await attach(client, model, { subscription, part: 'queue' }));
      // Another one may have the name by now.
      const isSame = subscription && model.present(name) === subscription;
      if (link && link.gone === undefined && isSame) {
        link.addCredit(random.between(1, CREDIT));
        for (let rounds = random.between(1, 20); rounds > 0 && link.gone === undefined; rounds--) {
          const delivery = await link.next(NEXT_MESSAGE_MS);
          if (!delivery) break;
          const kind = random.chance(0.8) ? 'complete' : 'abandon';
          const { kind: result } = await link.settle(delivery, stateOf(kind));
          if (kind === 'complete' && result === 'done') (delivery.context as TopicCopy).isOver = true;
          if (random.chance(0.7)) link.addCredit(1);
        }
        if (random.chance(0.1)) client.cut();
      } else await world.sleep(random.delayMs(AWAY_PAUSE_MS));
      if (link) await link.detach();
      await world.sleep(random.delayMs(PAUSE_MS));
    }
    client.close();
    await world.sleep(random.delayMs(PAUSE_MS));
  }
}

/** Takes everything out of the subscriptions, when nobody else uses them any more. */
export async function drainSubscriptions({ world, broker }: Setting, model: TopicModel): Promise<void> {
  const client = await Client.connect({ world, broker, name: 'topic drain' });
  for (const { name } of model.subscriptions) {
    const subscription = model.present(name);
    if (!subscription) continue;
    for (const part of ['queue', 'dead-letter queue'] as const) {
      const link = await attach(client, model, { subscription, part });
      link.addCredit(CREDIT);
      for (let delivery = await link.next(NOTHING_COMES_MS); delivery; delivery = await link.next(NOTHING_COMES_MS)) {
        const { kind } = await link.settle(delivery, ACCEPTED);
        if (kind === 'done') (delivery.context as TopicCopy).isOver = true;
        link.addCredit(1);
      }
      if (link.gone !== undefined) world.violate(`${link.name} was detached while it drained: ${link.gone}`);
      await link.detach();
    }
  }
  client.close();
}
