import { Administrator } from './administrator.ts';
import { BrokerProcess } from './broker-process.ts';
import { checkNothingComesBack, drainQueue } from './drain.ts';
import { checkEnd } from './end-check.ts';
import { NamespaceModel } from './namespace-model.ts';
import { PlainReceiver } from './plain-receiver.ts';
import { type Plan, planRun } from './plan.ts';
import type { QueueModel } from './queue-model.ts';
import { Sender } from './sender.ts';
import { SessionReceiver } from './session-receiver.ts';
import type { Setting } from './setting.ts';
import { Sweeper } from './sweeper.ts';
import { Transactor } from './transactor.ts';
import { World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** The disk's syncs do nothing: the run must fail, sooner or later. */
  readonly syncLies?: boolean;
  readonly onTrace?: (line: string) => void;
}

/** How long the end of a process waits for something delicate to be going on. */
const DELICATE_WAIT_MS = 100;

/** What a run was like: a run in which nothing happens proves nothing. */
export interface SimulationSummary {
  readonly steps: number;
  readonly messages: number;
  readonly deliveries: number;
  readonly lives: number;
  /** Those that were committed. */
  readonly transactions: number;
  /** Messages that were never seen in the queue that they were sent to, but in another. */
  readonly forwarded: number;
}

/** One run from one seed. @throws Violation when something does not hold */
export async function simulate(options: SimulationOptions): Promise<SimulationSummary> {
  const { seed, syncLies = false, onTrace } = options;
  const world = new World(onTrace ? { seed, onTrace } : { seed });
  const plan = planRun(world.random, { syncLies });
  world.trace('plan', JSON.stringify(plan));
  const broker = new BrokerProcess(world, plan.broker);
  const namespace = new NamespaceModel(world, plan.queues);
  broker.onQueue = (description) => namespace.queue(description.name).descriptions.observe(description);
  const setting: Setting = { world, broker, namespace, maxBodyBytes: plan.maxBodyBytes, over: false };
  await world.run(play(setting, plan));
  const messages = namespace.queues.flatMap((model) => [...model.messages.values()]);
  const copies = messages.flatMap((message) => message.copies);
  return {
    steps: world.steps,
    messages: messages.length,
    deliveries: copies.reduce((sum, { deliveries }) => sum + deliveries.length, 0),
    lives: broker.lives,
    transactions: namespace.transactions.filter(({ end }) => end === 'committed').length,
    forwarded: copies.filter(({ uid, stations }) => !stations.has(namespace.messageOf(uid)?.queue ?? '')).length,
  };
}

async function play(setting: Setting, plan: Plan): Promise<void> {
  const { world, broker, namespace } = setting;
  broker.start();
  const actors = namespace.queues.map((model) => runActors(setting, model));
  const transactors = Array.from({ length: plan.transactors }, (_, i) =>
    new Transactor({ setting, name: `t-${i + 1}`, transactions: plan.transactionsEach }).run(),
  );
  await endAndStartAgain(setting, plan);
  await Promise.all([...actors.map(({ done }) => done), ...transactors]);
  setting.over = true;
  await Promise.all(actors.map(({ received }) => received));
  await broker.repairDisk();
  for (const model of namespace.queues) await drainQueue(setting, model);
  checkEnd(namespace);
  await broker.end('power-cut');
  await world.sleep(10);
  broker.start();
  for (const model of namespace.queues) await checkNothingComesBack(setting, model);
}

async function endAndStartAgain({ world, broker }: Setting, { ends }: Plan): Promise<void> {
  for (const { afterSteps, delicateMs, death, downMs, wallStepMs } of ends) {
    await new Promise<void>((resolve) => world.afterSteps(afterSteps, resolve));
    if (delicateMs !== undefined) {
      await world.nextDelicate(DELICATE_WAIT_MS);
      await world.sleep(delicateMs);
    }
    await broker.end(death);
    await world.sleep(downMs);
    // Deliveries of one life are told apart by the wall clock, also those that were still on their way when it ended.
    if (!broker.alive) world.stepWall(wallStepMs);
    broker.start();
  }
}

/** `done`: what comes to an end by itself; `received`: what goes on until the run is over. */
function runActors(setting: Setting, model: QueueModel): { done: Promise<unknown>; received: Promise<unknown> } {
  const { plan } = model;
  const { sessionIds, deleting } = plan;
  const prefix = model.name.slice(0, 1);
  const times = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
  const senders = times(plan.senders).map((i) =>
    new Sender({ setting, model, name: `${prefix}-sender${i}`, messages: plan.messagesPerSender }).run(),
  );
  const changes = new Administrator({ setting, model }).run();
  const sweeps = new Sweeper({ setting, model, name: `${prefix}-sweeper` }).run();
  const receivers = times(plan.receivers).map((i) => {
    const name = `${prefix}-receiver${i}`;
    if (model.description.requiresSession) return new SessionReceiver({ setting, model, name, sessionIds }).run();
    return new PlainReceiver({ setting, model, name, from: 'queue', deleting }).run();
  });
  if (plan.deadLetterReceiver) {
    const options = { setting, model, name: `${prefix}-dead`, deleting: false };
    receivers.push(new PlainReceiver({ ...options, from: 'dead-letter queue' }).run());
  }
  return { done: Promise.all([...senders, changes, sweeps]), received: Promise.all(receivers) };
}
