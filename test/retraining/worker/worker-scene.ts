import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { OutcomeEvent } from '../../../src/retraining/outcome.ts';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import type { RunningServer } from '../../../src/server/index.ts';
import { eventually, program, startOf, temporaryFolder } from '../trainers/run-fixture.ts';
import { OUTCOMES, QUEUE, outcomeReader, peekAll, requestFor } from './worker-fixture.ts';
import { sceneWorker } from './scene-worker.ts';
import type { SceneConfig } from './scene-worker.ts';
import { closed, testClient } from '../test-client.ts';

// A scene: one model, one work queue, a trainer that is a real process, a first worker that is a real process and is killed,
// and a second worker that has to go on.

const PROGRAM = fileURLToPath(new URL('./worker-program.js', import.meta.url));

/** Notes each execution and the pids of trainer and child; waits while there is a file `hold`; then succeeds. */
export const TRAINER = `
  import { spawn } from 'node:child_process';
  import fs from 'node:fs';
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  fs.appendFileSync('executions', JSON.stringify({ epoch: process.env.RETRAIN_EPOCH, pids: [process.pid, child.pid] }) + '\\n');
  while (fs.existsSync('hold')) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGKILL');
  fs.writeFileSync(process.env.RETRAIN_OUTPUT + '/model', 'weights of ' + process.env.RETRAIN_EPOCH);
  fs.writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics: { challenger: { mape: 1 } }, artifact: 'model' }));`;

export interface Execution {
  readonly epoch: string;
  readonly pids: readonly number[];
}

export class Scene {
  readonly folder: string;
  readonly config: SceneConfig;
  readonly outcomes: () => Promise<OutcomeEvent[]>;
  /** Of the second worker. */
  readonly facts: WorkerFact[] = [];
  readonly #t: TestContext;

  constructor(
    t: TestContext,
    server: Pick<RunningServer, 'connectionString'>,
    {
      suffix = '',
      source = TRAINER,
      cooldownMs,
      plain = false,
    }: { suffix?: string; source?: string; cooldownMs?: number; plain?: boolean } = {},
  ) {
    this.#t = t;
    this.folder = join(temporaryFolder(t), 'scene');
    mkdirSync(this.folder);
    const { connectionString } = server;
    const client = testClient(connectionString);
    t.after(() => closed(client));
    const [queue, outcomes] = [`${QUEUE}${suffix}`, `${OUTCOMES}${suffix}`];
    const command = program(this.folder, source);
    const rest = {
      ...(cooldownMs !== undefined && { cooldownMs }),
      ...(plain && { ledgerFolder: join(this.folder, 'ledgers') }),
    };
    this.config = { connectionString, queue, outcomes, folder: this.folder, command, ...rest };
    this.outcomes = outcomeReader(client, outcomes);
  }

  async send(times = 1): Promise<void> {
    const { connectionString, queue } = this.config;
    await using producer = new RetrainingProducer({ connection: connectionString, queue });
    for (let i = 0; i < times; i++) await producer.request(requestFor());
  }

  /** A worker in a process of its own. */
  first(config: Partial<SceneConfig> = {}): ChildProcess {
    const argument = JSON.stringify({ ...this.config, ...config });
    const child = spawn(process.execPath, [PROGRAM, argument], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    this.#t.after(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    return child;
  }

  /** The worker that goes on. */
  async second(): Promise<void> {
    const worker = sceneWorker(this.config, { log: (fact) => this.facts.push(fact) });
    this.#t.after(() => worker.stop());
    await worker.start();
  }

  get executions(): Execution[] {
    const file = join(this.folder, 'executions');
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    // What stands behind the last newline is still being written.
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Execution);
  }

  async count(outcome: string): Promise<number> {
    return (await this.outcomes()).filter(({ type }) => type === `retrain.${outcome}.v1`).length;
  }

  async told(outcome: string, times = 1): Promise<void> {
    const what = `${times} times ${outcome}`;
    await eventually(async () => (await this.count(outcome)) >= times, { what, withinMs: 60_000 });
  }

  async emptied(): Promise<void> {
    const { connectionString, queue } = this.config;
    await eventually(async () => (await peekAll(connectionString, queue)).length === 0, { what: 'an empty queue' });
  }

  /** The queue is empty, nothing was dead-lettered, there is one champion and one promotion event, and no process is left. */
  async answeredOnce({ failed = 0 }: { failed?: number } = {}): Promise<void> {
    await this.told('promoted');
    await this.emptied();
    assert.equal((await peekAll(this.config.connectionString, this.config.queue, 'deadLetter')).length, 0);
    const expected = { promoted: 1, succeeded: 1, failed, rejected: 0, deadlettered: 0 };
    for (const [outcome, times] of Object.entries(expected)) assert.equal(await this.count(outcome), times, outcome);
    assert.ok((await this.count('started')) >= 1);
    const changes = await new FileRegistry({ folder: join(this.folder, 'registry') }).history('births');
    assert.equal(changes.length, 1, changes.map(({ runId }) => runId).join());
    for (const { pids } of this.executions) for (const pid of pids) assert.equal(await startOf(pid), undefined);
  }
}

/** Resolves when the worker was ended by SIGKILL. */
export async function killed(worker: ChildProcess): Promise<void> {
  if (worker.signalCode === null && worker.exitCode === null) await once(worker, 'exit');
  assert.equal(worker.signalCode, 'SIGKILL');
}
