import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { REQUESTED_TYPE, requestMessage } from '../../../src/retraining/envelope.ts';
import { PRODUCER_SOURCE, RetrainingProducer } from '../../../src/retraining/producer.ts';
import { parseRequest } from '../../../src/retraining/request.ts';
import type { RunningServer } from '../../../src/server/index.ts';
import { SeededRandom } from '../../simulation/seeded-random.ts';
import { temporaryFolder } from '../trainers/run-fixture.ts';
import { OUTCOMES, QUEUE, openServer, outcomeReader, registryIn, requestFor } from '../worker/worker-fixture.ts';
import { AmqpWire } from './amqp-wire.ts';
import { Auditor } from './auditor.ts';
import { KINDS, POISON } from './scenario-models.ts';
import { closed, testClient } from '../test-client.ts';

// A scenario is a broker, two workers in processes of their own behind wires, a handful of models, and whatever a seed draws to
// happen to them. When it is over everything is mended, the workers answer what is left, and the auditor looks. The draws are
// the seed's; when exactly something happens to a worker is the machine's.

const PROGRAM = fileURLToPath(new URL('./scenario-worker.js', import.meta.url));
const WORKERS = 2;
const STEPS_MIN = 10;
const STEPS_MAX = 16;
/** How long the answers to what is left may take once everything is mended. */
const ANSWERED_WITHIN_MS = 120_000;

/** What can happen in one step, with its weight. */
const STEPS = {
  send: 6,
  sendAgain: 2,
  cancel: 2,
  cut: 2,
  cutLong: 1,
  freeze: 1,
  kill: 3,
  stop: 2,
  restartBroker: 1,
} as const;
type Step = keyof typeof STEPS;

class ScenarioWorker {
  readonly wire: AmqpWire;
  readonly #argument: string;
  #child: ChildProcess | undefined;

  constructor(wire: AmqpWire, folder: string) {
    this.wire = wire;
    this.#argument = JSON.stringify({ connection: wire.connectionString, queue: QUEUE, outcomes: OUTCOMES, folder });
  }

