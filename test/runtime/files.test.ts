import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { files } from '../../src/runtime/files.ts';
import { nodeDisk } from '../../src/runtime/node-disk.ts';
import { temporaryFolder } from '../retraining/temporary-folder.ts';

test('an atomic write replaces the whole file and leaves nothing else behind', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'new', 'deep', 'a.json');
  await files.writeAtomic(path, 'one');
  await files.writeAtomic(path, Buffer.from('two'));
  assert.equal(await files.readText(path), 'two');
  assert.deepEqual(await readdir(join(folder, 'new', 'deep')), ['a.json']);
});

test('of many that create the same name at once, exactly one does, and its content is whole', async (t) => {
  const path = join(await temporaryFolder(t), 'once');
  const created = await Promise.all(Array.from({ length: 20 }, (_, i) => files.create(path, String(i).repeat(1000))));
  assert.equal(created.filter(Boolean).length, 1);
  assert.equal(await files.readText(path), String(created.indexOf(true)).repeat(1000));
});

test('what is not there is undefined or empty, and can be removed', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'nothing', 'here');
  assert.equal(await files.readText(path), undefined);
  assert.equal(await files.size(path), undefined);
  assert.equal(await files.digest(path), undefined);
  assert.deepEqual(await files.list(path), []);
  await files.remove(path);
});

test('a file over the limit is not read', async (t) => {
  const path = join(await temporaryFolder(t), 'large');
  await writeFile(path, 'x'.repeat(11));
  await assert.rejects(files.readText(path, { maxBytes: 10 }), {
    code: 'DATA_CORRUPT',
    message: /11 bytes, over the limit of 10/,
  });
});

test('a list is sorted and does not show what a crash left of a write', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['b', 'a', '.a.0123456789ab.tmp']) await writeFile(join(folder, name), '');
  assert.deepEqual(await files.list(folder), ['a', 'b']);
});

test('a copy of a folder has the same digest and size; any change has another', async (t) => {
  const folder = await temporaryFolder(t);
  const [from, to] = [join(folder, 'from'), join(folder, 'sub', 'to')];
  await mkdir(join(from, 'inner'), { recursive: true });
  await mkdir(join(from, 'empty'));
  await writeFile(join(from, 'inner', 'model.bin'), Buffer.alloc(100_000, 7));
  await writeFile(join(from, 'readme'), 'x');
  await chmod(join(from, 'readme'), 0o444);
  await files.copy(from, to);
  const digest = await files.digest(from);
  assert.match(digest ?? '', /^[0-9a-f]{64}$/);
  assert.equal(await files.digest(to), digest);
  assert.equal(await files.size(to), 100_001);
  await writeFile(join(to, 'inner', 'model.bin'), Buffer.alloc(100_000, 8));
  assert.notEqual(await files.digest(to), digest);
  await files.rename(to, join(folder, 'moved'));
  assert.equal(await files.size(join(folder, 'moved', 'readme')), 1);
});

test("a file's digest is the SHA-256 of its bytes, as sha256sum prints it", async (t) => {
  const path = join(await temporaryFolder(t), 'abc');
  await writeFile(path, 'abc');
  assert.equal(await files.digest(path), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('a link is no artifact', async (t) => {
  const folder = await temporaryFolder(t);
  await symlink('/etc/hostname', join(folder, 'link'));
  await assert.rejects(files.digest(folder), { code: 'ARGUMENT_INVALID' });
  await assert.rejects(files.copy(folder, `${folder}-copy`), { code: 'ARGUMENT_INVALID' });
  await files.remove(`${folder}-copy`);
});

test('a bounded file keeps its newest lines, whole', async (t) => {
  const path = join(await temporaryFolder(t), 'log', 'lines');
  for (let i = 0; i < 100; i++) await files.appendLine(path, `line ${i}`, { maxBytes: 200 });
  const text = await readFile(path, 'utf8');
  const lines = text.trimEnd().split('\n');
  assert.ok(Buffer.byteLength(text) <= 200);
  assert.ok(lines.length >= 10, `${lines.length} lines`);
  assert.deepEqual(
    lines,
    Array.from({ length: lines.length }, (_, i) => `line ${100 - lines.length + i}`),
  );
});

test(
  'a folder that cannot be made is refused, and nobody waits for it',
  { skip: process.platform !== 'linux' && 'there is no /proc' },
  async () => {
    await assert.rejects(files.makeFolder('/proc/nowhere/below'), { code: 'ENOENT' });
    await assert.rejects(nodeDisk.makeFolder('/proc/nowhere'), { code: 'ENOENT' });
  },
);
