import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, LogFixture, RESERVE_BYTES, SEGMENT_BYTES } from './log-fixture.ts';
import { turn } from './storage-run.ts';

function segmentNames(fixture: LogFixture): string[] {
  return fixture.disk.paths.filter((path) => path.endsWith('.segment'));
}

test('a segment of which less than half is needed is copied forward and recycled; ids keep their order', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const entries = await fixture.fill(3);
  const [first] = segmentNames(fixture);
  const kept = entries.filter((_, index) => index % 5 === 0);
  fixture.settleEntries(...entries.filter((id) => !kept.includes(id)));
  await fixture.settle();
  assert.ok(!segmentNames(fixture).includes(first as string));
  assert.ok(fixture.log.stats().compactions >= 2);
  for (const id of kept) assert.equal((await fixture.readBack(id - 1)).length, 1024);
  fixture.crash();
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), kept);
  for (const id of kept) assert.equal((await fixture.readBack(id - 1)).length, 1024);
  await fixture.close();
});

test('a segment of which half or more is needed stays', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const entries = await fixture.fill(3);
  fixture.settleEntries(...entries.filter((_, index) => index % 3 === 0));
  await fixture.settle();
  assert.equal(fixture.log.stats().compactions, 0);
  await fixture.close();
});

test('disk use is bounded by twice the needed bytes and a few segments, whatever comes and goes', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const live: number[] = [];
  for (let round = 0; round < 40; round++) {
    live.push(...(await fixture.fill(1)));
    while (live.length > 30) fixture.settleEntries(live.splice((round * 7) % live.length, 1)[0] as number);
    await fixture.settle();
    const { neededBytes, diskBytes } = fixture.log.stats();
    assert.ok(diskBytes <= 2 * neededBytes + 4 * SEGMENT_BYTES + RESERVE_BYTES, `${diskBytes} for ${neededBytes}`);
    assert.equal(diskBytes, fixture.disk.usedBytes - sidecarBytes(fixture));
  }
  await fixture.close();
  await fixture.open();
  assert.deepEqual(
    fixture.liveIds(),
    live.toSorted((a, b) => a - b),
  );
  await fixture.close();
});

function sidecarBytes(fixture: LogFixture): number {
  let sum = 0;
  for (const path of fixture.disk.paths) {
    if (path.endsWith('.index')) fixture.disk.damage(path, (content) => (sum += content.length));
  }
  return sum;
}

test('a gone outlives its own segment for as long as what it kills is on disk', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const early = await fixture.fill(2);
  const [first] = segmentNames(fixture);
  // One dead message in a segment that stays.
  const dead = early[0] as number;
  fixture.settleEntries(dead);
  for (let round = 0; round < 4; round++) {
    fixture.settleEntries(...(await fixture.fill(1)));
    await fixture.settle();
  }
  const names = segmentNames(fixture);
  assert.ok(names.includes(first as string) && !names.includes('/data/0000000000000002.segment'));
  fixture.crash();
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), early.slice(1));
  await fixture.close();
});

test('a change that was superseded stays dead when the one that superseded it is dead and recycled', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const { entry } = fixture.send('owner');
  let change = fixture.change(entry, 'version 0');
  await fixture.fill(2);
  for (let version = 1; version <= 5; version++) {
    change = fixture.change(entry, `version ${version}`, change);
    fixture.settleEntries(...(await fixture.fill(2)));
    await fixture.settle();
  }
  fixture.crash();
  await fixture.open();
  const changes = fixture.told.filter(({ kind }) => kind === 3).map(({ bytes }) => bytes);
  assert.deepEqual(changes, ['version 5']);
  await fixture.close();
});

test('an interrupted compaction goes on after a restart, before anything else is recycled', async () => {
  for (let steps = 1; steps < 60; steps += 3) {
    const fixture = new LogFixture({ seed: steps });
    await fixture.open();
    const entries = await fixture.fill(4);
    const kept = entries.filter((_, index) => index % 4 === 0);
    fixture.settleEntries(...entries.filter((id) => !kept.includes(id)));
    fixture.clock.advance(0);
    for (let step = 0; step < steps; step++) {
      fixture.clock.advance(0);
      await turn();
    }
    fixture.crash('process');
    await fixture.open();
    assert.deepEqual(fixture.liveIds(), kept);
    const rest = kept.splice(0, kept.length / 2);
    fixture.settleEntries(...rest);
    await fixture.settle();
    fixture.crash();
    await fixture.open();
    assert.deepEqual(fixture.liveIds(), kept);
    await fixture.close();
  }
});

test('a body can be read while its segment is being recycled', async () => {
  const fixture = new LogFixture({ latencyMs: { min: 1, max: 5 } });
  await fixture.open({ cacheBytes: 0 });
  const entries = await fixture.fill(3);
  const kept = entries.filter((_, index) => index % 4 === 0);
  fixture.settleEntries(...entries.filter((id) => !kept.includes(id)));
  for (let round = 0; round < 200; round++) {
    const id = kept[round % kept.length] as number;
    const bytes = await fixture.readBack(id - 1);
    assert.ok(bytes.length === 1024 && bytes.every((byte) => byte === bytes[0]));
    fixture.clock.advance(1);
    await turn();
  }
  assert.ok(fixture.log.stats().compactions >= 2);
  await fixture.close();
});

test('damage found while copying stops the log instead of losing a record', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const entries = await fixture.fill(3);
  fixture.disk.damage('/data/0000000000000001.segment', (content) => (content[64 + 17 + 20] = 0xff));
  fixture.settleEntries(...entries.slice(1));
  await fixture.settle();
  assert.deepEqual(fixture.failures.map(codeOf), ['DATA_CORRUPT']);
  await fixture.close();
});

test('an entry that changes again and again takes no more room than its last change, whatever happens to it later', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  // More than half of the first segment stays needed, so it keeps what is dead in it, and that must be kept dead.
  const { entry } = fixture.send('body');
  await fixture.settle();
  const kept = Array.from({ length: 4 }, () => fixture.send(Buffer.alloc(SEGMENT_BYTES / 6)).entry);
  let change = fixture.change(entry, 'first');
  for (let count = 0; count < 1000; count++) {
    change = fixture.change(entry, `state ${count} `.repeat(20), change);
    if (count % 10 === 0) await fixture.settle();
    if (count % 100 === 0) {
      fixture.crash('process');
      await fixture.open();
    }
  }
  await fixture.settle();
  assert.ok(fixture.log.stats().segments < 5, `${fixture.log.stats().segments} segments`);
  fixture.crash('power');
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), [entry, ...kept, change]);
  fixture.settleEntries(entry);
  await fixture.settle();
  fixture.crash('power');
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), kept);
  await fixture.close();
});
