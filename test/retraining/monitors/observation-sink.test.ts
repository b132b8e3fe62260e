import assert from 'node:assert/strict';
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { journalFolder } from '../../../src/retraining/monitors/observation-journal.ts';
import { ObservationSink } from '../../../src/retraining/monitors/observation-sink.ts';
import type { ObservationSinkOptions } from '../../../src/retraining/monitors/observation-sink.ts';
import { FakeClock } from '../../fake-clock.ts';
import { MAPE, MonitorScene } from './monitor-scene.ts';

const PUSHED = { ...MAPE, source: { pushed: true as const } };

function open(scene: MonitorScene, options: Partial<ObservationSinkOptions> = {}): Promise<ObservationSink> {
  return ObservationSink.open({ folder: join(scene.folder, 'state', 'observations'), models: ['births'], ...options });
}

function mape(value: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: 'births', values: { mape: value }, ...more };
}

test('what was accepted is watched by the monitors of its model, each row once', async (t) => {
  const scene = await MonitorScene.make(t);
  await using sink = await open(scene, { clock: new FakeClock(0) });
  assert.deepEqual(await sink.accept([mape(2), mape(2)]), { accepted: 2, duplicates: 0 });
  await scene.once(PUSHED);
  await sink.accept([mape(5, { time: '1970-01-02T00:00:00Z' }), mape(5, { time: 172_800 })]);
  await scene.once(PUSHED);
  await scene.once(PUSHED);
  assert.equal(scene.windows(), 'steady decayed');
  assert.deepEqual(scene.sent[0]?.trigger.window, {
    from: '1970-01-02T00:00:00.000Z',
    to: '1970-01-03T00:00:00.000Z',
    count: 2,
  });
});

test('an observation that is sent again with its id counts once, also after a restart', async (t) => {
  const scene = await MonitorScene.make(t);
  {
    await using sink = await open(scene);
    await sink.accept([mape(1, { id: 'a' }), mape(1, { id: 'b' }), mape(1, { id: 'a' })]);
    assert.deepEqual(await sink.accept([mape(1, { id: 'b' }), mape(1)]), { accepted: 1, duplicates: 1 });
  }
  await using sink = await open(scene);
  assert.deepEqual(await sink.accept([mape(1, { id: 'a' })]), { accepted: 0, duplicates: 1 });
});

test('what is no observation is refused whole, with its place and its field', async (t) => {
  const scene = await MonitorScene.make(t);
  await using sink = await open(scene);
  const cases: [unknown[], RegExp][] = [
    [[], /observations has 0 items/],
    [[mape(1), { ...mape(1), model: 'other' }], /observations\[1\]\.model = "other": no monitor of it/],
    [[mape(1), { ...mape(1), when: 1 }], /observations\[1\]/],
    [[mape(Number.NaN)], /observations\[0\]\.values\.mape/],
    [[{ model: 'births', values: { id: 1 } }], /observations\[0\]\.values: time and id/],
    [[mape(1, { time: 'soon' })], /observations\[0\]\.time/],
    [[null], /observations\[0\]/],
  ];
  for (const [observations, message] of cases)
    await assert.rejects(sink.accept(observations), { code: 'ARGUMENT_INVALID', message });
  await scene.once(PUSHED);
  assert.equal(scene.windows(), '');
});

test('what monitors do not read is limited, and there is room again when they have', async (t) => {
  const scene = await MonitorScene.make(t);
  const full = { code: 'DISK_FULL', message: /have not been read yet/ };
  {
    await using sink = await open(scene, { maxJournalBytes: 200 });
    await sink.accept([mape(1), mape(1)]);
    await assert.rejects(sink.accept([mape(1), mape(1), mape(1)]), full);
  }
  await using sink = await open(scene, { maxJournalBytes: 200 });
  await sink.accept([mape(2), mape(2)]);
  await assert.rejects(sink.accept([mape(1)]), full);
  await scene.once(PUSHED);
  assert.deepEqual(await sink.accept([mape(2)]), { accepted: 1, duplicates: 0 });
  await scene.once(PUSHED);
  assert.equal(scene.windows(), 'steady steady');
});

test('a line that a crash tore is the last of its file, and takes none with it', async (t) => {
  const scene = await MonitorScene.make(t);
  const journal = journalFolder(join(scene.folder, 'state', 'observations'), 'births');
  {
    await using sink = await open(scene);
    await sink.accept([mape(5)]);
  }
  await appendFile(join(journal, '000000000001.jsonl'), '{"time":"1970-01-');
  await using sink = await open(scene);
  await sink.accept([mape(5)]);
  await scene.once(PUSHED);
  assert.equal(scene.windows(), 'decayed');
  assert.deepEqual(await readdir(journal), ['000000000002.jsonl']);
});

test('a monitor that came later reads what is still there, and one that cannot read keeps it there', async (t) => {
  const scene = await MonitorScene.make(t);
  for (const value of [5, 5]) {
    await using sink = await open(scene);
    await sink.accept([mape(value)]);
  }
  const waiting = { ...PUSHED, name: 'waiting', value: 'mape', metric: 'other' };
  await scene.once([PUSHED, { ...waiting, absolute: { above: 1, below: 2 }, ratio: undefined }]);
  assert.equal((await readdir(journalFolder(join(scene.folder, 'state', 'observations'), 'births'))).length, 2);
  await scene.once([PUSHED, waiting]);
  assert.equal((await readdir(journalFolder(join(scene.folder, 'state', 'observations'), 'births'))).length, 1);
  assert.equal(scene.sent.length, 2);
});

test('two processes never write to the same journals', async (t) => {
  const scene = await MonitorScene.make(t);
  await using _ = await open(scene);
  await assert.rejects(open(scene), { code: 'DATA_LOCKED' });
});
