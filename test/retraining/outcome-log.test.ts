import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { OutcomeLog } from '../../src/retraining/outcome-log.ts';
import { outcomeEvent } from '../../src/retraining/outcome.ts';
import type { OutcomeEvent } from '../../src/retraining/outcome.ts';
import { files } from '../../src/runtime/files.ts';
import { temporaryFolder } from './temporary-folder.ts';

function event(i: number): OutcomeEvent {
  return outcomeEvent('started', { data: { model: 'm', runId: `run-${i}`, epoch: i }, atMs: i });
}

test('events are kept in order, also when many are appended at once', async (t) => {
  const folder = await temporaryFolder(t);
  const log = new OutcomeLog({ folder, files });
  assert.deepEqual(await log.read(), { events: [], skipped: 0 });
  const events = Array.from({ length: 20 }, (_, i) => event(i));
  await Promise.all(events.map((one) => log.append(one)));
  assert.deepEqual(await new OutcomeLog({ folder, files }).read(), { events, skipped: 0 });
});

test('the log is bounded and keeps the newest', async (t) => {
  const log = new OutcomeLog({ folder: await temporaryFolder(t), files, maxBytes: 2_000 });
  for (let i = 0; i < 50; i++) await log.append(event(i));
  const { events, skipped } = await log.read();
  assert.ok(events.length >= 4 && events.length < 50 && skipped === 0);
  assert.equal(events.at(-1)?.data.runId, 'run-49');
});

test('a line that a crash tore is skipped and counted', async (t) => {
  const folder = await temporaryFolder(t);
  const log = new OutcomeLog({ folder, files });
  await log.append(event(1));
  await appendFile(join(folder, 'outcomes.jsonl'), '{"id":"x"}\n{"id":\n');
  await log.append(event(2));
  const { events, skipped } = await log.read();
  assert.deepEqual([events.map(({ data }) => data.runId), skipped], [['run-1', 'run-2'], 2]);
});
