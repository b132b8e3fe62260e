import assert from 'node:assert/strict';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { readFileSync, readdirSync } from 'node:fs';
import { readModelEvent } from '../../../src/retraining/envelope.ts';
import { requestKey } from '../../../src/retraining/identity.ts';
import { outcomeOf } from '../../../src/retraining/outcome.ts';
import type { OutcomeEvent } from '../../../src/retraining/outcome.ts';
import { PRODUCER_SOURCE } from '../../../src/retraining/producer.ts';
import { HISTORY_DEFAULT } from '../../../src/retraining/registries/registry.ts';
import type { Registry } from '../../../src/retraining/registries/registry.ts';
import { decodeLedger, LEDGER_MAX_BYTES } from '../../../src/retraining/worker/ledger-codec.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { closed, testClient } from '../test-client.ts';

/** Above what a test's process, broker and worker in it, may take of memory, bytes. */
const RESIDENT_MAX_BYTES = 900 * 1024 * 1024;
/** Models whose ledgers are read at the end. */
const LEDGERS_READ_MAX = 20;
/** Reasons of the broker's own for a dead letter: nobody tells an event about it. */
const BROKER_REASONS = new Set(['MaxDeliveryCountExceeded', 'TTLExpiredException', 'HeaderSizeExceeded']);

interface Sent {
  readonly source: string;
  readonly id: string;
  readonly model: string;
}

export interface AuditorOptions {
  /** Straight to the broker, whatever wires the workers have. */
  readonly connectionString: string;
  readonly queue: string;
  readonly outcomes: () => Promise<OutcomeEvent[]>;
  readonly registry: Registry;
  /** Run folders lie somewhere below: processes that were given one are trainers. */
  readonly folder: string;
  /** Without sessions, ledgers are files of the worker's. */
  readonly sessions?: boolean;
}

export interface Expected {
  /** Requests may still wait in the queue. */
  readonly waiting?: boolean;
  /** How many events of each outcome were told, doubles dropped. */
  readonly told?: Readonly<Record<string, number>>;
}

