import { BrokerProcess } from './broker-process.ts';
import { checkNothingComesBack, drainQueue } from './drain.ts';
import { checkEnd } from './end-check.ts';
import { PlainReceiver } from './plain-receiver.ts';
import { type Plan, type PlannedQueue, planRun } from './plan.ts';
import { QueueModel } from './queue-model.ts';
import { Sender } from './sender.ts';
import { SessionReceiver } from './session-receiver.ts';
import type { Setting } from './setting.ts';
import { World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** The disk's syncs do nothing: the run must fail, sooner or later. */
  readonly syncLies?: boolean;
  readonly onTrace?: (line: string) => void;
}

/** What a run was like: a run in which nothing happens proves nothing. */
export interface SimulationSummary {
  readonly steps: number;
  readonly messages: number;
  readonly deliveries: number;
  readonly lives: number;
}

/** One run from one seed. @throws Violation when something does not hold */
export async function simulate(options: SimulationOptions): Promise<SimulationSummary> {
  const { seed, syncLies = false, onTrace } = options;
  const world = new World(onTrace ? { seed, onTrace } : { seed });
  const plan = planRun(world.random, { syncLies });
  world.trace('plan', JSON.stringify(plan));
  const broker = new BrokerProcess(world, plan.broker);
  const setting: Setting = { world, broker, maxBodyBytes: plan.maxBodyBytes, over: false };
  const models = plan.queues.map((queue) => ({ queue, model: new QueueModel(world, queue.description) }));
  await world.run(play(setting, plan, models));
  const copies = models.flatMap(({ model }) => [...model.copies.values()]);
  return {
    steps: world.steps,
    messages: models.reduce((sum, { model }) => sum + model.messages.size, 0),
    deliveries: copies.reduce((sum, { deliveries }) => sum + deliveries.length, 0),
    lives: broker.lives,
  };
}

async function play(
  setting: Setting,
  plan: Plan,
  models: readonly { queue: PlannedQueue; model: QueueModel }[],
): Promise<void> {
  const { world, broker } = setting;
  broker.start();
  const actors = models.map(({ queue, model }) => runActors(setting, queue, model));
  await endAndStartAgain(setting, plan);
  await Promise.all(actors.map(({ sent }) => sent));
  setting.over = true;
  await Promise.all(actors.map(({ received }) => received));
  await broker.repairDisk();
  for (const { queue, model } of models) await drainQueue(setting, model, queue);
  for (const { model } of models) checkEnd(model);
  await broker.end('power-cut');
  await world.sleep(10);
  broker.start();
  for (const { queue, model } of models) await checkNothingComesBack(setting, model, queue);
}

async function endAndStartAgain({ world, broker }: Setting, { ends }: Plan): Promise<void> {
  for (const { afterSteps, death, downMs, wallStepMs } of ends) {
    await new Promise<void>((resolve) => world.afterSteps(afterSteps, resolve));
    await broker.end(death);
    await world.sleep(downMs);
    // Deliveries of one life are told apart by the wall clock, also those that were still on their way when it ended.
    if (!broker.alive) world.stepWall(wallStepMs);
    broker.start();
  }
}

function runActors(
  setting: Setting,
  queue: PlannedQueue,
  model: QueueModel,
): { sent: Promise<unknown>; received: Promise<unknown> } {
  const { sessionIds, deleting } = queue;
  const prefix = model.name.slice(0, 1);
  const times = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
  const senders = times(queue.senders).map((i) =>
    new Sender({ setting, model, name: `${prefix}-sender${i}`, sessionIds, messages: queue.messagesPerSender }).run(),
  );
  const receivers = times(queue.receivers).map((i) => {
    const name = `${prefix}-receiver${i}`;
    if (model.description.requiresSession) return new SessionReceiver({ setting, model, name, sessionIds }).run();
    return new PlainReceiver({ setting, model, name, from: 'queue', deleting }).run();
  });
  if (queue.deadLetterReceiver)
    receivers.push(
      new PlainReceiver({ setting, model, name: `${prefix}-dead`, from: 'dead-letter queue', deleting: false }).run(),
    );
  return { sent: Promise.all(senders), received: Promise.all(receivers) };
}
