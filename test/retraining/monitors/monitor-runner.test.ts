import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RetrainError } from '../../../src/errors.ts';
import { modelPath } from '../../../src/retraining/model-name.ts';
import { outcomeEvent } from '../../../src/retraining/outcome.ts';
import { FakeClock } from '../../fake-clock.ts';
import { MAPE, MonitorScene } from './monitor-scene.ts';

test('a window that decays is requested with its evidence, once', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(2, 2, 3, 5);
  await scene.once({ ...MAPE, parameters: { depth: 3 } });
  await scene.once();
  assert.deepEqual(scene.sent, [
    {
      model: { name: 'births' },
      trigger: {
        kind: 'performance-decay',
        metric: 'mape',
        detector: 'ratio',
        baseline: 2,
        observed: 4,
        threshold: 3,
        window: { from: '1970-01-03T00:00:00.000Z', to: '1970-01-04T00:00:00.000Z', count: 2 },
      },
      data: [],
      parameters: { depth: 3 },
      requestedBy: 'monitor mape',
    },
  ]);
  assert.equal(scene.windows(), 'steady decayed');
});

test('a monitor goes on where the one before it stopped, also within a window', async (t) => {
  const scene = await MonitorScene.make(t);
  for (const value of [2, 2, 3, 5, 2, 2]) {
    await scene.observe(value);
    await scene.once();
  }
  assert.equal(scene.windows(), 'steady decayed steady');
  assert.equal(scene.sent.length, 1);
});

test('a request that is not sent is sent again with the same id, and nothing after it counts before', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 5, 2, 2, 6, 6);
  let refused = 3;
  scene.sending = () => {
    if (refused-- > 0) throw new RetrainError('UNREACHABLE', 'nobody is there');
  };
  for (let run = 1; run <= 3; run++) assert.deepEqual(await scene.once(), { failed: 1 });
  assert.equal(scene.told('request-failed').length, 3);
  assert.equal(scene.sent.length, 0);
  assert.deepEqual(await scene.once(), { failed: 0 });
  assert.deepEqual(
    scene.sent.map(({ trigger }) => trigger.window?.to),
    ['1970-01-02T00:00:00.000Z', '1970-01-06T00:00:00.000Z'],
  );
});

test('a monitor whose broker is away tries again by itself, and tells once', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(2, 2, 5, 5);
  const clock = new FakeClock();
  let tries = 0;
  scene.sending = () => {
    if (++tries < 4) throw new RetrainError('UNREACHABLE', 'nobody is there');
  };
  await using runner = scene.runner(MAPE, { clock, pollMs: 1_000 });
  await runner.start();
  while (scene.sent.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
    if (clock.armed > 0) clock.advance(60_000);
  }
  assert.equal(tries, 4);
  assert.equal(scene.told('request-failed').length, 1);
  assert.equal(scene.windows(), 'steady decayed');
});

test('when the state cannot be written after the request, the same request is sent again with the same id', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 5);
  const { files } = await import('../../../src/runtime/files.ts');
  const full = { ...files, writeAtomic: () => Promise.reject(new Error('ENOSPC: no space left on device')) };
  assert.deepEqual(await scene.once(MAPE, { files: full }), { failed: 1 });
  await scene.once();
  assert.equal(scene.ids.length, 2);
  assert.equal(new Set(scene.ids).size, 1);
  assert.equal(scene.told('monitor-held-up').length, 1);
});

test('a request that is refused for its form does not hold up the monitor', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 5, 6, 6);
  let first = true;
  scene.sending = () => {
    if (first) {
      first = false;
      throw new RetrainError('MESSAGE_TOO_LARGE', 'too large');
    }
  };
  await scene.once();
  assert.equal(scene.told('request-refused').length, 1);
  assert.equal(scene.sent.length, 1);
});

test('bad rows are counted and told with the first reason, and the others count', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 'nan', 'x', 5);
  await using runner = scene.runner();
  await runner.once();
  assert.deepEqual(scene.told('rows-bad'), [
    {
      fact: 'rows-bad',
      model: 'births',
      monitor: 'mape',
      source: scene.errors,
      count: 2,
      reason: 'mape is "nan", no number',
    },
  ]);
  assert.equal(scene.sent.length, 1);
  const [status] = runner.status;
  assert.deepEqual([status?.rows, status?.badRows, status?.requests], [2, 2, 1]);
});

