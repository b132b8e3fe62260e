import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeExit, exitCodeOf, meaningOf } from '../../../src/retraining/trainers/exit-code.ts';
import type { ExitMeaning } from '../../../src/retraining/trainers/exit-code.ts';

const TABLE: readonly (readonly [number, ExitMeaning])[] = [
  [0, 'success'],
  [42, 'permanent'],
  [64, 'permanent'],
  [65, 'permanent'],
  [66, 'permanent'],
  [75, 'retry'],
  [78, 'permanent'],
  [126, 'permanent'],
  [127, 'permanent'],
  [130, 'interrupted'],
  [137, 'killed'],
  [143, 'interrupted'],
];

for (const [code, meaning] of TABLE)
  test(`exit code ${code} means ${meaning}`, () => assert.equal(meaningOf({ kind: 'exited', code }), meaning));

test('every other exit code means retry', () => {
  const named = new Set(TABLE.map(([code]) => code));
  const others = fc.integer({ min: 1, max: 255 }).filter((code) => !named.has(code));
  fc.assert(fc.property(others, (code) => meaningOf({ kind: 'exited', code }) === 'retry'));
});

test('a child that was ended by signal n counts as exit code 128 + n', () => {
  assert.equal(exitCodeOf({ kind: 'signalled', signal: 'SIGTERM' }), 143);
  assert.equal(meaningOf({ kind: 'signalled', signal: 'SIGTERM' }), 'interrupted');
  assert.equal(meaningOf({ kind: 'signalled', signal: 'SIGINT' }), 'interrupted');
  assert.equal(meaningOf({ kind: 'signalled', signal: 'SIGKILL' }), 'killed');
  assert.equal(meaningOf({ kind: 'signalled', signal: 'SIGSEGV' }), 'retry');
});

test('a command that does not exist or may not be executed is permanent, a full process table is not', () => {
  assert.equal(meaningOf({ kind: 'not-started', error: 'ENOENT' }), 'permanent');
  assert.equal(meaningOf({ kind: 'not-started', error: 'EACCES' }), 'permanent');
  assert.equal(meaningOf({ kind: 'not-started', error: 'EAGAIN' }), 'retry');
});

test('a run whose supervisor was killed counts as killed', () => {
  assert.equal(meaningOf({ kind: 'lost', detail: 'the supervisor ended first (SIGKILL)' }), 'killed');
});

test('an exit is described with its code and its signal', () => {
  assert.equal(describeExit({ kind: 'exited', code: 64 }), 'exit code 64');
  assert.equal(describeExit({ kind: 'signalled', signal: 'SIGKILL' }), 'exit code 137 (SIGKILL)');
  assert.equal(describeExit({ kind: 'not-started', error: 'ENOENT' }), 'not started: ENOENT');
});
