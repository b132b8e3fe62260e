import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FileRegistry, RetrainingProducer, RetrainingWorker } from '../src/index.ts';
import type { Trainer, TrainerRun, WorkerFact } from '../src/index.ts';
import { BrokerProcess } from './broker-process.ts';
import { quantile } from './figures.ts';

export const SLOTS = 8;
const GATE = { metric: 'error', direction: 'minimize', minImprovement: 0 } as const;
/** Between two requests of which the time to the start of the trainer is taken: their slot is idle again. */
export const SPACING_MS = 25;
/** Requests sent at the same time. */
const SEND_AT_ONCE = 50;
/** What a worker's start leaves to do is over after this. */
export const SETTLE_MS = 2000;
/** How long an idle worker's use of the processor is watched. */
export const IDLE_MS = 20_000;

export interface RetrainingFigures {
  /** From the broker's acceptance of a request to the call of the trainer, with idle slots, milliseconds. */
  readonly startMedianMs: number;
  readonly startP99Ms: number;
  /** From the worker's start until every one of so many models, with a request each, has a champion. */
  readonly models: number;
  readonly modelsSeconds: number;
  /** Share of a core that an idle worker takes. */
  readonly idleShare: number;
}

/** A trainer in the worker's process that has nothing to do. */
function noop(onStart: (run: TrainerRun) => void = () => undefined): Trainer {
  return {
    start(run) {
      onStart(run);
      const metrics = { challenger: { error: 1 / run.plan.epoch } };
      const result = { metrics, artifact: `https://example.net/models/${run.plan.runId}` };
      return { result: Promise.resolve({ kind: 'succeeded', result, logFile: '' }), stop: () => undefined };
    },
  };
}

/** A worker with idle slots, a backlog of many models, and a worker that has nothing to do; each with a queue of its own. */
export async function benchRetraining(parentFolder: string, { quick }: { quick: boolean }): Promise<RetrainingFigures> {
  const folder = await mkdtemp(join(parentFolder, 'bench-retraining-'));
  const queues = ['latency', 'backlog', 'idle'].map((name) => `${name}:sessions,duplicates`);
  await using broker = await BrokerProcess.start({ dataFolder: join(folder, 'data'), queues: [...queues, 'outcomes'] });
  const { connection } = broker;
  const open = (queue: string, trainer: Trainer, log: (fact: WorkerFact) => void = () => undefined): RetrainingWorker =>
    new RetrainingWorker({
      connection,
      queue,
      registry: new FileRegistry({ folder: join(folder, queue) }),
      policyOf: () => ({ trainer, gate: GATE }),
      outcomes: 'outcomes',
      concurrency: SLOTS,
      log,
    });
  try {
    const startMs = await timeToStart(connection, { open, requests: quick ? 200 : 1000 });
    const models = quick ? 200 : 1000;
    const modelsSeconds = await timeBacklog(connection, { open, models });
    const idleShare = await idleUse(open, quick ? IDLE_MS / 4 : IDLE_MS);
    return {
      startMedianMs: quantile(startMs, 0.5),
      startP99Ms: quantile(startMs, 0.99),
      models,
      modelsSeconds,
      idleShare,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Open = (queue: string, trainer: Trainer, log?: (fact: WorkerFact) => void) => RetrainingWorker;

async function timeToStart(
  connection: string,
  { open, requests }: { open: Open; requests: number },
): Promise<number[]> {
  const startedAt = new Map<string, number>();
  let told: () => void = () => undefined;
  await using worker = open(
    'latency',
    noop(({ plan }) => {
      startedAt.set(plan.model.name, performance.now());
      told();
    }),
  );
  await worker.start();
  await using producer = new RetrainingProducer({ connection, queue: 'latency' });
  await delay(SETTLE_MS);
  const took: number[] = [];
  for (let number = 0; number < requests; number++) {
    const model = `m${number}`;
    const started = new Promise<void>((resolve) => (told = resolve));
    await producer.request({ model: { name: model }, trigger: { kind: 'manual' } });
    const acceptedAt = performance.now();
    if (!startedAt.has(model)) await started;
    took.push((startedAt.get(model) ?? acceptedAt) - acceptedAt);
    await delay(SPACING_MS);
  }
  return took;
}

async function timeBacklog(connection: string, { open, models }: { open: Open; models: number }): Promise<number> {
  await using producer = new RetrainingProducer({ connection, queue: 'backlog' });
  for (let sent = 0; sent < models; sent += SEND_AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(SEND_AT_ONCE, models - sent) }, (_, i) =>
        producer.request({ model: { name: `m${sent + i}` }, trigger: { kind: 'manual' } }),
      ),
    );
  const settled = new Set<string>();
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (finish = resolve));
  await using worker = open('backlog', noop(), (fact) => {
    if (fact.fact !== 'stage' || fact.after !== 'settled') return;
    settled.add(fact.model);
    if (settled.size === models) finish();
  });
  const begunAt = performance.now();
  await worker.start();
  await all;
  return (performance.now() - begunAt) / 1000;
}

/** Of this process, in which nothing else is going on. */
async function idleUse(open: Open, spanMs: number): Promise<number> {
  await using worker = open('idle', noop());
  await worker.start();
  await delay(SETTLE_MS);
  const before = process.cpuUsage();
  const begunAt = performance.now();
  await delay(spanMs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - begunAt);
}
