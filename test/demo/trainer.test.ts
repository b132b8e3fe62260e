import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseModel, serializeModel } from '../../src/demo/births-model.ts';
import { parseIsoDay } from '../../src/demo/calendar.ts';
import { challenge, cutChallenge, fitFirstModel } from '../../src/demo/training.ts';
import { EXIT_CODES, runTraining } from '../../src/demo/training-run.ts';
import { parseRunResult } from '../../src/retraining/trainers/run-result.ts';
import { files } from '../../src/runtime/files.ts';
import { realDays } from './births-study.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'demo', 'trainer.js');
const days = realDays();
const first = fitFirstModel(days);

interface Place {
  readonly folder: string;
  readonly champion: string;
  readonly env: Record<string, string>;
  /** Writes the plan and runs the trainer in this process. */
  readonly train: (plan: unknown) => Promise<{ code: number; printed: string[]; complaint: string }>;
}

async function place(t: TestContext): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'births-trainer-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const champion = join(folder, 'champion.json');
  await writeFile(champion, serializeModel(first));
  await mkdir(join(folder, 'output'));
  const env = {
    RETRAIN_REQUEST: join(folder, 'request.json'),
    RETRAIN_RESULT: join(folder, 'result.json'),
    RETRAIN_OUTPUT: join(folder, 'output'),
  };
  const train: Place['train'] = async (plan) => {
    await writeFile(env.RETRAIN_REQUEST, typeof plan === 'string' ? plan : JSON.stringify(plan));
    const printed: string[] = [];
    const complaints: string[] = [];
    const print = (line: string): number => printed.push(line);
    const code = await runTraining({ env, files, print, complain: (line) => complaints.push(line) });
    return { code, printed, complaint: complaints.join('\n') };
  };
  return { folder, champion, env, train };
}

/** As a worker writes it, with all that the births trainer does not care about. */
function planOf(artifact: string | undefined, parameters: unknown = { trainUntil: '1984-03-16' }): unknown {
  return {
    runId: 'run-1',
    epoch: 2,
    model: { name: 'births' },
    requests: [],
    triggers: [],
    data: [],
    parameters,
    champion: artifact === undefined ? null : { artifact, epoch: 1, metrics: { challenger: { mape: 2 } } },
  };
}

test('the program fits, measures both models on the same window, and leaves artifact and result', async (t) => {
  const { env, champion } = await place(t);
  await writeFile(env['RETRAIN_REQUEST'] ?? '', JSON.stringify(planOf(champion)));
  const child = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual([code, stderr], [0, '']);
  const progress = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { progress: number }).progress);
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  );
  assert.equal(progress.at(-1), 1);

  const result = parseRunResult(await readFile(env['RETRAIN_RESULT'] ?? '', 'utf8'), env['RETRAIN_OUTPUT'] ?? '');
  const until = parseIsoDay('1984-03-16') as number;
  const expected = challenge(cutChallenge(days, { until, windowDays: 91, trainingDays: 1096 }), first);
  assert.deepEqual(result.metrics, {
    challenger: { mape: expected.mape.challenger },
    champion: { mape: expected.mape.champion },
  });
  assert.deepEqual(parseModel(await readFile(result.artifact, 'utf8'), result.artifact), expected.challenger);
  assert.match(
    result.notes ?? '',
    /fitted on 1096 days .* to 1983-12-16, measured on 91 days from 1983-12-17 to 1984-03-16/,
  );
});

test('the same plan twice gives the same artifact and result, byte for byte', async (t) => {
  const { train, champion, env } = await place(t);
  const read = async (): Promise<string[]> => [
    await readFile(env['RETRAIN_RESULT'] ?? '', 'utf8'),
    await readFile(join(env['RETRAIN_OUTPUT'] ?? '', 'births-model.json'), 'utf8'),
  ];
  await train(planOf(champion));
  const before = await read();
  await train(planOf(champion));
  assert.deepEqual(await read(), before);
});

test('without a champion only the challenger is measured', async (t) => {
  const { train, env } = await place(t);
  assert.equal((await train(planOf(undefined))).code, 0);
  const { metrics } = JSON.parse(await readFile(env['RETRAIN_RESULT'] ?? '', 'utf8')) as { metrics: object };
  assert.deepEqual(Object.keys(metrics), ['challenger']);
});

test('what another attempt cannot heal ends with a permanent code and one line that says why', async (t) => {
  const { train, champion, folder } = await place(t);
  const cases: [plan: unknown, code: number, why: RegExp][] = [
    ['{', EXIT_CODES.EX_DATAERR, /plan is not JSON/],
    [planOf(champion, {}), EXIT_CODES.EX_DATAERR, /parameters\.trainUntil/],
    [planOf(champion, { trainUntil: '1984-02-30' }), EXIT_CODES.EX_DATAERR, /use a date such as/],
    [planOf(champion, { trainUntil: '1984-03-16', windowDays: 0 }), EXIT_CODES.EX_DATAERR, /parameters\.windowDays/],
    [planOf(champion, { trainUntil: '1970-01-01' }), EXIT_CODES.EX_DATAERR, /1970-01-01, with \d+ days/],
    [planOf(join(folder, 'gone.json')), EXIT_CODES.EX_NOINPUT, /gone\.json does not exist/],
    [planOf(join(folder, 'request.json')), EXIT_CODES.EX_DATAERR, /request\.json is not valid/],
  ];
  for (const [plan, code, why] of cases) {
    const ended = await train(plan);
    assert.equal(ended.code, code, ended.complaint);
    assert.match(ended.complaint, why);
    assert.ok(!ended.complaint.includes('\n'));
  }
});

test('without its environment the trainer says that it is not started by hand', async () => {
  const complaints: string[] = [];
  const code = await runTraining({ env: {}, files, print: () => undefined, complain: (line) => complaints.push(line) });
  assert.equal(code, EXIT_CODES.EX_USAGE);
  assert.match(complaints.join('\n'), /RETRAIN_REQUEST is not set/);
});

test('a disk that refuses to write ends with a code that is tried again, and leaves no result', async (t) => {
  const { champion, env } = await place(t);
  await writeFile(env['RETRAIN_REQUEST'] ?? '', JSON.stringify(planOf(champion)));
  const complaints: string[] = [];
  const full = {
    readText: (path: string) => files.readText(path),
    writeAtomic: () => Promise.reject(new Error('ENOSPC: no space left on device')),
  };
  const code = await runTraining({
    env,
    files: full,
    print: () => undefined,
    complain: (line) => complaints.push(line),
  });
  assert.equal(code, EXIT_CODES.EX_IOERR);
  assert.match(complaints.join('\n'), /ENOSPC/);
  assert.equal(await files.readText(env['RETRAIN_RESULT'] ?? ''), undefined);
});
