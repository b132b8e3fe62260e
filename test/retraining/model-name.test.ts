import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkModelName, isModelName, modelPath } from '../../src/retraining/model-name.ts';

test('a model name is 1 to 128 of the allowed characters', () => {
  for (const name of ['a', 'births/us', 'A.b_c:d-e/1', 'x'.repeat(128), 'a//b', '...', 'a..b', '.hidden'])
    assert.ok(isModelName(name), name);
  for (const name of ['', 'x'.repeat(129), 'a b', 'ä', 'a\n', '\0', 'a\\b', '-/', '/a', 'a/', '/'])
    assert.ok(!isModelName(name), JSON.stringify(name));
});

test('a model name has no segment that leads out of a folder', () => {
  for (const name of ['.', '..', './a', '../a', 'a/..', 'a/.', 'a/../b', 'a/./b']) assert.ok(!isModelName(name), name);
});

test('a refused name is told with the rule on one line', () => {
  assert.throws(() => checkModelName('a\nb'), {
    code: 'ARGUMENT_INVALID',
    message: /^model name "a\\nb" is not allowed: use 1 to 128 .*$/,
  });
});

test('the path form is safe on every file system and tells two names apart', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9._:/-]{1,128}$/).filter(isModelName);
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert.match(modelPath(a), /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?-[0-9a-f]{16}$/);
      if (a !== b) assert.notEqual(modelPath(a), modelPath(b));
    }),
  );
  assert.match(modelPath('Births/US:1'), /^births-us-1-[0-9a-f]{16}$/);
  assert.match(modelPath('...'), /^model-[0-9a-f]{16}$/);
});
