import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const SEEDS = 100_000;
/** Beyond those of simulation.test.ts. */
const FIRST = 1_000;
/** Seeds that one process runs before it makes room for the next. */
const PART = 1_000;

/** Runs a part of the seeds as `npm run sim` does, and returns what it said when something did not hold. */
function runPart(first: number): Promise<string | undefined> {
  const args = [
    '--enable-source-maps',
    join(import.meta.dirname, 'main.js'),
    '--seed',
    `${first}`,
    '--seeds',
    `${PART}`,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0 ? undefined : Buffer.concat(said).toString()));
  });
}

test(`power cuts, crashes, full and failing disks lose nothing that was promised, in ${SEEDS} runs`, async () => {
  const parts = Array.from({ length: SEEDS / PART }, (_, i) => FIRST + i * PART);
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    for (let first = parts.shift(); first !== undefined; first = parts.shift()) {
      const failure = await runPart(first);
      if (failure !== undefined) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  assert.deepEqual(failures, []);
});
