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
import { drainSubscriptions, receiveFromSubscription } from './subscription-receiver.ts';
import { TopicAdministrator } from './topic-administrator.ts';
import { checkTopic } from './topic-check.ts';
import { TopicModel } from './topic-model.ts';
import { IDLE_MS, TOPIC } from './topic-plan.ts';
import { TopicSender } from './topic-sender.ts';
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
  /** Copies that were seen of messages of a topic. */
  readonly topicCopies: number;
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
  const topic = plan.topic && new TopicModel(world, plan.topic);
  if (topic) broker.onStart = (admin) => topic.observe(admin);
  await world.run(play(setting, plan, topic));
  const messages = namespace.queues.flatMap((model) => [...model.messages.values()]);
  const copies = messages.flatMap((message) => message.copies);
  const subscriptions = topic?.subscriptions ?? [];
  return {
    steps: world.steps,
    topicCopies: subscriptions.reduce((sum, subscription) => sum + subscription.copies.size, 0),
    messages: messages.length,
    deliveries: copies.reduce((sum, { deliveries }) => sum + deliveries.length, 0),
    lives: broker.lives,
    transactions: namespace.transactions.filter(({ end }) => end === 'committed').length,
    forwarded: copies.filter(({ uid, stations }) => !stations.has(namespace.messageOf(uid)?.queue ?? '')).length,
  };
}

async function play(setting: Setting, plan: Plan, topic: TopicModel | undefined): Promise<void> {
  const { world, broker, namespace } = setting;
  broker.start();
  const actors = namespace.queues.map((model) => runActors(setting, model));
  const transactors = Array.from({ length: plan.transactors }, (_, i) =>
    new Transactor({ setting, name: `t-${i + 1}`, transactions: plan.transactionsEach }).run(),
  );
  if (topic) actors.push(runTopic(setting, topic));
  await endAndStartAgain(setting, plan);
  await Promise.all([...actors.map(({ done }) => done), ...transactors]);
  setting.over = true;
  await Promise.all(actors.map(({ received }) => received));
  await broker.repairDisk();
  for (const model of namespace.queues) await drainQueue(setting, model);
  checkEnd(namespace);
  if (topic) {
    await drainSubscriptions(setting, topic);
    checkTopic(topic);
  }
  await broker.end('power-cut');
  await world.sleep(10);
  broker.start();
  for (const model of namespace.queues) await checkNothingComesBack(setting, model);
  if (!topic) return;
  await drainSubscriptions(setting, topic);
  checkTopic(topic);
  await checkIdleGoes(setting, topic);
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

function runTopic(setting: Setting, model: TopicModel): { done: Promise<unknown>; received: Promise<unknown> } {
  const { senders, subscriptions, receiversEach } = model.plan;
  const sending = Array.from({ length: senders }, (_, i) =>
    new TopicSender({ setting, model, name: `topic-sender${i + 1}` }).run(),
  );
  const administrating = new TopicAdministrator({ setting, model }).run();
  const receivers = subscriptions.flatMap((name) =>
    Array.from({ length: receiversEach }, () => receiveFromSubscription({ setting, model, name })),
  );
  return { done: Promise.all([...sending, administrating]), received: Promise.all(receivers) };
}

/** The first subscription goes when nobody has used it for so long, also when the power is cut around that time, and stays gone. */
async function checkIdleGoes({ world, broker }: Setting, model: TopicModel): Promise<void> {
  const subscription = model.present(model.plan.subscriptions[0] ?? '');
  if (!subscription) return model.isGivenUp ? undefined : world.violate('a subscription is gone before its time');
  subscription.startLeaving();
  model.presence = 'leaving';
  await world.sleep(IDLE_MS + world.random.between(-1, 2));
  await broker.end('power-cut');
  await world.sleep(10);
  broker.start();
  await world.sleep(2 * IDLE_MS);
  if (broker.hasSubscription(TOPIC, subscription.name)) world.violate('an idle subscription is still there');
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
