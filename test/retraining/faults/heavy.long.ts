import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staysBounded } from './printing-trainer.ts';
import { storm } from './storm.ts';

// The faults whose full size is too much for every run of the tests.

test('a trainer that prints 1 GiB: log and memory of the worker stay bounded, and the run counts', async (t) => {
  await staysBounded(t, { megabytes: 1024 });
});

test('1,000 requests at once for one model cost a few runs', async (t) => {
  const { runs, sentMs, answeredMs } = await storm(t, { models: 1, requests: 1000, withinMs: 300_000 });
  t.diagnostic(`${runs} runs; sent in ${Math.round(sentMs)} ms, answered after ${Math.round(answeredMs)} ms`);
  // A plan takes a hundred.
  assert.ok(runs >= 10 && runs <= 30, `${runs} runs`);
});

test('1,000 models at once are each trained once', async (t) => {
  const { runs, sentMs, answeredMs } = await storm(t, { models: 1000, requests: 1000, withinMs: 300_000 });
  t.diagnostic(`${runs} runs; sent in ${Math.round(sentMs)} ms, answered after ${Math.round(answeredMs)} ms`);
  assert.equal(runs, 1000);
});