/**
 * Looks at everything that is left when a scene of faults is over, and says what must never be, whatever the fault was: a
 * request lost or answered twice, two promotions by one run, epochs that do not rise, a trainer without a worker, a ledger
 * with a run in it that nobody works on, memory without bound.
 */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #sent = new Map<string, Sent>();
  /** What may have been sent: the broker's answer was lost. */
  readonly #unsure = new Set<string>();

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  sent(model: string, id: string, source = PRODUCER_SOURCE): void {
    this.#sent.set(requestKey({ source, id }), { source, id, model });
  }

  unsure(id: string, source = PRODUCER_SOURCE): void {
    this.#unsure.add(requestKey({ source, id }));
  }

  get models(): string[] {
    return [...new Set([...this.#sent.values()].map(({ model }) => model))];
  }

  /** Waits until the queue has nothing active and nothing scheduled. */
  async emptied(withinMs = 90_000): Promise<void> {
    await eventually(async () => (await this.messages()).length === 0, { what: 'an empty queue', withinMs });
  }

  async messages(subQueueType?: 'deadLetter'): Promise<ServiceBusReceivedMessage[]> {
    const { connectionString, queue } = this.#options;
    // A client of its own begins at the first message.
    const client = testClient(connectionString);
    try {
      const receiver = client.createReceiver(queue, subQueueType ? { subQueueType } : {});
      const all: ServiceBusReceivedMessage[] = [];
      for (;;) {
        const some = await receiver.peekMessages(250);
        if (some.length === 0) return all;
        all.push(...some);
      }
    } finally {
      await closed(client);
    }
  }

  /** Asserts all of it. No worker may be at work with the models any more, unless `waiting`. */
  async holds({ waiting = false, told = {} }: Expected = {}): Promise<void> {
    const rest = await this.messages();
    const dead = await this.messages('deadLetter');
    const events = await this.#options.outcomes();
    const violations = [
      ...this.#fates({ rest, dead, events, waiting }),
      ...this.#epochs(events),
      ...(await this.#registry(events)),
      ...this.#memory(),
      ...(waiting || this.#options.sessions === false ? [] : await this.#ledgers()),
    ];
    assert.deepEqual(violations, []);
    const counts = Object.keys(told).map((outcome) => [outcome, count(events, outcome)]);
    assert.deepEqual(Object.fromEntries(counts), told);
    await this.noOrphans();
  }

  /** A trainer that is ended by its supervisor may take a moment. */
  async noOrphans(): Promise<void> {
    await eventually(() => this.trainers().length === 0, { what: 'the end of every trainer', withinMs: 10_000 });
  }

  /** Pids of trainers, and of what they started, under this scene's folder; empty where there is no /proc. */
  trainers(): number[] {
    if (process.platform !== 'linux') return [];
    const mark = `RETRAIN_REQUEST=${this.#options.folder}/`;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => environmentOf(pid).includes(mark))
      .map(Number);
  }

  #fates({
    rest,
    dead,
    events,
    waiting,
  }: {
    rest: readonly ServiceBusReceivedMessage[];
    dead: readonly ServiceBusReceivedMessage[];
    events: readonly OutcomeEvent[];
    waiting: boolean;
  }): string[] {
    const answers = answersOf(events);
    const [waits, buried] = [keysOf(rest), keysOf(dead)];
    const violations: string[] = [];
    for (const [key, { id, model }] of this.#sent) {
      const fates = [...(answers.get(key) ?? []), ...(buried.get(key) ?? []).map(() => 'dead-lettered')];
      const name = `${id} of ${model}`;
      if (fates.length > 1) violations.push(`${name} was answered ${fates.length} times: ${fates.join(', ')}`);
      if (fates.length === 0 && !waits.has(key)) violations.push(`${name} is lost`);
      if (!waiting && waits.has(key)) violations.push(`${name} still waits`);
      const toldDead = events.some((event) => outcomeOf(event) === 'deadlettered' && isAbout(event, key));
      const byBroker = (buried.get(key) ?? []).every((reason) => BROKER_REASONS.has(reason));
      if (toldDead !== buried.has(key) && !(byBroker && buried.has(key)))
        violations.push(
          `${name} is ${buried.has(key) ? '' : 'not '}dead-lettered, and that is ${toldDead ? '' : 'not '}told`,
        );
    }
    const strangers = [...answers.keys(), ...waits.keys()].filter(
      (key) => !this.#sent.has(key) && !this.#unsure.has(key),
    );
    return [...violations, ...strangers.map((key) => `nobody sent ${key}`)];
  }

  /** Of one model, no two executions have the same epoch, and no two runs. */
  #epochs(events: readonly OutcomeEvent[]): string[] {
    const runOf = new Map<string, string>();
    return events.flatMap((event) => {
      const { model, runId, epoch } = event.data;
      if (runId === undefined || epoch === undefined) return [];
      const place = `${model} ${epoch}`;
      const other = runOf.get(place) ?? runId;
      runOf.set(place, runId);
      return other === runId ? [] : [`epoch ${epoch} of ${model} belongs to ${other} and to ${runId}`];
    });
  }

  /** The registry's history rises, has each run once, and is what the events tell. */
  async #registry(events: readonly OutcomeEvent[]): Promise<string[]> {
    const violations: string[] = [];
    for (const model of this.models) {
      const changes = (await this.#options.registry.history(model)).toReversed();
      const runs = changes.map(({ runId }) => runId);
      changes.forEach(({ epoch }, index) => {
        const before = changes[index - 1]?.epoch ?? 0;
        if (epoch <= before) violations.push(`${model} has champion ${epoch} after ${before}`);
      });
      if (new Set(runs).size !== runs.length) violations.push(`${model} was promoted twice by one run: ${runs.join()}`);
      const promoted = events.filter((event) => outcomeOf(event) === 'promoted' && event.subject === model);
      const told = promoted.map(({ data }) => String(data.runId));
      if (changes.length < HISTORY_DEFAULT && told.toSorted().join() !== runs.toSorted().join())
        violations.push(`${model} has the champions ${runs.join()}, told are ${told.join()}`);
    }
    return violations;
  }

  #memory(): string[] {
    const { rss } = process.memoryUsage();
    return rss <= RESIDENT_MAX_BYTES ? [] : [`${rss} bytes of memory are in use, over ${RESIDENT_MAX_BYTES}`];
  }

  async #ledgers(): Promise<string[]> {
    const { connectionString, queue } = this.#options;
    const client = testClient(connectionString);
    const violations: string[] = [];
    try {
      for (const model of this.models.slice(0, LEDGERS_READ_MAX)) {
        const accept = () => client.acceptSession(queue, model).catch(() => undefined);
        const receiver = await eventually(accept, { what: `the session of ${model} to be free` });
        const state: unknown = await receiver.getSessionState();
        await receiver.close();
        const { run } = decodeLedger(state, model);
        const bytes = Buffer.byteLength(JSON.stringify(state));
        if (run) violations.push(`the ledger of ${model} has an unfinished run: ${run.runId}, ${run.stage}`);
        if (bytes > LEDGER_MAX_BYTES) violations.push(`the ledger of ${model} takes ${bytes} bytes`);
      }
    } finally {
      await closed(client);
    }
    return violations;
  }
}

function count(events: readonly OutcomeEvent[], outcome: string): number {
  return events.filter((event) => outcomeOf(event) === outcome).length;
}

/** By the request's key: the run that promoted or rejected it, and whether it was cancelled. */
function answersOf(events: readonly OutcomeEvent[]): Map<string, Set<string>> {
  const answers = new Map<string, Set<string>>();
  const add = (key: string, answer: string): void => {
    answers.set(key, (answers.get(key) ?? new Set()).add(answer));
  };
  for (const event of events) {
    const outcome = outcomeOf(event);
    const { request, requests = [], runId } = event.data;
    if (outcome === 'promoted' || outcome === 'rejected')
      for (const ref of requests) add(requestKey(ref), `${outcome} by ${runId}`);
    if (outcome === 'cancelled' && request) add(requestKey(request), 'cancelled');
  }
  return answers;
}

/** The reasons of dead letters by request; for a message that waits, one empty text. */
function keysOf(messages: readonly ServiceBusReceivedMessage[]): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const message of messages) {
    const read = readModelEvent(message);
    if (read.kind !== 'request') continue;
    const key = requestKey(read.event);
    keys.set(key, [...(keys.get(key) ?? []), message.deadLetterReason ?? '']);
  }
  return keys;
}

function isAbout({ data: { request } }: OutcomeEvent, key: string): boolean {
  return request !== undefined && requestKey(request) === key;
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