  start(): void {
    this.#child = spawn(process.execPath, [PROGRAM, this.#argument], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`a worker ended by itself, with ${child.signalCode ?? `exit code ${child.exitCode}`}`);
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

export class Scenario {
  readonly trace: string[] = [];
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #after: (() => unknown)[] = [];
  readonly #workers: ScenarioWorker[] = [];
  readonly #requests: { model: string; id: string }[] = [];
  #folder = '';
  #server!: RunningServer;
  #auditor!: Auditor;
  #begunMs = 0;
  #numbered = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
  }

  /** Resolves when everything held; raises with the seed, the steps and the facts when something did not. */
  async run(): Promise<void> {
    this.#begunMs = performance.now();
    try {
      await this.#open();
      await this.#play();
      await this.#mend();
      await this.#auditor.emptied(ANSWERED_WITHIN_MS);
      for (const worker of this.#workers) await worker.end('SIGTERM');
      await this.#auditor.holds();
    } catch (error) {
      const replay = `node dist/test/retraining/faults/main.js --seed ${this.#seed}`;
      throw new Error(`${(error as Error).message}\nagain: ${replay}\n${this.trace.join('\n')}\n${this.#facts()}`, {
        cause: error,
      });
    } finally {
      for (const close of this.#after.toReversed()) await close();
    }
  }

  async #open(): Promise<void> {
    const t = { after: (close: () => unknown) => void this.#after.push(close) };
    this.#folder = temporaryFolder(t);
    this.#server = await openServer(this.#folder, { lockDuration: 'PT5S' });
    t.after(() => this.#server.close());
    const { connectionString } = this.#server;
    const client = testClient(connectionString);
    t.after(() => closed(client));
    this.#auditor = new Auditor({
      connectionString,
      queue: QUEUE,
      outcomes: outcomeReader(client, OUTCOMES),
      registry: registryIn(this.#folder),
      folder: this.#folder,
    });
    for (let i = 0; i < WORKERS; i++) {
      const worker = new ScenarioWorker(await AmqpWire.open(t, this.#server), this.#folder);
      t.after(() => worker.end('SIGKILL').catch(() => undefined));
      worker.start();
      this.#workers.push(worker);
    }
  }

  async #play(): Promise<void> {
    const steps = this.#random.between(STEPS_MIN, STEPS_MAX);
    // Every kind of model has something to do from the beginning.
    for (const kind of KINDS) await this.#send(`${kind}/0`);
    for (let i = 0; i < steps; i++) {
      const step = this.#draw();
      const worker = this.#random.pick(this.#workers);
      this.#note(step, this.#workers.indexOf(worker));
      await this.#do(step, worker);
      await sleep(this.#random.between(0, 500));
    }
  }

  #draw(): Step {
    const drawn = Object.entries(STEPS).flatMap(([step, weight]) => Array.from({ length: weight }, () => step as Step));
    return this.#random.pick(drawn);
  }

  async #do(step: Step, worker: ScenarioWorker): Promise<void> {
    switch (step) {
      case 'send': {
        const model = `${this.#random.pick(KINDS)}/${this.#random.between(0, 1)}`;
        for (let i = this.#random.between(1, 4); i > 0; i--) await this.#send(model);
        return;
      }
      case 'sendAgain':
        return this.#sendAgain();
      case 'cancel': {
        const { model, id } = this.#random.pick(this.#requests);
        await this.#producing((producer) => producer.cancel(model, id));
        return;
      }
      case 'cut':
      case 'cutLong':
        worker.wire.cut();
        await sleep(step === 'cut' ? this.#random.between(50, 1500) : 6500);
        worker.wire.mend();
        return;
      case 'freeze':
        worker.wire.freeze();
        await sleep(this.#random.between(500, 7000));
        worker.wire.mend();
        return;
      case 'kill':
      case 'stop':
        await worker.end(step === 'kill' ? 'SIGKILL' : 'SIGTERM');
        worker.start();
        return;
      case 'restartBroker': {
        const { amqpPort } = this.#server;
        await this.#server.close();
        await sleep(this.#random.between(0, 800));
        this.#server = await openServer(this.#folder, { lockDuration: 'PT5S', amqpPort });
      }
    }
  }

  async #send(model: string): Promise<void> {
    const poisoned = model.startsWith('picky') && this.#random.chance(0.3);
    const id = `${model}/${this.#numbered++}${poisoned ? POISON : ''}`;
    await this.#producing((producer) => producer.request(requestFor(model), { dedupeKey: id }));
    this.#auditor.sent(model, id);
    this.#requests.push({ model, id });
  }

  /** As from a sender whose duplicate window is over. A dead-lettered request may run again, so none that may be. */
  async #sendAgain(): Promise<void> {
    const sound = this.#requests.filter(({ model }) => !model.startsWith('picky'));
    const { model, id } = this.#random.pick(sound);
    const data = parseRequest(requestFor(model));
    const time = new Date().toISOString();
    const event = { source: PRODUCER_SOURCE, id, type: REQUESTED_TYPE, subject: model, time, data } as const;
    const client = testClient(this.#server.connectionString);
    const messageId = `again-${this.#numbered++}`;
    await client.createSender(QUEUE).sendMessages(requestMessage(event, { messageId, nowMs: Date.now() }));
    await closed(client);
  }

  async #producing<T>(use: (producer: RetrainingProducer) => Promise<T>): Promise<T> {
    await using producer = new RetrainingProducer({ connection: this.#server.connectionString, queue: QUEUE });
    return await use(producer);
  }

  /** Both workers are there, on wires that are whole. */
  async #mend(): Promise<void> {
    for (const { wire } of this.#workers) wire.mend();
    this.#note('mended');
  }

  #note(what: string, worker?: number): void {
    const atMs = Math.round(performance.now() - this.#begunMs);
    this.trace.push(`${atMs} ms ${what}${worker === undefined ? '' : ` (worker ${worker})`}`);
  }

  #facts(): string {
    const names = readdirSync(this.#folder).filter((name) => name.startsWith('facts-'));
    return names.map((name) => `${name}\n${readFileSync(join(this.#folder, name), 'utf8')}`).join('\n');
  }
}
