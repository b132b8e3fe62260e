import assert from 'node:assert/strict';
import { ServiceBusClient } from '@azure/service-bus';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { OutcomeEvent } from '../../src/retraining/outcome.ts';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import type { RunningServer } from '../../src/server/index.ts';
import { eventually, program, startOf, temporaryFolder } from './run-fixture.ts';
import { OUTCOMES, QUEUE, openServer, outcomeReader, peekAll, requestFor } from './worker-fixture.ts';
import type { ProgramConfig } from './worker-program.ts';

// Real processes and the real broker: a worker is killed with SIGKILL at a given write of the ledger, or while its trainer
// runs; a second worker takes over. In effect the request is answered once: one promotion, never two, never none.

const PROGRAM = fileURLToPath(new URL('./worker-program.js', import.meta.url));

/** Notes each execution and the pids of trainer and child; waits while there is a file `hold`; then succeeds. */
const TRAINER = `
  import { spawn } from 'node:child_process';
  import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  appendFileSync('executions', JSON.stringify({ epoch: process.env.RETRAIN_EPOCH, pids: [process.pid, child.pid] }) + '\\n');
  while (existsSync('hold')) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGKILL');
  writeFileSync(process.env.RETRAIN_OUTPUT + '/model', 'weights of ' + process.env.RETRAIN_EPOCH);
  writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics: { challenger: { mape: 1 } }, artifact: 'model' }));`;

interface Scene {
  readonly folder: string;
  readonly connectionString: string;
  readonly suffix: string;
  readonly config: ProgramConfig;
  readonly outcomes: () => Promise<OutcomeEvent[]>;
}

interface Execution {
  readonly epoch: string;
  readonly pids: readonly number[];
}

async function setScene(
  t: TestContext,
  server: RunningServer,
  { suffix, source = TRAINER, rest = {} }: { suffix: string; source?: string; rest?: Partial<ProgramConfig> },
): Promise<Scene> {
  const folder = join(temporaryFolder(t), 'scene');
  mkdirSync(folder);
  const { connectionString } = server;
  const client = new ServiceBusClient(connectionString);
  t.after(() => client.close());
  const [queue, outcomes] = [`${QUEUE}${suffix}`, `${OUTCOMES}${suffix}`];
  const config = { connectionString, queue, outcomes, folder, command: program(folder, source), ...rest };
  return { folder, connectionString, suffix, config, outcomes: outcomeReader(client, outcomes) };
}

async function send(scene: Scene, times = 1): Promise<void> {
  await using producer = new RetrainingProducer({
    connectionString: scene.connectionString,
    queue: scene.config.queue,
  });
  for (let i = 0; i < times; i++) await producer.request(requestFor());
}

function startWorker(t: TestContext, config: ProgramConfig): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(config)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    if (process.env['WORKER_TRACE'])
      process.stderr.write(`${JSON.stringify(config.killAt ?? 'second')}\n${lines.join('')}`);
  });
  return child;
}

function executions(scene: Scene): Execution[] {
  const file = join(scene.folder, 'executions');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Execution);
}

function count(outcomes: readonly OutcomeEvent[], outcome: string): number {
  return outcomes.filter(({ type }) => type === `retrain.${outcome}.v1`).length;
}

/** The queue is empty, nothing was dead-lettered, there is one champion and one promotion event, and no process is left. */
async function answeredOnce(scene: Scene): Promise<void> {
  const { connectionString, folder, config } = scene;
  await eventually(async () => count(await scene.outcomes(), 'promoted') > 0, {
    what: 'a promotion',
    withinMs: 60_000,
  });
  await eventually(async () => (await peekAll(connectionString, config.queue)).length === 0, {
    what: 'an empty queue',
  });
  assert.equal((await peekAll(connectionString, config.queue, 'deadLetter')).length, 0);
  const outcomes = await scene.outcomes();
  for (const outcome of ['promoted', 'succeeded']) assert.equal(count(outcomes, outcome), 1, outcome);
  for (const outcome of ['failed', 'rejected', 'deadlettered']) assert.equal(count(outcomes, outcome), 0, outcome);
  assert.ok(count(outcomes, 'started') >= 1);
  const [model] = readdirSync(join(folder, 'registry'));
  const records = readdirSync(join(folder, 'registry', model as string)).filter((name) => /^champion\.\d+/.test(name));
  assert.equal(records.length, 1, records.join());
  for (const { pids } of executions(scene)) for (const pid of pids) assert.equal(await startOf(pid), undefined);
}

async function killed(worker: ChildProcess): Promise<void> {
  const [, signal] = worker.signalCode ? [null, worker.signalCode] : ((await once(worker, 'exit')) as [null, string]);
  assert.equal(signal, 'SIGKILL');
}

/** The arrows of the ledger, and how often the trainer is executed when the worker dies there. */
const ARROWS: readonly (readonly ['before' | 'after', string, number])[] = [
  ['before', 'started', 1],
  ['after', 'started', 1],
  ['before', 'trained', 2],
  ['after', 'trained', 1],
  ['before', 'decided', 1],
  ['after', 'decided', 1],
  ['before', 'applied', 1],
  ['after', 'applied', 1],
  ['before', 'told', 1],
  ['after', 'told', 1],
  ['before', 'settled', 1],
  ['after', 'settled', 1],
];

test('a worker that is killed at an arrow of the ledger', { concurrency: 2 }, async (t) => {
  const suffixes = ARROWS.map((_, index) => `-${index}`);
  const server = await openServer(temporaryFolder(t), { suffixes });
  t.after(() => server.close());
  const tests = ARROWS.map(([moment, type, times], index) =>
    t.test(`${moment} ${type}: another goes on; the request is answered once`, async (t) => {
      const scene = await setScene(t, server, { suffix: `-${index}` });
      await send(scene);
      await killed(startWorker(t, { ...scene.config, killAt: { moment, type } }));
      startWorker(t, scene.config);
      await answeredOnce(scene);
      assert.equal(executions(scene).length, times);
    }),
  );
  await Promise.all(tests);
});
