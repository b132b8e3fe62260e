import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { MAIN, assertFailure, runCli, temporaryFolder } from './cli-process.ts';

const run = promisify(execFile);

/** What a shell offers behind these words, the last of which is being typed. */
type Offers = (...words: string[]) => Promise<string[]>;

async function bash(t: TestContext): Promise<Offers> {
  const folder = await temporaryFolder(t);
  const { stdout } = await runCli(['completion', 'bash']);
  await writeFile(join(folder, 'completion.bash'), stdout);
  const script = `
    retrain() { "$NODE" "$MAIN" "$@"; }
    source completion.bash
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _retrain
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return async (...words) => {
    const env = { ...process.env, NODE: process.execPath, MAIN };
    const offered = await run('bash', ['-c', script, 'bash', 'retrain', ...words], { cwd: folder, env });
    return offered.stdout.split('\n').filter((line) => line !== '');
  };
}

test('bash completes commands, their options, and what an option takes', async (t) => {
  const offers = await bash(t);
  assert.deepEqual(await offers('exp'), ['explain']);
  assert.ok((await offers('')).includes('worker'));
  assert.deepEqual(
    (await offers('runs', '')).filter((word) => !word.startsWith('-')),
    ['list', 'show', 'logs'],
  );
  assert.deepEqual(await offers('dlq', 'replay', '--dry'), ['--dry-run']);
  assert.deepEqual(await offers('worker', '--direction', ''), ['minimize', 'maximize']);
  assert.deepEqual(await offers('runs', 'list', '--is', 'f'), ['failed']);
  assert.deepEqual(await offers('completion', 'z'), ['zsh']);
  // What it takes is free: the shell offers files.
  assert.deepEqual(await offers('worker', '--state', ''), []);
});

test('the other shells get a script that knows every command; one that is not known is refused', async () => {
  for (const shell of ['zsh', 'fish']) {
    const { code, stdout } = await runCli(['completion', shell]);
    assert.equal(code, 0);
    for (const word of ['explain', 'dlq replay', 'minimize']) assert.ok(stdout.includes(word), `${shell} ${word}`);
  }
  assertFailure(await runCli(['completion', 'tcsh']), 2, /bash, zsh, fish/);
  assertFailure(await runCli(['completion']), 2, /name the shell/);
});

for (const shell of ['zsh', 'fish'])
  test(`${shell} takes its script`, async (t) => {
    if (
      !(await run(shell, ['-c', 'true']).then(
        () => true,
        () => false,
      ))
    ) {
      t.skip(`${shell} is not installed`);
      return;
    }
    const file = join(await temporaryFolder(t), 'completion');
    await writeFile(file, (await runCli(['completion', shell])).stdout);
    await run(shell, ['-n', file]);
  });
