import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMAT_VERSION } from '../../src/storage/segment-file.ts';
import { codeOf, LogFixture, SEGMENT_BYTES } from './log-fixture.ts';

const FIRST = '/data/0000000000000001.segment';

test('entries are told by rising id, dead ones too, and of the changes only the live', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const first = fixture.send('one', 'first');
  const second = fixture.send('two', 'second');
  const old = fixture.change(second.entry, 'old');
  const current = fixture.change(second.entry, 'current', old);
  const other = fixture.change(second.entry, 'other');
  const orphan = fixture.change(first.entry, 'orphan');
  fixture.settleEntries(first.entry);
  await fixture.close();
  await fixture.open();
  assert.deepEqual(
    fixture.told.map(({ id, bytes, live }) => ({ id, bytes, live })),
    [
      { id: first.entry, bytes: 'first', live: false },
      { id: second.entry, bytes: 'second', live: true },
      { id: current, bytes: 'current', live: true },
      { id: other, bytes: 'other', live: true },
    ],
  );
  assert.ok(fixture.log.nextId() > orphan);
  await fixture.close();
});

test('a batch of which the end is missing is cut off whole', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const kept = fixture.send('kept');
  await fixture.settle();
  const used = 64 + fixture.log.stats().neededBytes;
  fixture.send(Buffer.alloc(3000, 1), 'torn');
  await fixture.settle();
  fixture.crash();
  fixture.disk.damage(FIRST, (content) => content.fill(0, used + 2000));
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), [kept.entry]);
  await fixture.settle();
  fixture.disk.damage(FIRST, (content) => {
    assert.ok(content.subarray(used + 100).every((byte) => byte === 0));
  });
  await fixture.close();
});

test('a bad checksum before a later write refuses to start, naming the file and the offset', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  fixture.send('first');
  await fixture.settle();
  fixture.send('second');
  await fixture.settle();
  fixture.crash();
  // The header takes 64 bytes, the mark of the first write 17, the head of a frame and of a record 19.
  fixture.disk.damage(FIRST, (content) => (content[64 + 17 + 20] = 0xff));
  await assert.rejects(fixture.open(), (error: Error) => {
    assert.equal(codeOf(error), 'DATA_CORRUPT');
    assert.match(error.message, /^\/data\/0000000000000001\.segment, offset 81: a record fails its checksum; restore/);
    return true;
  });
});

test('after a clean close damage to the last write is damage, not a torn write', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  fixture.send('only');
  await fixture.close();
  fixture.disk.damage(FIRST, (content) => (content[64 + 17 + 20] = 0xff));
  await assert.rejects(fixture.open(), (error) => codeOf(error) === 'DATA_CORRUPT');
});

test('zeros in the middle of a log are damage', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  for (let count = 0; count < 5; count++) {
    fixture.send(Buffer.alloc(300));
    await fixture.settle();
  }
  fixture.crash();
  fixture.disk.damage(FIRST, (content) => content.fill(0, 64, 600));
  await assert.rejects(fixture.open(), (error) => codeOf(error) === 'DATA_CORRUPT');
});

test('a format version of another release refuses to start, naming both versions', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  fixture.send('first');
  await fixture.close();
  for (const other of [FORMAT_VERSION - 1, FORMAT_VERSION + 1]) {
    fixture.disk.damage(FIRST, (content) => content.writeUInt32LE(other, 8));
    await assert.rejects(fixture.open(), (error: Error) => {
      assert.equal(codeOf(error), 'DATA_VERSION');
      assert.ok(error.message.includes(`version ${other}`) && error.message.includes(`version ${FORMAT_VERSION}`));
      return true;
    });
  }
});

test('a file that is no segment refuses to start', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  fixture.send('first');
  await fixture.close();
  fixture.disk.damage(FIRST, (content) => content.fill(0x20, 0, 8));
  await assert.rejects(fixture.open(), (error) => codeOf(error) === 'DATA_CORRUPT');
});

test('a live entry whose segment is there and whose body is not refuses to start', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const [first] = await fixture.fill(2);
  fixture.send('x');
  fixture.log.append(
    [{ kind: 2, id: fixture.log.nextId(), refs: [(first as number) - 1], bytes: Buffer.from('holder') }],
    'send',
  );
  await fixture.close();
  void fixture.disk.remove(FIRST);
  await assert.rejects(fixture.open(), (error) => codeOf(error) === 'DATA_CORRUPT');
});

test('a sealed segment is recovered from its sidecar: damage to a body shows when it is read', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const entries = await fixture.fill(2);
  await fixture.close();
  assert.ok(fixture.disk.paths.includes('/data/0000000000000001.index'));
  fixture.disk.damage(FIRST, (content) => (content[64 + 17 + 20] = 0xff));
  await fixture.open();
  assert.deepEqual(fixture.liveIds(), entries);
  const body = (entries[0] as number) - 1;
  await assert.rejects(fixture.readBack(body), (error) => codeOf(error) === 'DATA_CORRUPT');
  await fixture.close();
});

for (const harm of ['missing', 'cut', 'damaged'] as const) {
  test(`a ${harm} sidecar is made again from its segment`, async () => {
    const fixture = new LogFixture();
    await fixture.open();
    const entries = await fixture.fill(2);
    await fixture.close();
    const sidecar = '/data/0000000000000001.index';
    if (harm === 'missing') void fixture.disk.remove(sidecar);
    else fixture.disk.damage(sidecar, (content) => content.fill(0xff, harm === 'cut' ? 10 : 200));
    await fixture.open();
    assert.deepEqual(fixture.liveIds(), entries);
    await fixture.settle();
    assert.ok(fixture.disk.paths.includes(sidecar));
    await fixture.close();
    fixture.disk.damage(FIRST, (content) => content.fill(0, 200, SEGMENT_BYTES));
    await fixture.open();
    assert.deepEqual(fixture.liveIds(), entries);
    await fixture.close();
  });
}

test('a sealed segment without a sidecar that has lost its end refuses to start', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  await fixture.fill(2);
  await fixture.close();
  void fixture.disk.remove('/data/0000000000000001.index');
  fixture.disk.damage(FIRST, (content) => content.fill(0, 8000));
  await assert.rejects(fixture.open(), (error) => codeOf(error) === 'DATA_CORRUPT');
});

test('ids go on rising when every record that bore one is gone', async () => {
  const fixture = new LogFixture();
  await fixture.open();
  const entries = await fixture.fill(2);
  fixture.settleEntries(...entries);
  await fixture.settle();
  const last = fixture.log.nextId();
  await fixture.close();
  await fixture.open();
  assert.ok(fixture.log.nextId() >= last);
  await fixture.close();
});
