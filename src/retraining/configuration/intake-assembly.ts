import type { Connection } from '../connection.ts';
import type { IntakeLog } from '../intake/intake-log.ts';
import type { IntakeOnceResult } from '../intake/intake-visit.ts';
import { IntakeWorker } from '../intake/intake-worker.ts';
import { RetrainListener } from '../listener/listener.ts';
import type { ListenerOptions } from '../listener/listener.ts';
import type { ListenerLog } from '../listener/listener-log.ts';
import type { ListenerSettings } from '../listener/listener-settings.ts';
import { addObservationRoutes } from '../listener/observation-routes.ts';
import { addRequestRoutes } from '../listener/request-routes.ts';
import type { ObservationSink } from '../monitors/observation-sink.ts';
import type { RetrainingProducer } from '../producer.ts';
import { assembleProducer, openObservationSink } from './assembly.ts';
import type { AssemblyParts } from './assembly.ts';
import { settingsOf } from './configuration.ts';

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
export async function startIntake(parts: AssemblyParts, places: IntakePlaces, log: IntakeLog): Promise<StartedIntake> {
  const { worker, summary, close } = intakeOf(parts, places, log);
  await worker.start();
  return { summary, [Symbol.asyncDispose]: close };
}

/** Takes the events that wait, as a job does, and ends; an abort of `until` stops it before, in order. */
export async function takeWaitingEvents(
  parts: AssemblyParts,
  places: IntakePlaces,
  { log, until }: { log: IntakeLog; until: AbortSignal },
): Promise<IntakeOnceResult> {
  const { worker, close } = intakeOf(parts, places, log);
  const stop = (): void => void worker.stop();
  const ended = worker.runOnce();
  if (until.aborted) stop();
  until.addEventListener('abort', stop, { once: true });
  try {
    return await ended;
  } finally {
    until.removeEventListener('abort', stop);
    await close();
  }
}

function intakeOf(
  parts: AssemblyParts,
  { connection, requests, events }: IntakePlaces,
  log: IntakeLog,
): { readonly worker: IntakeWorker; readonly summary: string; readonly close: () => Promise<void> } {
  const { configuration, clock, random } = parts;
  const rules = configuration.intake?.rules ?? [];
  const producer = assembleProducer(parts, { connection, queue: requests, outbox: false });
  const worker = new IntakeWorker({ connection, queue: events, producer, rules, log, clock, random });
  return {
    worker,
    summary: `events of ${events} by ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}`,
    async close() {
      await worker.stop();
      await producer[Symbol.asyncDispose]();
    },
  };
}

export interface RequestListenerOptions extends Pick<ListenerOptions, 'checks' | 'metrics'> {
  readonly settings: ListenerSettings;
  /** One that keeps in the outbox what the broker does not take. */
  readonly producer: RetrainingProducer;
  readonly log: ListenerLog;
}

/** Starts a listener for requests, and for observations where a monitor has them pushed. */
export async function startRequestListener(
  parts: AssemblyParts,
  { settings, producer, log, ...options }: RequestListenerOptions,
): Promise<StartedIntake> {
  const { configuration, clock } = parts;
  const listener = new RetrainListener({ settings, log, clock, ...options });
  const knowsModel = (model: string): boolean => settingsOf(configuration, model) !== undefined;
  addRequestRoutes(listener, { producer, knowsModel, clock, log });
  const sink = await sinkFor(parts);
  if (sink) addObservationRoutes(listener, { sink });
  try {
    await listener.start();
  } catch (error) {
    await sink?.[Symbol.asyncDispose]();
    throw error;
  }
  return {
    summary: `requests${sink ? ' and observations' : ''} at ${listener.url}`,
    async [Symbol.asyncDispose]() {
      await listener.stop();
      await sink?.[Symbol.asyncDispose]();
    },
  };
}

async function sinkFor(parts: AssemblyParts): Promise<ObservationSink | undefined> {
  const models = [...parts.configuration.models.values()];
  const isPushed = models.some(({ monitors }) => monitors.some(({ source }) => source.pushed));
  return isPushed ? openObservationSink(parts) : undefined;
}
