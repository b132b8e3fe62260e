import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFileText } from '../../src/document/file-text.ts';

const NOTATIONS: readonly (readonly [text: string, expected: 'json' | 'yaml'])[] = [
  ['{"a": 1 /* one */}', 'json'],
  ['\n // of us\n /* all */ // here\n\t{"a": 1 // one\n}', 'json'],
  ['/**/{"a": 1 // one\n}', 'json'],
  ['a: 1', 'yaml'],
  ['# {\na: 1', 'yaml'],
];

for (const [text, notation] of NOTATIONS)
  test(`a file whose name says nothing is read as ${notation}: ${JSON.stringify(text)}`, async () => {
    const { value } = await parseFileText(text, 'settings');
    assert.deepEqual(value, { a: 1 });
  });

test('a comment that does not end is no JSON', async () => {
  for (const text of ['/* {', '// {', '/*/{']) await parseFileText(text, 'settings').catch(() => undefined);
  await assert.rejects(parseFileText('/*/ {"a": }', 'settings'), { code: 'CONFIGURATION_INVALID' });
});

test('what a file is takes time by its length only, however its comments are written', async () => {
  // Of two patterns that both fit a sign, one tries every way to part a megabyte of them.
  for (const part of ['//\n', '/**/', ' \n//', '/*/ */'])
    await parseFileText(`${part.repeat(300_000)}a`, 'settings').catch(() => undefined);
});
