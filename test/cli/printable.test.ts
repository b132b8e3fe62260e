import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clip, onLines, onOneLine } from '../../src/cli/printable.ts';

test('nothing in a message reaches the terminal as a command', () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ['plain wörld 日本 🙂', 'plain wörld 日本 🙂'],
    ['a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['\u009b31m', '\\u{9b}31m'],
    ['\u0000\u007f', '\\u{0}\\u{7f}'],
    ['\u202egnp.exe', '\\u{202e}gnp.exe'],
    ['a\u2028b', 'a\\u{2028}b'],
    ['half \ud83d', 'half \\u{d83d}'],
  ];
  for (const [text, shown] of cases) assert.equal(onOneLine(text), shown);
});

test('a text over several lines keeps them and its tabs, and nothing else', () => {
  assert.deepEqual(onLines('a\tb\r\nc\u001b[2J\n'), ['a\tb', 'c\\u{1b}[2J', '']);
});

test('what is too long is cut, not in the middle of a character', () => {
  assert.equal(clip('abcdef', 6), 'abcdef');
  assert.equal(clip('abcdef', 4), 'abc…');
  assert.equal(clip('ab🙂cd', 4), 'ab…');
});
