import assert from 'node:assert/strict';
import { appendFile, copyFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { FollowedFiles } from '../../../src/retraining/monitors/followed-files.ts';
import type { FilePositions, FollowedFilesOptions } from '../../../src/retraining/monitors/followed-files.ts';
import { fileReader } from '../../../src/runtime/read-file.ts';
import { temporaryFolder } from '../temporary-folder.ts';

interface Follower {
  readonly path: string;
  /** Everything that is new: the values of the column `v`, `!` and a reason for what is no row, `<` for a restart. */
  readonly read: () => Promise<string[]>;
  readonly positions: () => FilePositions;
}

async function follower(
  t: TestContext,
  { name = 'errors.csv', ...options }: Partial<FollowedFilesOptions> & { name?: string } = {},
): Promise<Follower> {
  const folder = await temporaryFolder(t);
  const path = join(folder, name);
  const format = { kind: 'csv', delimiter: ',' } as const;
  const files = new FollowedFiles({ path, format, needed: ['v'], reader: fileReader, ...options });
  let positions: FilePositions = {};
  return {
    path,
    positions: () => positions,
    async read() {
      const found: string[] = [];
      for (;;) {
        const batch = await files.next(positions);
        if (!batch) return found;
        if (batch.restarted) found.push(`<${batch.restarted}`);
        for (const row of batch.rows) found.push('bad' in row ? `!${row.bad}` : String(row.fields['v']));
        positions = JSON.parse(JSON.stringify(await batch.positionsAt())) as FilePositions;
        await batch.close();
      }
    },
  };
}

test('rows that are added are read once', async (t) => {
  const { path, read } = await follower(t);
  assert.deepEqual(await read(), []);
  await writeFile(path, 'time,v\n1,a\n');
  assert.deepEqual(await read(), ['a']);
  assert.deepEqual(await read(), []);
  await appendFile(path, '2,b\n3,c\n');
  assert.deepEqual(await read(), ['b', 'c']);
});

test('a half-written line waits for its end, also in the header and within a character', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,');
  assert.deepEqual(await read(), []);
  await appendFile(path, 'v\n1,a\n2,');
  assert.deepEqual(await read(), ['a']);
  const umlaut = Buffer.from('ä\n');
  await appendFile(path, umlaut.subarray(0, 1));
  assert.deepEqual(await read(), []);
  await appendFile(path, umlaut.subarray(1));
  assert.deepEqual(await read(), ['ä']);
});

test('a byte order mark, CRLF, empty lines and quoted line feeds are no part of values', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, '\ufefftime,v\r\n1,a\r\n\r\n2,"b ""and""\r\nc, d"\r\n3,e\r\n');
  assert.deepEqual(await read(), ['a', 'b "and"\r\nc, d', 'e']);
});

test('a quoted field that is half written is not taken for a row', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,"a\n');
  assert.deepEqual(await read(), []);
  await appendFile(path, 'b"\n2,c\n');
  assert.deepEqual(await read(), ['a\nb', 'c']);
});

test('a bad line costs itself, not those around it', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,a\n2\n3,5" pipe\n4,b,more\n5,c\n');
  assert.deepEqual(await read(), [
    'a',
    '!the line has 1 columns, the header 2',
    '5" pipe',
    '!the line has 3 columns, the header 2',
    'c',
  ]);
});

test('a quote that nobody closes swallows no more than one record may have', async (t) => {
  const { path, read } = await follower(t);
  const lines = Array.from({ length: 10_000 }, (_, index) => `${index},value${index}`);
  await writeFile(path, `time,v\n0,"open\n${lines.join('\n')}\n`);
  const [first, ...others] = await read();
  assert.equal(first, '!the line is too long');
  assert.equal(others.length, lines.length);
});

test('more than is read at a time is read in parts, each row once', async (t) => {
  const { path, read } = await follower(t);
  const values = Array.from({ length: 60_000 }, (_, index) => `value "${index}", äöü ${'x'.repeat(index % 60)}`);
  const quoted = values.map((value, index) => `${index},"${value.replaceAll('"', '""')}"`);
  await writeFile(path, `time,v\n${quoted.join('\n')}\n`);
  assert.deepEqual(await read(), values);
});

