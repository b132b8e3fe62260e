import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import { lockFolder } from '../../src/runtime/folder-lock.ts';

const MODULE = new URL('../../src/runtime/folder-lock.js', import.meta.url).href;

/** Takes the lock, says so and stays. */
const HOLDER = `
  const { lockFolder } = await import(${JSON.stringify(MODULE)});
  try { await lockFolder(process.argv[1]); console.log('held'); } catch (error) { console.log(error.code); process.exit(1); }
  process.stdin.resume();
`;

function hold(folder: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', HOLDER, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [data] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return data.toString().trim();
}

async function inTemporaryFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-lock-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a second taker learns the folder and the process id of the owner, and gets it after the release', async () => {
  await inTemporaryFolder(async (folder) => {
    const lock = await lockFolder(folder);
    await assert.rejects(lockFolder(folder), (error: Error) => {
      assert.ok(error instanceof RetrainError && error.code === 'DATA_LOCKED');
      assert.ok(error.message.startsWith(`data folder ${folder} is in use by process ${process.pid};`));
      return true;
    });
    await lock.release();
    const again = await lockFolder(folder);
    await again.release();
    assert.deepEqual(await readdir(folder), []);
  });
});

test('the lock of a process dies with it under SIGKILL and is taken over', async () => {
  await inTemporaryFolder(async (folder) => {
    const child = hold(folder);
    assert.equal(await firstLine(child), 'held');
    await assert.rejects(lockFolder(folder), new RegExp(`in use by process ${child.pid};`));
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal((await readdir(folder)).length, 1);
    const lock = await lockFolder(folder);
    assert.equal((await readdir(folder)).length, 1);
    await lock.release();
  });
});

test('a lock file that names a living process but belongs to none is stale', async () => {
  await inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, `lock.${process.pid}.0123456789ab`), '');
    const lock = await lockFolder(folder);
    await lock.release();
  });
});

test('of many that start together never two hold the folder', async () => {
  await inTemporaryFolder(async (folder) => {
    const children = Array.from({ length: 6 }, () => hold(folder));
    const lines = await Promise.all(children.map(firstLine));
    const held = lines.filter((line) => line === 'held').length;
    for (const child of children) {
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    assert.ok(held <= 1, `${held} processes hold the folder`);
    assert.deepEqual(new Set(lines.filter((line) => line !== 'held')), new Set(['DATA_LOCKED']));
  });
});

test('a folder whose path is longer than a socket address can be locked', async () => {
  await inTemporaryFolder(async (folder) => {
    const deep = join(folder, 'x'.repeat(100), 'y'.repeat(100));
    await mkdir(deep, { recursive: true });
    const lock = await lockFolder(deep);
    await assert.rejects(lockFolder(deep), new RegExp(`in use by process ${process.pid};`));
    await lock.release();
    assert.deepEqual(await readdir(deep), []);
  });
});
