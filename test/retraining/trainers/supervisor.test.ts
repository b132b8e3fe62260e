import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import { modelPath } from '../../../src/retraining/model-name.ts';
import { endGroup, startOf } from '../../../src/retraining/trainers/run-process.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { eventually, program, runOf, temporaryFolder } from './run-fixture.ts';

// Real processes: a parent (the worker's part) that holds a run and is killed, a trainer, and a child of the trainer.

/** Writes its own pid and that of a child of its own, and never ends; with `deaf` both ignore SIGTERM. */
function family({ deaf }: { deaf: boolean }): string {
  const ignore = deaf ? `process.on('SIGTERM', () => {});` : '';
  return `
    import { spawn } from 'node:child_process';
    import { renameSync, writeFileSync } from 'node:fs';
    ${ignore}
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(`${ignore} console.log('up'); setInterval(() => {}, 1000);`)}], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.once('data', () => {
      writeFileSync('pids.tmp', JSON.stringify([process.pid, child.pid]));
      renameSync('pids.tmp', 'pids');
    });
    setInterval(() => {}, 1000);`;
}

async function pidsIn(cwd: string): Promise<number[]> {
  await eventually(() => existsSync(join(cwd, 'pids')), { what: 'the trainer' });
  return JSON.parse(readFileSync(join(cwd, 'pids'), 'utf8')) as number[];
}

async function gone(pids: readonly number[]): Promise<void> {
  await eventually(async () => (await Promise.all(pids.map(startOf))).every((start) => start === undefined), {
    what: `the end of ${pids.join(' and ')}`,
  });
}

/** A process that starts the trainer as a worker does, and waits. */
async function startParent(t: TestContext, source: string, graceMs: number): Promise<{ pid: number; cwd: string }> {
  const folder = temporaryFolder(t);
  const cwd = join(folder, 'cwd');
  mkdirSync(cwd);
  const command = program(folder, source);
  const module = (name: string): string => JSON.stringify(new URL(`../../../src/${name}.js`, import.meta.url).href);
  const [node, parent] = program(
    folder,
    `import { CommandTrainer } from ${module('retraining/trainers/command-trainer')};
     import { systemClock } from ${module('runtime/clock')};
     import { files } from ${module('runtime/files')};
     const [options, run] = JSON.parse(process.argv[2]);
     new CommandTrainer({ ...options, files, clock: systemClock }).start(run);
     setInterval(() => {}, 1000);`,
    'parent.mjs',
  );
  const options = { command, folder: join(folder, 'runs'), cwd, graceMs };
  const child = spawn(node, [parent as string, JSON.stringify([options, runOf()])], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { pid: child.pid as number, cwd };
}

test('a worker that is killed leaves neither trainer nor the trainer’s children', async (t) => {
  const { pid, cwd } = await startParent(t, family({ deaf: false }), 5000);
  const pids = await pidsIn(cwd);
  process.kill(pid, 'SIGKILL');
  await gone(pids);
});

test('a trainer that ignores SIGTERM is killed after the grace period when its worker was killed', async (t) => {
  const { pid, cwd } = await startParent(t, family({ deaf: true }), 300);
  const pids = await pidsIn(cwd);
  process.kill(pid, 'SIGKILL');
  await gone(pids);
});

test('a supervisor that is killed leaves no trainer: the worker ends the group', async (t) => {
  const folder = temporaryFolder(t);
  const trainer = new CommandTrainer({
    command: program(folder, family({ deaf: true })),
    folder: join(folder, 'runs'),
    cwd: folder,
    graceMs: 200,
    files,
    clock: systemClock,
  });
  const handle = trainer.start(runOf());
  const pids = await pidsIn(folder);
  process.kill(await parentOf(pids[0] as number), 'SIGKILL');
  const end = await handle.result;
  assert.ok(end.kind === 'failed');
  assert.equal(end.meaning, 'killed');
  assert.match(end.reason, /supervisor/);
  await gone(pids);
});

test('a new run first ends what an earlier run of the model left running on this host', async (t) => {
  const folder = temporaryFolder(t);
  const [node, file] = program(folder, family({ deaf: true }), 'left.mjs');
  const left = spawn(node, [file as string], { cwd: folder, detached: true, stdio: 'ignore' });
  const ended = once(left, 'exit');
  t.after(() => void endGroup(left.pid as number, { graceMs: 0, clock: systemClock }));
  const pids = await pidsIn(folder);
  const runs = join(folder, 'runs');
  const old = join(runs, modelPath('births'), '0000000001-left');
  mkdirSync(old, { recursive: true });
  writeFileSync(join(old, 'process.json'), JSON.stringify({ pid: left.pid, start: await startOf(left.pid as number) }));
  const trainer = new CommandTrainer({
    command: program(folder, `import { writeFileSync } from 'node:fs'; process.exit(75);`),
    folder: runs,
    graceMs: 200,
    files,
    clock: systemClock,
  });
  await trainer.start(runOf({ epoch: 2 })).result;
  await ended;
  await gone(pids);
  assert.ok(!existsSync(join(old, 'process.json')));
});

test('a stranger that got the pid of an earlier trainer is left alone', async (t) => {
  const folder = temporaryFolder(t);
  const [node, file] = program(folder, family({ deaf: false }), 'stranger.mjs');
  const stranger = spawn(node, [file as string], { cwd: folder, detached: true, stdio: 'ignore' });
  const ended = once(stranger, 'exit');
  const pids = await pidsIn(folder);
  t.after(async () => {
    await endGroup(stranger.pid as number, { graceMs: 0, clock: systemClock });
    await ended;
  });
  const runs = join(folder, 'runs');
  const old = join(runs, modelPath('births'), '0000000001-old');
  mkdirSync(old, { recursive: true });
  writeFileSync(join(old, 'process.json'), JSON.stringify({ pid: stranger.pid, start: 'another boot:1' }));
  const command = program(folder, `process.exit(75);`);
  await new CommandTrainer({ command, folder: runs, files, clock: systemClock }).start(runOf({ epoch: 2 })).result;
  for (const pid of pids) assert.notEqual(await startOf(pid), undefined);
});

test('a process that does not exist has no start', async () => {
  assert.equal(await startOf(2 ** 22 + 1), undefined);
  assert.equal(await startOf(process.pid), await startOf(process.pid));
});

/** The supervisor is the trainer's parent. */
async function parentOf(pid: number): Promise<number> {
  const ps = spawn('ps', ['-o', 'ppid=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = (await once(ps.stdout, 'data')) as [Buffer];
  return Number(text.toString());
}
