import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFailure, assertNoneLeft, processesOf, runCli, startCli, temporaryFolder } from './cli-process.ts';

/** The promise of the README, on 2 cores. */
const DEMO_MAX_MS = 90_000;

/** Asserts that `actual` is within `tolerance` of `expected`. */
function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

test('demo --json prints the figures of what ran, as the independent study has them, and leaves nothing running', async (t) => {
  const folder = join(await temporaryFolder(t), 'demo');
  const { code, stdout, stderr } = await runCli(['demo', '--json', '--data', folder], { maxMs: DEMO_MAX_MS });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^\{[^\n]+\}\n$/, 'one line of JSON and nothing else');
  const { requests, promoted, rejected, deadLettered, runs, mapeFrozen, mapeLive, years, report } = JSON.parse(stdout);
  assert.deepEqual(
    { requests, promoted, rejected, deadLettered, runs },
    { requests: 9, promoted: 9, rejected: 0, deadLettered: 0, runs: 9 },
  );
  near(mapeFrozen, 8.48, 0.01);
  near(mapeLive, 3.14, 0.05);
  assert.deepEqual([years[0].year, years.at(-1).year, years.length], [1972, 2014, 38]);
  await assertNoneLeft(folder);

  // The files tell the same as the figures.
  assert.match(await readFile(report, 'utf8'), /<!doctype html>/);
  const status = JSON.parse((await runCli(['status', '--json', '--state', join(folder, 'worker')])).stdout);
  assert.deepEqual([status.queue, status.models[0].promoted, status.runs.length], [null, 9, 9]);
});

test('demo tells requests and answers as they come, and Ctrl-C ends it with all it started', async (t) => {
  const folder = join(await temporaryFolder(t), 'demo');
  const demo = startCli(t, ['demo', '--data', folder, '--threshold', '1.3']);
  await demo.printed(/request 1: error \d\.\d\d %, limit \d\.\d\d %\n/);
  assert.equal((await processesOf(folder)).length > 1, true);
  demo.child.kill('SIGINT');
  const { code, stderr } = await demo.finished;
  assert.equal(code, 130);
  assert.match(stderr, /^retrain: the demo was stopped before its end[^\n]*\n$/);
  await assertNoneLeft(folder);

  // What it made, the next one may replace.
  const again = startCli(t, ['demo', '--data', folder]);
  await again.printed(/request 1/);
  const inUse = await runCli(['demo', '--data', folder, '--json']);
  assertFailure(inUse, 75, /in use by process \d+/);
  again.child.kill('SIGKILL');
  await again.finished;
  await assertNoneLeft(folder, 10_000);
});

test('demo replaces no folder that it has not made', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'thesis.txt'), 'years of work');
  assertFailure(await runCli(['demo', '--data', folder]), 2, /not empty and was not made by the demo.*--data/);
  assert.deepEqual(await readdir(folder), ['thesis.txt']);
});

test('demo refuses a threshold at which everything is decay', async () => {
  assertFailure(await runCli(['demo', '--threshold', '1']), 2, /--threshold.*above 1/);
});
