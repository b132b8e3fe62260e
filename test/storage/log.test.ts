import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogRecord, RecordKind } from '../../src/storage/index.ts';
import { codeOf, LogFixture } from './log-fixture.ts';
import { turn } from './storage-run.ts';

test('what one turn appends is written and synced together', async () => {
  const fixture = new LogFixture();
  const log = await fixture.open();
  fixture.send('first');
  await fixture.settle();
  const { write, sync } = fixture.disk.calls;
  for (let count = 0; count < 50; count++) fixture.send(`message ${count}`);
  assert.equal(log.durable, 1);
  await fixture.settle();
  assert.equal(log.durable, 51);
  assert.equal(fixture.disk.calls.write - write, 1);
  assert.equal(fixture.disk.calls.sync - sync, 1);
  assert.deepEqual(fixture.durable, [1, 51]);
  await fixture.close();
});

test('exactly one write is under way, and what arrives meanwhile is the next', async () => {
  const fixture = new LogFixture({ latencyMs: { min: 10, max: 10 } });
  const log = await fixture.open();
  fixture.send('first');
  await fixture.settle();
  const before = fixture.disk.calls.write;
  fixture.send('a');
  fixture.clock.advance(0);
  for (const text of ['b', 'c', 'd']) {
    fixture.send(text);
    fixture.clock.advance(1);
    await turn();
  }
  assert.equal(fixture.disk.calls.write - before, 1);
  await fixture.settle();
  assert.equal(fixture.disk.calls.write - before, 2);
  assert.deepEqual(fixture.durable, [1, 2, 5]);
  assert.equal(log.durable, log.appended);
  await fixture.close();
});

test('append copies: the caller may use its memory again at once', async () => {
  const fixture = new LogFixture();
  const log = await fixture.open();
  const memory = Buffer.from('before');
  const { body } = fixture.send(memory);
  const id = log.nextId();
  log.append([{ kind: RecordKind.entry, id, refs: [body], bytes: [memory, Buffer.from('!')] }], 'send');
  memory.fill(0);
  assert.equal((log.read(body) as Buffer).toString(), 'before');
  await fixture.close();
  await fixture.open();
  assert.equal(fixture.told.at(-1)?.bytes, 'before!');
  assert.equal((await fixture.readBack(body)).toString(), 'before');
  await fixture.close();
});

test('a body is read at once while it is not durable or cached, and from the disk later', async () => {
  const fixture = new LogFixture();
  const log = await fixture.open({ cacheBytes: 0 });
  const { body } = fixture.send('body');
  assert.ok(Buffer.isBuffer(log.read(body)));
  await fixture.settle();
  await fixture.fill(20);
  const { body: recent } = fixture.send('recent');
  assert.ok(Buffer.isBuffer(log.read(recent)));
  await fixture.settle();
  assert.ok(!Buffer.isBuffer(log.read(body)));
  assert.equal((await fixture.readBack(body)).toString(), 'body');
  await fixture.close();
});

test('a record that breaks the rules of its kind is refused, and nothing of its batch is appended', async () => {
  const fixture = new LogFixture();
  const log = await fixture.open();
  const { body, entry } = fixture.send('body');
  fixture.settleEntries(entry);
  const { entry: live, body: heldBody } = fixture.send('live');
  const bytes = Buffer.alloc(0);
  const id = log.nextId();
  const broken: LogRecord[] = [
    { kind: RecordKind.entry, id, refs: [body], bytes },
    { kind: RecordKind.entry, id, refs: [live], bytes },
    { kind: RecordKind.entry, id: id + 5, refs: [], bytes },
    { kind: RecordKind.entry, id: live, refs: [], bytes },
    { kind: RecordKind.body, id, refs: [live], bytes },
    { kind: RecordKind.change, id, refs: [], bytes },
    { kind: RecordKind.change, id, refs: [heldBody], bytes },
    { kind: RecordKind.change, id, refs: [live, live], bytes },
    { kind: RecordKind.gone, id, refs: [heldBody], bytes },
    { kind: RecordKind.gone, id, refs: [id], bytes },
  ];
  const { appended } = log;
  for (const record of broken) {
    assert.throws(
      () => log.append([{ kind: RecordKind.body, id: log.nextId(), refs: [], bytes }, record], 'send'),
      (error) => codeOf(error) === 'ARGUMENT_INVALID',
    );
  }
  assert.equal(log.appended, appended);
  await fixture.close();
});

test('a batch that no segment can take is refused', async () => {
  const fixture = new LogFixture();
  const log = await fixture.open();
  assert.throws(
    () => fixture.send(Buffer.alloc(log.maxBatchBytes)),
    (error) => codeOf(error) === 'MESSAGE_TOO_LARGE',
  );
  fixture.send(Buffer.alloc(log.maxBatchBytes - 100));
  await fixture.close();
  assert.throws(
    () => fixture.send('late'),
    (error) => codeOf(error) === 'INTERRUPTED',
  );
});

for (const operation of ['write', 'sync'] as const) {
  test(`a failed ${operation} is told once, and nothing becomes durable any more`, async () => {
    const fixture = new LogFixture();
    const log = await fixture.open();
    fixture.send('good');
    await fixture.settle();
    fixture.disk.failNth(operation, 1);
    fixture.send('lost');
    await fixture.settle();
    assert.deepEqual(fixture.failures.map(codeOf), ['DISK_FAILED']);
    assert.match(
      fixture.failures[0]?.message ?? '',
      /^data folder \/data failed \(EIO: .*\); check the disk and start again$/,
    );
    assert.equal(log.durable, 1);
    assert.throws(
      () => fixture.send('after'),
      (error) => codeOf(error) === 'DISK_FAILED',
    );
    await fixture.settle();
    assert.deepEqual(fixture.durable, [1]);
    assert.equal(fixture.failures.length, 1);
    await fixture.close();
  });
}

test('a folder is locked while its log is open', async () => {
  const fixture = new LogFixture();
  const log = await fixture.open();
  await assert.rejects(fixture.open(), (error) => codeOf(error) === 'DATA_LOCKED');
  fixture.log = log;
  await fixture.close();
  await fixture.open();
  await fixture.close();
});

test('the snapshot stands first in every new segment and keeps its state when all before it is recycled', async () => {
  const fixture = new LogFixture();
  let counters = { owner: 0, change: 0, value: 0 };
  const snapshot = (): LogRecord[] => {
    if (counters.owner === 0) return [];
    const refs = counters.change ? [counters.owner, counters.change] : [counters.owner];
    counters = { ...counters, change: fixture.log.nextId() };
    return [{ kind: RecordKind.change, id: counters.change, refs, bytes: Buffer.from(`${counters.value}`) }];
  };
  await fixture.open({ snapshot });
  counters.owner = fixture.send('', 'queue').entry;
  for (let round = 0; round < 6; round++) {
    counters.value++;
    fixture.settleEntries(...(await fixture.fill(1)));
    await fixture.settle();
  }
  await fixture.close();
  await fixture.open();
  const live = fixture.told.filter(({ live }) => live);
  assert.deepEqual(
    live.map(({ bytes }) => bytes),
    ['queue', '6'],
  );
  await fixture.close();
});
