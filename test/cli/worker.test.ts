import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { StatusReport } from '../../src/cli/status.ts';
import { assertFailure, assertNoneLeft, runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';
import type { Cli } from './cli-process.ts';

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));
const OWN_TRAINER = join(ROOT, 'examples', 'own-trainer', 'train.mjs');

/** A trainer that tells when it runs, and ends only when it is killed. */
const STUBBORN = `process.on('SIGTERM', () => {}); console.log(JSON.stringify({ progress: 0.5 })); setInterval(() => {}, 1000)`;

/** A worker on a broker of its own. */
class Bench {
  readonly folder: string;
  readonly #t: TestContext;
  readonly #env: Record<string, string>;

  constructor(t: TestContext, folder: string, env: Record<string, string>) {
    this.#t = t;
    this.folder = folder;
    this.#env = env;
  }

  static async open(t: TestContext): Promise<Bench> {
    const folder = await temporaryFolder(t);
    const { env } = await startBroker(t, { data: join(folder, 'broker') });
    return new Bench(t, folder, env);
  }

  get state(): string {
    return join(this.folder, 'state');
  }

  worker(flags: readonly string[], trainer: readonly string[]): Cli {
    const args = ['worker', '--metric', 'mae', '--state', this.state, ...flags, '--', ...trainer];
    return startCli(this.#t, args, { env: this.#env });
  }

  async request(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runCli(['request', ...args], { env: this.#env });
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  async status(): Promise<StatusReport> {
    const { code, stdout, stderr } = await runCli(['status', '--json', '--state', this.state], { env: this.#env });
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as StatusReport;
  }

  async shownStatus(): Promise<string> {
    return (await runCli(['status', '--state', this.state], { env: this.#env })).stdout;
  }
}

test('the example trainer: a request is answered, the better model promoted, the worse rejected', async (t) => {
  const bench = await Bench.open(t);
  const data = join(bench.folder, 'visitors.txt');
  await writeFile(data, '10 11 9 10 10 11 9 10 10 10');
  const uri = pathToFileURL(data).href;
  const id = await bench.request('--model', 'visitors', '--data', uri);
  assert.match(id, /^[0-9a-f]{32}$/);
  const before = await bench.status();
  const [waiting] = before.queue?.models ?? [];
  const { oldestSince, ...counts } = waiting ?? {};
  assert.deepEqual(counts, { model: 'visitors', waiting: 1, scheduled: 0, deadLettered: {} });
  assert.ok(Date.parse(oldestSince ?? '') <= Date.now());

  const worker = bench.worker([], [process.execPath, OWN_TRAINER]);
  await worker.printed(/visitors: promoted, .*no champion/);
  // The same data again: a challenger that is as good as the champion is not better.
  await bench.request('--model', 'visitors', '--data', uri);
  await worker.printed(/visitors: rejected, mae /);
  worker.child.kill('SIGTERM');
  assert.equal((await worker.finished).code, 0);

  const { queue, models, runs, requests } = await bench.status();
  assert.deepEqual(queue?.models, []);
  assert.deepEqual([models[0]?.promoted, models[0]?.rejected, runs.length], [1, 1, 2]);
  assert.equal(requests.find((request) => request.id === id)?.state, 'promoted');
  const champion = await readFile(models[0]?.champion?.artifact ?? '', 'utf8');
  assert.deepEqual(JSON.parse(champion), { mean: 10 });
  assert.match(await bench.shownStatus(), /Queue .*\nempty\n\nModels\n.*\nvisitors +2 +1 +1 [^]*Runs\n[^]*promoted/);
});

test('what a trainer refuses is dead-lettered, and status tells why', async (t) => {
  const bench = await Bench.open(t);
  await bench.request('--model', 'visitors');
  await bench.request('--model', 'others');
  const worker = bench.worker(['--model', 'visitors', '--json'], [process.execPath, OWN_TRAINER]);
  await worker.printed(
    /"dead-lettered".*"others"[^]*"dead-lettered".*"visitors"|"dead-lettered".*"visitors"[^]*"dead-lettered".*"others"/,
  );
  worker.child.kill('SIGTERM');
  const { code, stdout } = await worker.finished;
  assert.equal(code, 0);
  for (const line of stdout.trim().split('\n')) assert.match(JSON.parse(line).fact, /^[a-z-]+$/);
  const { queue } = await bench.status();
  assert.deepEqual(
    queue?.models.map(({ model, deadLettered }) => [model, deadLettered]),
    [
      ['others', { UnknownModel: 1 }],
      ['visitors', { TrainingFailed: 1 }],
    ],
  );
  assert.match(await bench.shownStatus(), /visitors +0 +0 +1 TrainingFailed/);
});

test('Ctrl-C waits for the run and says so; what was not finished is taken up by the next worker', async (t) => {
  const bench = await Bench.open(t);
  await bench.request('--model', 'm');
  const worker = bench.worker(['--grace', '200ms'], [process.execPath, '-e', STUBBORN]);
  await worker.printed(/m: run \S+ started for 1 request\n/);
  worker.child.kill('SIGINT');
  await worker.printed(/stopping: waiting for m, up to 0\.2 s; Ctrl-C again ends at once/);
  assert.equal((await worker.finished).code, 0);
  const next = bench.worker([], ['true']);
  await next.printed(/m: run \S+ (started|taken over)/);
});

test('a second Ctrl-C ends the worker at once', async (t) => {
  const bench = await Bench.open(t);
  await bench.request('--model', 'm');
  const worker = bench.worker(['--grace', '1s'], [process.execPath, '-e', STUBBORN]);
  await worker.printed(/m: run \S+ started/);
  worker.child.kill('SIGINT');
  await worker.printed(/Ctrl-C again/);
  worker.child.kill('SIGINT');
  assert.equal((await worker.finished).code, 130);
  await assertNoneLeft(bench.state, 20_000);
});

test('a worker with --idle-exit ends by itself when there is nothing left to do', async (t) => {
  const bench = await Bench.open(t);
  await bench.request('--model', 'm');
  const worker = bench.worker(['--idle-exit', '500ms'], ['false']);
  await worker.printed(/m: trainer: exit code 1; see .*run\.log\nm: tried again at \d{4}-/);
  assert.equal((await worker.finished).code, 0);
  // With full jitter the clone may be due at once, and then waits for the next worker.
  const [model, ...others] = (await bench.status()).queue?.models ?? [];
  assert.deepEqual([model?.model, model?.deadLettered, others], ['m', {}, []]);
  assert.equal((model?.waiting ?? 0) + (model?.scheduled ?? 0), 1);
});

test('a worker with --idle-exit whose broker is gone for the whole span ends with the code for try again', async (t) => {
  const folder = await temporaryFolder(t);
  const { env, cli } = await startBroker(t, { data: join(folder, 'broker') });
  const args = ['worker', '--metric', 'mae', '--state', folder, '--idle-exit', '6s', '--', 'true'];
  const worker = startCli(t, args, { env });
  await worker.printed(/working on/);
  // Within the span on a busy machine, too: a broker that is there and has nothing is another end.
  cli.child.kill('SIGKILL');
  const { code, stderr } = await worker.finished;
  assert.equal(code, 75, stderr);
  assert.match(stderr, /no broker answered at 127\.0\.0\.1:\d+ for 6 s/);
});

test('a worker without a trainer, a metric or a span that it understands does not start', async () => {
  assertFailure(await runCli(['worker', '--', 'true']), 2, /--metric/);
  const env = { RETRAIN_CONNECTION_STRING: 'Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=b' };
  assertFailure(await runCli(['worker', '--metric', 'm'], { env }), 2, /no trainer.*after --/);
  assertFailure(await runCli(['worker', '--metric', 'm', '--grace', '5 minutes']), 2, /--grace.*15m/);
  const accepts = ['worker', '--metric', 'm', '--accept-for'];
  assertFailure(await runCli([...accepts, '10m', '--', 'true']), 2, /--accept-for goes with --once: add it/);
  assertFailure(await runCli([...accepts, '0s', '--once', '--', 'true']), 2, /--accept-for is 0: .* such as 10m/);
});

test('a worker on a queue without sessions says how to get one that has them', async (t) => {
  const { env } = await startBroker(t, { data: await temporaryFolder(t), args: ['--queue', 'plain'] });
  const finished = await runCli(['worker', '--queue', 'plain', '--metric', 'm', '--', 'true'], { env });
  assertFailure(finished, 2, /"plain" .* has no sessions.*--queue NAME:sessions,duplicates/);
});