test('lines of JSON are read the same way, and what is none is told', async (t) => {
  const { path, read } = await follower(t, { format: { kind: 'jsonLines' }, needed: [] });
  await writeFile(path, '{"v":1}\n{"v":2\n[3]\n{"v":4}\n{"v":');
  assert.deepEqual(await read(), ['1', '!the line is not a JSON object', '!the line is not a JSON object', '4']);
  await appendFile(path, '5}\n');
  assert.deepEqual(await read(), ['5']);
});

test('a file that is truncated or says something else is read from its beginning', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,a\n2,b\n');
  assert.deepEqual(await read(), ['a', 'b']);
  await truncate(path);
  await appendFile(path, 'time,v\n3,c\n');
  assert.deepEqual(await read(), ['<truncated', 'c']);
  await writeFile(path, 'time,v\n4,dd\n5,e\n6,f\n');
  assert.deepEqual(await read(), ['<replaced', 'dd', 'e', 'f']);
});

test('a file that is written anew with the same rows and more goes on behind those that are known', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,a\n');
  assert.deepEqual(await read(), ['a']);
  await writeFile(`${path}.new`, 'time,v\n1,a\n2,b\n');
  await rename(`${path}.new`, path);
  assert.deepEqual(await read(), ['b']);
});

test('a file that was rotated is read to its end under its new name, before the one that follows it', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,a\n');
  assert.deepEqual(await read(), ['a']);
  await appendFile(path, '2,b\n');
  await rename(path, `${path}.1`);
  await writeFile(path, 'time,v\n3,c\n');
  assert.deepEqual(await read(), ['b', 'c']);
  await rename(`${path}.1`, `${path}.2`);
  await rename(path, `${path}.1`);
  await writeFile(path, 'time,v\n4,d\n');
  assert.deepEqual(await read(), ['d']);
});

test('a copy that was made before the file is emptied does not come again', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,a\n2,b\n');
  assert.deepEqual(await read(), ['a', 'b']);
  await copyFile(path, `${path}.1`);
  await truncate(path);
  await appendFile(path, 'time,v\n3,c\n');
  assert.deepEqual(await read(), ['<truncated', 'c']);
});

test('a file that is gone for a while is the same when it is back', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time,v\n1,a\n');
  assert.deepEqual(await read(), ['a']);
  await rename(path, `${path}.away`);
  assert.deepEqual(await read(), []);
  await rename(`${path}.away`, path);
  await appendFile(path, '2,b\n');
  assert.deepEqual(await read(), ['b']);
});

test('a star stands for files that come one after the other; those that are gone are forgotten', async (t) => {
  const { path, read, positions } = await follower(t, { name: 'errors-*.csv' });
  const day = (name: string): string => path.replace('*', name);
  await writeFile(day('2026-01-02'), 'time,v\n2,b\n');
  await writeFile(day('2026-01-01'), 'v,time\na,1\n');
  await writeFile(`${day('x')}.bak`, 'time,v\n9,x\n');
  assert.deepEqual(await read(), ['a', 'b']);
  await writeFile(day('2026-01-03'), 'time,v\n3,c\n');
  await appendFile(day('2026-01-02'), '2,late\n');
  await rm(day('2026-01-01'));
  assert.deepEqual(await read(), ['late', 'c']);
  assert.deepEqual(Object.keys(positions()), ['errors-2026-01-02.csv', 'errors-2026-01-03.csv']);
});

test('a header without the column is told with those that are there, and nothing is passed over', async (t) => {
  const { path, read } = await follower(t);
  await writeFile(path, 'time;v\n1;a\n');
  await assert.rejects(read(), { code: 'CONFIGURATION_INVALID', message: /has no column "v", but time;v/ });
});

test('of files that do not grow, a last line without a line feed is a row', async (t) => {
  const { path, read } = await follower(t, { complete: true });
  await writeFile(path, 'time,v\n1,a\n2,b');
  assert.deepEqual(await read(), ['a', 'b']);
});
