import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  LineSplitter,
  MAX_LINE_BYTES,
  PROGRESS_INTERVAL_MS,
  ProgressReader,
  STDERR_TAIL_BYTES,
  STDERR_TAIL_LINES,
  StderrTail,
  progressOf,
} from '../../../src/retraining/trainers/run-output.ts';
import type { TrainerProgress } from '../../../src/retraining/trainers/trainer.ts';
import { FakeClock } from '../../fake-clock.ts';

function split(chunks: readonly Buffer[]): { line: string; whole: boolean }[] {
  const lines: { line: string; whole: boolean }[] = [];
  const splitter = new LineSplitter((line, whole) => lines.push({ line: line.toString('latin1'), whole }));
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

test('lines are the same however the stream is cut into chunks', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', '\n', 'ü'), { maxLength: 60 })
    .map((parts) => Buffer.from(parts.join('')));
  fc.assert(
    fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (bytes, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      assert.deepEqual(split(chunks), split([bytes]));
    }),
  );
});

test('a line over the limit comes in pieces, none of them marked whole', () => {
  const pieces = split([Buffer.alloc(MAX_LINE_BYTES * 2 + 10, 'x'), Buffer.from('\nnext\n')]);
  assert.deepEqual(
    pieces.map(({ line, whole }) => [line.length, whole]),
    [
      [MAX_LINE_BYTES, false],
      [MAX_LINE_BYTES, false],
      [10, false],
      [4, true],
    ],
  );
});

test('a line is progress only when it is a JSON object with progress from 0 to 1 or metrics', () => {
  const read = (line: string): TrainerProgress | undefined => progressOf(Buffer.from(line));
  assert.deepEqual(read('{"progress":0.5}'), { progress: 0.5 });
  assert.deepEqual(read('{"metrics":{"mape":2.2},"progress":1}\r'), { progress: 1, metrics: { mape: 2.2 } });
  for (const line of [
    '',
    '0.5',
    '[1]',
    '{"progress":2}',
    '{"progress":"0.5"}',
    '{"epoch":1}',
    '{"progress":0.5',
    'null',
  ])
    assert.equal(read(line), undefined, line);
});

test('progress is told at most once per interval, newest first, and the last one is never lost', () => {
  const clock = new FakeClock();
  const told: TrainerProgress[] = [];
  const reader = new ProgressReader({ clock, tell: (progress) => told.push(progress) });
  reader.write(Buffer.from('{"progress":0.1}\n'));
  reader.write(Buffer.from('{"progress":0.2}\n{"metrics":{"loss":3}}\n'));
  assert.deepEqual(told, [{ progress: 0.1 }]);
  clock.advance(PROGRESS_INTERVAL_MS);
  reader.write(Buffer.from('noise\n'));
  assert.deepEqual(told.at(-1), { progress: 0.2, metrics: { loss: 3 } });
  reader.write(Buffer.from('{"progress":0.9}'));
  reader.end();
  assert.deepEqual(told.at(-1), { progress: 0.9 });
  assert.equal(told.length, 3);
});

test('of stderr the last lines are kept, within both limits', () => {
  const tail = new StderrTail();
  for (let line = 0; line < 1000; line++) tail.write(Buffer.from(`line ${line}\n`));
  const lines = tail.text().split('\n');
  assert.equal(lines.length, STDERR_TAIL_LINES);
  assert.equal(lines.at(-1), 'line 999');
  const long = new StderrTail();
  long.write(Buffer.alloc(1_000_000, 'x'));
  assert.ok(long.text().length <= STDERR_TAIL_BYTES);
});