test('another champion makes the monitor gather a new reference; the same one again, or an older one, does not', async (t) => {
  const scene = await MonitorScene.make(t);
  const { baseline: _, ...gathering } = MAPE;
  let epoch = 3;
  const championEpoch = () => Promise.resolve(epoch);
  await scene.observe(2, 2);
  await scene.once(gathering, { championEpoch });
  assert.equal(scene.windows(), 'baseline');
  await scene.observe(2, 2);
  await scene.once(gathering, { championEpoch });
  assert.equal(scene.windows(), 'steady');
  epoch = 4;
  await scene.observe(9, 9, 9, 9);
  await scene.once(gathering, { championEpoch });
  assert.deepEqual(scene.told('monitor-rebased'), [
    { fact: 'monitor-rebased', model: 'births', monitor: 'mape', epoch: 4 },
  ]);
  assert.equal(scene.windows(), 'baseline steady');
  epoch = 2;
  await scene.once(gathering, { championEpoch });
  assert.equal(scene.told('monitor-rebased').length, 0);
});

test('a registry that cannot be read is told of, and does not hold up the monitor', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 5);
  await scene.once(MAPE, { championEpoch: () => Promise.reject(new Error('no route to host')) });
  assert.deepEqual(scene.told('champion-unknown'), [
    { fact: 'champion-unknown', model: 'births', monitor: 'mape', reason: 'no route to host' },
  ]);
  assert.equal(scene.sent.length, 1);
});

test('an outcome event of a promotion does the same, once, and only for its model', async (t) => {
  const scene = await MonitorScene.make(t);
  const promoted = (model: string, epoch: number) =>
    outcomeEvent('promoted', { data: { model, epoch, runId: `${epoch}-x` }, atMs: 0 });
  await using runner = scene.runner();
  await runner.once();
  await runner.outcome(promoted('other', 1));
  await runner.outcome(promoted('births', 1));
  await runner.outcome(promoted('births', 1));
  assert.equal(scene.told('monitor-rebased').length, 1);
});

test('a reference that is to be kept outlives a promotion', async (t) => {
  const scene = await MonitorScene.make(t);
  const keeping = { ...MAPE, afterPromotion: 'keep' as const };
  await scene.observe(2, 2, 9);
  await scene.once(keeping, { championEpoch: () => Promise.resolve(1) });
  await scene.observe(4, 4);
  await scene.once(keeping, { championEpoch: () => Promise.resolve(2) });
  assert.equal(scene.windows(), 'steady decayed');
  assert.equal(scene.sent[0]?.trigger.observed, 4);
});

test('only watching sends nothing and writes nothing', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 5, 6, 6);
  await scene.once(MAPE, { watching: true });
  assert.equal(scene.told('retraining-withheld').length, 2);
  assert.deepEqual(await readdir(scene.folder), ['errors.csv']);
});

test('a changed limit keeps what was remembered, another rule starts afresh behind the same rows', async (t) => {
  const scene = await MonitorScene.make(t);
  const { baseline: _, ...gathering } = MAPE;
  await scene.observe(2, 2, 3);
  await scene.once(gathering);
  await scene.observe(3);
  await scene.once({ ...gathering, ratio: 1.2 });
  assert.equal(scene.windows(), 'baseline decayed');
  await scene.observe(1, 1);
  const { ratio: __, ...noRatio } = gathering;
  await scene.once({ ...noRatio, absolute: { above: 0.5 } });
  assert.equal(scene.told('monitor-restarted').length, 1);
  assert.equal(scene.windows(), 'decayed');
});

test('a state that cannot be read stops its monitor only, and is left as it is', async (t) => {
  const scene = await MonitorScene.make(t);
  await scene.observe(5, 5);
  const path = join(scene.folder, 'state', 'monitors', modelPath('births'), 'mape.json');
  const other = { ...MAPE, name: 'other', baseline: 1 };
  await scene.once([MAPE, other]);
  assert.equal(scene.sent.length, 2);
  const kept = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  for (const [broken, reason] of [
    [{ ...kept, version: 9 }, /has version 9, this release reads 1/],
    [{ ...kept, monitor: 'else' }, /is of births else/],
    [{ ...kept, files: { 'errors.csv': { offset: -1 } } }, /not valid at files.errors.csv/],
    [{ ...kept, watch: { version: 7 } }, /version 7/],
  ] as const) {
    await writeFile(path, JSON.stringify(broken));
    scene.facts.length = 0;
    assert.deepEqual(await scene.once([MAPE, other]), { failed: 1 });
    const [fact] = scene.told('monitor-failed');
    assert.match(fact && 'reason' in fact ? fact.reason : '', reason);
    assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), broken);
  }
});

test('two processes never run the same monitors', async (t) => {
  const scene = await MonitorScene.make(t);
  await using first = scene.runner();
  await first.start();
  await using second = scene.runner();
  await assert.rejects(second.start(), { code: 'DATA_LOCKED' });
});
