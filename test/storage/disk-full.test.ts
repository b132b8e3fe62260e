import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordKind } from '../../src/storage/index.ts';
import { codeOf, LogFixture, RESERVE_BYTES, SEGMENT_BYTES } from './log-fixture.ts';

const CAPACITY_BYTES = 4 * SEGMENT_BYTES + RESERVE_BYTES;

function isFull(error: unknown): boolean {
  return codeOf(error) === 'DISK_FULL';
}

async function fillDisk(fixture: LogFixture): Promise<number[]> {
  const entries: number[] = [];
  for (;;) {
    try {
      entries.push(fixture.send(Buffer.alloc(1024)).entry);
    } catch (error) {
      assert.ok(isFull(error));
      return entries;
    }
    await fixture.settle();
  }
}

test('a full disk refuses to send, and settling goes on until there is room to send again', async () => {
  const fixture = new LogFixture({ capacityBytes: CAPACITY_BYTES });
  await fixture.open();
  const entries = await fillDisk(fixture);
  assert.ok(entries.length > 30);
  assert.ok(fixture.log.stats().full);
  assert.match(fullMessage(fixture), /^no room for another segment in data folder \/data; free disk space, or receive/);
  for (const entry of entries) {
    fixture.settleEntries(entry);
    await fixture.settle();
  }
  fixture.clock.advance(10_000);
  await fixture.settle();
  assert.ok(!fixture.log.stats().full);
  fixture.send('again');
  await fixture.close();
  assert.deepEqual(fixture.failures, []);
});

function fullMessage(fixture: LogFixture): string {
  try {
    fixture.send(Buffer.alloc(1024));
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

test('what was acknowledged on a full disk is there after a power cut', async () => {
  const fixture = new LogFixture({ capacityBytes: CAPACITY_BYTES });
  await fixture.open();
  const entries = await fillDisk(fixture);
  const settled = entries.filter((_, index) => index % 2 === 0);
  for (const entry of settled) fixture.settleEntries(entry);
  await fixture.settle();
  fixture.crash();
  await fixture.open();
  const left = entries.filter((entry) => !settled.includes(entry));
  assert.deepEqual(fixture.liveIds(), left);
  fixture.settleEntries(...left);
  await fixture.close();
});

/** Does it until the disk is full. */
async function untilFull(fixture: LogFixture, act: () => void): Promise<void> {
  try {
    for (;;) {
      act();
      await fixture.settle();
    }
  } catch (error) {
    assert.ok(isFull(error));
  }
}

test('on a full disk messages move on until a share of the reserve is left, so that settlements give room back', async () => {
  const fixture = new LogFixture({ capacityBytes: CAPACITY_BYTES });
  const log = await fixture.open();
  const messages: { body: number; entry: number }[] = [];
  await untilFull(fixture, () => messages.push(fixture.send(Buffer.alloc(500))));
  await untilFull(fixture, () => {
    const oldest = messages.shift() as { body: number; entry: number };
    const { body } = oldest;
    const entry = log.nextId();
    const moved = { kind: RecordKind.entry, id: entry, refs: [body], bytes: Buffer.alloc(50) };
    log.append([moved, { kind: RecordKind.gone, id: log.nextId(), refs: [oldest.entry], bytes: [] }], 'move');
    messages.push({ body, entry });
  });
  for (const { entry } of messages) {
    fixture.settleEntries(entry);
    await fixture.settle();
  }
  fixture.clock.advance(10_000);
  await fixture.settle();
  fixture.send('again');
  await fixture.close();
});

test('the reserve takes settlements when the tail is full to the brim', async () => {
  const fixture = new LogFixture({ capacityBytes: CAPACITY_BYTES });
  await fixture.open();
  const [first] = await fillDisk(fixture);
  for (let count = 0; fixture.disk.paths.some((path) => path.includes('reserve')); count++) {
    assert.ok(count < 100, 'the reserve is never taken');
    fixture.change(first as number, 'y'.repeat(500));
    await fixture.settle();
  }
  assert.throws(() => fixture.send('small'), isFull);
  await fixture.close();
});

test('room that somebody else gives back is found by trying again', async () => {
  const fixture = new LogFixture({ capacityBytes: CAPACITY_BYTES });
  await fixture.open();
  await fillDisk(fixture);
  fixture.disk.capacityBytes *= 2;
  fixture.clock.advance(10_000);
  await fixture.settle();
  fixture.send(Buffer.alloc(1024));
  assert.ok(!fixture.log.stats().full);
  await fixture.close();
});

test('a disk without room for the reserve opens, and takes nothing in', async () => {
  const fixture = new LogFixture({ capacityBytes: RESERVE_BYTES - 1 });
  await fixture.open();
  assert.throws(() => fixture.send('small'), isFull);
  await fixture.close();
});

test('a new log opens with its reserve; what is sent waits for the first segment, and too much is announced before it is refused', async () => {
  const fixture = new LogFixture({ latencyMs: { min: 5, max: 5 } });
  const log = await fixture.open();
  assert.deepEqual(
    fixture.disk.paths.filter((path) => /spare|segment/.test(path)),
    [],
  );
  assert.ok(fixture.disk.paths.some((path) => path.includes('reserve')));
  assert.ok(!log.congested);
  while (!log.congested) fixture.send(Buffer.alloc(200));
  // A batch of the largest size still goes in.
  fixture.send(Buffer.alloc(log.maxBatchBytes - 100));
  assert.throws(() => {
    for (;;) fixture.send(Buffer.alloc(200));
  }, isFull);
  const { appended } = log;
  assert.equal(log.durable, 0);
  await fixture.settle();
  assert.equal(log.durable, appended);
  assert.ok(!log.congested);
  fixture.send(Buffer.alloc(200));
  await fixture.close();
});

test('with room for the reserve alone a new log takes in a little, and settling goes on', async () => {
  const fixture = new LogFixture({ capacityBytes: RESERVE_BYTES + SEGMENT_BYTES / 2 });
  await fixture.open();
  const { entry } = fixture.send('first');
  await fixture.settle();
  assert.equal(fixture.log.durable, 1);
  assert.ok(fixture.log.stats().full);
  assert.throws(() => fixture.send('second'), isFull);
  let change = fixture.change(entry, 'a');
  for (let count = 0; count < 20; count++) change = fixture.change(entry, 'b'.repeat(100), change);
  await fixture.settle();
  fixture.crash();
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), [entry, change]);
  await fixture.close();
  assert.deepEqual(fixture.failures, []);
});

test('a disk that fails while the first segment is prepared fails the log, which can still be closed', async () => {
  for (const operation of ['write', 'rename', 'syncFolder'] as const) {
    const fixture = new LogFixture({ latencyMs: { min: 5, max: 5 } });
    await fixture.open();
    fixture.send('waits');
    fixture.disk.failNth(operation, 1);
    const flushed = assert.rejects(fixture.log.flushed());
    await fixture.settle();
    await flushed;
    assert.deepEqual(fixture.failures.map(codeOf), ['DISK_FAILED']);
    assert.equal(fixture.log.durable, 0);
    await fixture.close();
  }
});
