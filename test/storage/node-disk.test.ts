import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeDisk } from '../../src/runtime/node-disk.ts';
import { Log, RecordKind } from '../../src/storage/index.ts';

async function inTemporaryFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-disk-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('files of the node disk: parts in order, short reads at the end, only the owner may read', async () => {
  await inTemporaryFolder(async (parent) => {
    const folder = `${parent}/a/b`;
    await nodeDisk.makeFolder(folder);
    const path = `${folder}/file`;
    const created = await nodeDisk.open(path, 'create');
    await created.write([Buffer.from('one '), Buffer.alloc(0), Buffer.from('two')], 0);
    await created.writeDurably([Buffer.from('!')], 7);
    await created.sync();
    await created.close();
    const file = await nodeDisk.open(path, 'write');
    await file.writeDurably([Buffer.from('T')], 4);
    await file.writeDurably([], 0);
    assert.equal(await file.size(), 8);
    const into = Buffer.alloc(20);
    assert.equal(await file.read(into, 4), 4);
    assert.equal(into.toString('utf8', 0, 4), 'Two!');
    await file.close();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await nodeDisk.rename(path, `${folder}/other`);
    await nodeDisk.remove(`${folder}/missing`);
    await nodeDisk.syncFolder(folder);
    assert.deepEqual(await nodeDisk.list(folder), ['other']);
    await assert.rejects(nodeDisk.open(path, 'read'), { code: 'ENOENT' });
  });
});

test('a log on the node disk: durable, compacted and recovered', async () => {
  await inTemporaryFolder(async (folder) => {
    let live: number[] = [];
    let wake = (): void => {};
    const open = (): Promise<Log> =>
      Log.open({
        disk: nodeDisk,
        clock: systemClock,
        folder,
        segmentBytes: 64 * 1024,
        reserveBytes: 32 * 1024,
        cacheBytes: 0,
        onRecord: ({ id }, isLive) => {
          if (isLive) live.push(id);
        },
        onDurable: () => wake(),
        onFailed: (error) => {
          throw error;
        },
      });
    const durable = async (log: Log): Promise<void> => {
      while (log.durable < log.appended) await new Promise<void>((resolve) => (wake = resolve));
    };
    const log = await open();
    const entries: number[] = [];
    for (let count = 0; count < 500; count++) {
      const body = log.nextId();
      const entry = log.nextId();
      log.append(
        [
          { kind: RecordKind.body, id: body, refs: [], bytes: Buffer.alloc(1000, count % 256) },
          { kind: RecordKind.entry, id: entry, refs: [body], bytes: Buffer.from('fields') },
        ],
        'send',
      );
      entries.push(entry);
      if (count % 10 === 9) await durable(log);
    }
    const kept = entries.filter((_, index) => index % 10 === 0);
    for (const entry of entries) {
      if (!kept.includes(entry))
        log.append([{ kind: RecordKind.gone, id: log.nextId(), refs: [entry], bytes: [] }], 'settle');
    }
    await durable(log);
    while (log.stats().compactions < 5) {
      log.append([{ kind: RecordKind.entry, id: log.nextId(), refs: [], bytes: Buffer.alloc(10) }], 'settle');
      await durable(log);
    }
    await log.close();
    live = [];
    const again = await open();
    assert.deepEqual(live.slice(0, kept.length), kept);
    for (const [index, entry] of kept.entries()) {
      const bytes = await again.read(entry - 1);
      assert.ok(bytes.length === 1000 && bytes[0] === (index * 10) % 256);
    }
    await again.close();
  });
});
