import type { Connection } from '../connection.ts';
import type { IntakeLog } from '../intake/intake-log.ts';
import { IntakeWorker } from '../intake/intake-worker.ts';
import { RetrainListener } from '../listener/listener.ts';
import type { ListenerOptions } from '../listener/listener.ts';
import type { ListenerLog } from '../listener/listener-log.ts';
import type { ListenerSettings } from '../listener/listener-settings.ts';
import { addRequestRoutes } from '../listener/request-routes.ts';
import { RetrainingProducer } from '../producer.ts';
import type { ProducerLog } from '../producer-log.ts';
import type { AssemblyParts } from './assembly.ts';
import { settingsOf } from './configuration.ts';

/** How often a listener's producer looks into the outbox, milliseconds. */
const FLUSH_MS = 5_000;

export interface IntakePlaces {
  readonly connection: Connection;
  /** Queue of the requests. */
  readonly requests: string;
  /** Queue of the events. */
  readonly events: string;
}

/** A part that is running. Disposing of it stops it in order. */
export interface StartedIntake extends AsyncDisposable {
  /** What it does, for people. */
  readonly summary: string;
}

/**
 * Starts the configuration's intake with a producer of its own. That one has no outbox: an event leaves the queue when its request was
 * accepted, so the queue itself keeps it.
 */
export async function startIntake(
  { configuration, files, clock, random }: AssemblyParts,
  { connection, requests, events }: IntakePlaces,
  log: IntakeLog,
): Promise<StartedIntake> {
  const rules = configuration.intake?.rules ?? [];
  const gatherWindowMs = (model: string): number => settingsOf(configuration, model)?.gatherWindow ?? 0;
  const producer = new RetrainingProducer({ connection, queue: requests, gatherWindowMs, files, clock, random });
  const worker = new IntakeWorker({ connection, queue: events, producer, rules, log, clock, random });
  await worker.start();
  return {
    summary: `events of ${events} by ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}`,
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await producer[Symbol.asyncDispose]();
    },
  };
}

export interface RequestListenerOptions extends Pick<ListenerOptions, 'checks' | 'metrics'> {
  readonly settings: ListenerSettings;
  readonly places: Pick<IntakePlaces, 'connection' | 'requests'>;
  readonly log: (fact: Parameters<ListenerLog>[0] | Parameters<ProducerLog>[0]) => void;
}

/** Starts a listener for requests alone, with a producer that keeps in the outbox what the broker does not take. */
export async function startRequestListener(
  { configuration, files, clock, random }: AssemblyParts,
  { settings, places, log, ...options }: RequestListenerOptions,
): Promise<StartedIntake> {
  const producer = new RetrainingProducer({
    connection: places.connection,
    queue: places.requests,
    outboxFolder: configuration.folders.outbox,
    flushEveryMs: FLUSH_MS,
    gatherWindowMs: (model) => settingsOf(configuration, model)?.gatherWindow ?? 0,
    log,
    files,
    clock,
    random,
  });
  const listener = new RetrainListener({ settings, log, clock, ...options });
  const knowsModel = (model: string): boolean => settingsOf(configuration, model) !== undefined;
  addRequestRoutes(listener, { producer, knowsModel, clock, log });
  try {
    await listener.start();
  } catch (error) {
    await producer[Symbol.asyncDispose]();
    throw error;
  }
  return {
    summary: `requests at ${listener.url}`,
    async [Symbol.asyncDispose]() {
      await listener.stop();
      await producer[Symbol.asyncDispose]();
    },
  };
}
