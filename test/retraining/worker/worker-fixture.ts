import type { ServiceBusClient } from '@azure/service-bus';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import type { Registry } from '../../../src/retraining/registries/registry.ts';
import { readOutcome } from '../../../src/retraining/outcome.ts';
import type { OutcomeEvent } from '../../../src/retraining/outcome.ts';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import type { RetrainRequestInput } from '../../../src/retraining/request.ts';
import type { Trainer, TrainerEnd, TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { RetrainingWorker } from '../../../src/retraining/worker/worker.ts';
import type { WorkerOptions } from '../../../src/retraining/worker/worker.ts';
import type { ModelPolicy } from '../../../src/retraining/worker/worker-context.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { startServer } from '../../../src/server/index.ts';
import type { RunningServer } from '../../../src/server/index.ts';
import { parseQueueDescription } from '../../../src/topology/index.ts';
import { eventually, temporaryFolder } from '../trainers/run-fixture.ts';
import { closed, testClient } from '../test-client.ts';

export const QUEUE = 'work';
export const OUTCOMES = 'outcomes';
export const GATE = { metric: 'mape', direction: 'minimize', minImprovement: 0 } as const;

/** A broker with a work queue and an outcome queue, a producer, a registry, and workers that are stopped after the test. */
export interface World {
  readonly folder: string;
  readonly server: RunningServer;
  readonly client: ServiceBusClient;
  readonly producer: RetrainingProducer;
  readonly registry: FileRegistry;
  readonly facts: WorkerFact[];
  /** Starts a worker; its facts go to `facts`. */
  work(options: WorldWorkerOptions): Promise<RetrainingWorker>;
  /** Makes a worker that is not started. */
  worker(options: WorldWorkerOptions): RetrainingWorker;
  /** Every outcome told so far, doubles dropped by identity, in order of arrival. */
  outcomes(): Promise<OutcomeEvent[]>;
  /** Waits until an outcome of this kind was told so many times. */
  told(outcome: string, times?: number): Promise<OutcomeEvent[]>;
  /** Messages in the work queue or its dead-letter queue, by peeking. */
  peek(subQueue?: 'deadLetter'): Promise<ServiceBusReceivedMessage[]>;
  fact<F extends WorkerFact['fact']>(fact: F, times?: number): Promise<Extract<WorkerFact, { fact: F }>>;
}

export type WorldWorkerOptions = Partial<WorkerOptions> & { policy?: Partial<ModelPolicy>; trainer?: Trainer };

/** @param shared a broker that is there already, and which of its queues are this world's */
export async function openWorld(
  t: Pick<TestContext, 'after'>,
  settings: ServerSettings = {},
  shared?: { server: RunningServer; suffix: string },
): Promise<World> {
  const folder = temporaryFolder(t);
  const server = shared?.server ?? (await openServer(folder, settings));
  const queue = `${QUEUE}${shared?.suffix ?? ''}`;
  const outcomeQueue = `${OUTCOMES}${shared?.suffix ?? ''}`;
  const client = testClient(server.connectionString);
  const producer = new RetrainingProducer({ connection: server.connectionString, queue });
  const registry = registryIn(folder);
  const facts: WorkerFact[] = [];
  const workers: RetrainingWorker[] = [];
  t.after(async () => {
    for (const worker of workers) await worker.stop();
    await producer[Symbol.asyncDispose]();
    await closed(client);
    if (!shared) await server.close();
  });
  const outcomes = outcomeReader(client, outcomeQueue);
  const world: World = {
    folder,
    server,
    client,
    producer,
    registry,
    facts,
    worker({ policy, trainer, ...options }) {
      const worker = new RetrainingWorker({
        connection: server.connectionString,
        queue,
        registry,
        outcomes: outcomeQueue,
        policyOf: () => ({ trainer: trainer ?? good(folder), gate: GATE, ...policy }),
        log: (fact) => facts.push(fact),
        graceMs: 2000,
        marginMs: 500,
        operationMs: 1500,
        backoff: { baseMs: 100, maxMs: 500 },
        ...options,
      });
      workers.push(worker);
      return worker;
    },
    async work(options) {
      const worker = world.worker(options);
      await worker.start();
      return worker;
    },
    outcomes,
    async told(outcome, times = 1) {
      return eventually(
        async () => {
          const told = (await world.outcomes()).filter(({ type }) => type === `retrain.${outcome}.v1`);
          return told.length >= times && told;
        },
        { what: `${times} times ${outcome}` },
      );
    },
    peek: (subQueue) => peekAll(server.connectionString, queue, subQueue),
    async fact(name, times = 1) {
      return eventually(
        () => {
          const found = facts.filter((fact) => fact.fact === name);
          return found.length >= times && (found.at(times - 1) as never);
        },
        { what: `${times} times ${name}` },
      );
    },
  };
  return world;
}

export function openServer(
  folder: string,
  { lockDuration = 'PT1M', amqpPort = 0, suffixes = [''], plain = false, linkIdleMs }: ServerSettings = {},
): Promise<RunningServer> {
  const work = { requiresSession: !plain, requiresDuplicateDetection: !plain, lockDuration };
  return startServer({
    dataFolder: join(folder, 'data'),
    amqpPort,
    httpPort: 0,
    ...(linkIdleMs !== undefined && { settings: { linkIdleMs } }),
    queues: suffixes.flatMap((suffix) => [
      parseQueueDescription({ name: `${QUEUE}${suffix}`, ...work }),
      parseQueueDescription({ name: `${OUTCOMES}${suffix}`, requiresDuplicateDetection: true }),
    ]),
  });
}

export interface ServerSettings {
  readonly lockDuration?: string;
  readonly amqpPort?: number;
  /** A work queue and an outcome queue are made for each. */
  readonly suffixes?: readonly string[];
  /** After how long an idle link is detached, milliseconds. */
  readonly linkIdleMs?: number;
  /** The work queues have neither sessions nor duplicate detection, as on the Basic tier. */
  readonly plain?: boolean;
}

/** Reads what a queue of outcomes was told, without taking it; doubles are dropped by identity. */
export function outcomeReader(client: ServiceBusClient, queue: string): () => Promise<OutcomeEvent[]> {
  const receiver = client.createReceiver(queue);
  const heard = new Map<string, OutcomeEvent>();
  return async () => {
    for (;;) {
      // The client goes on after the last message that it peeked.
      const messages = await receiver.peekMessages(250);
      if (messages.length === 0) return [...heard.values()];
      for (const message of messages) {
        const read = readOutcome(message);
        if (read.kind === 'invalid') throw new Error(read.reason);
        const key = `${read.event.source} ${read.event.id}`;
        if (!heard.has(key)) heard.set(key, read.event);
      }
    }
  };
}

/** All messages of a queue or its dead-letter queue, scheduled ones included. */
export async function peekAll(
  connectionString: string,
  queue: string,
  subQueueType?: 'deadLetter',
): Promise<ServiceBusReceivedMessage[]> {
  // A client of its own begins at the first message.
  const client = testClient(connectionString);
  try {
    return await client.createReceiver(queue, subQueueType ? { subQueueType } : {}).peekMessages(250);
  } finally {
    await closed(client);
  }
}

export function registryIn(folder: string): FileRegistry {
  return new FileRegistry({ folder: join(folder, 'registry'), files, clock: systemClock, random: systemRandom });
}

/** A registry that does some things otherwise. */
export function registryWith(real: Registry, changes: Partial<Registry>): Registry {
  return {
    read: (model) => real.read(model),
    list: () => real.list(),
    history: (model) => real.history(model),
    keep: (model, result) => real.keep(model, result),
    verify: (model, artifact) => real.verify(model, artifact),
    fetch: (model, artifact, folder) => real.fetch(model, artifact, folder),
    promote: (model, promotion) => real.promote(model, promotion),
    reject: (model, rejection) => real.reject(model, rejection),
    rollback: (model, rollback) => real.rollback(model, rollback),
    ...changes,
  };
}

export function requestFor(model = 'births', rest: Partial<RetrainRequestInput> = {}): RetrainRequestInput {
  return { model: { name: model }, trigger: { kind: 'manual' }, ...rest };
}

/** A trainer inside the test's process: what it does is a function. */
export function trainer(train: (run: TrainerRun, stopped: AbortSignal) => TrainerEnd | Promise<TrainerEnd>): Trainer {
  return {
    start(run) {
      const stop = new AbortController();
      return { result: Promise.resolve().then(() => train(run, stop.signal)), stop: () => stop.abort() };
    },
  };
}

/** A trainer whose challenger is better each time. */
export function good(folder: string, runs: TrainerRun[] = []): Trainer {
  return trainer((run) => {
    runs.push(run);
    return success(folder, run, 10 / (1 + run.plan.epoch));
  });
}

export function success(folder: string, { plan }: TrainerRun, mape: number): TrainerEnd {
  const output = join(folder, 'out', `${plan.epoch}-${plan.runId}`);
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'model.json'), JSON.stringify({ epoch: plan.epoch }));
  return {
    kind: 'succeeded',
    result: { metrics: { challenger: { mape } }, artifact: join(output, 'model.json') },
    logFile: '',
  };
}

export function failure(rest: Partial<Extract<TrainerEnd, { kind: 'failed' }>> = {}): TrainerEnd {
  return { kind: 'failed', meaning: 'retry', reason: 'it failed', stderrTail: '', logFile: '', ...rest };
}

/** Resolves when the run is told to stop. */
export function interrupted(stopped: AbortSignal): Promise<TrainerEnd> {
  return new Promise((resolve) => {
    const end = (): void => resolve(failure({ meaning: 'interrupted', reason: 'stopped' }));
    if (stopped.aborted) end();
    else stopped.addEventListener('abort', end, { once: true });
  });
}

/** A gate that a test opens. */
export function latch(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
