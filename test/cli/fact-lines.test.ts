import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FactOutput } from '../../src/cli/fact-output.ts';
import { upOutput } from '../../src/cli/up-output.ts';
import { workerLine } from '../../src/cli/worker-output.ts';
import type { WorkerFact } from '../../src/retraining/worker/worker-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const DEAD: WorkerFact = {
  fact: 'dead-lettered',
  model: 'births',
  reason: 'TrainingFailed',
  description: 'exit code 64\n\u001b[2Jcolumn missing',
};

const OPTIONS = { json: false, verbose: false, clock: systemClock };

test('a fact is one line, whatever a trainer has printed, and no command to the terminal', () => {
  const lines: string[] = [];
  const print = (line: string): unknown => lines.push(line);
  new FactOutput(print, workerLine, OPTIONS).tell(DEAD);
  upOutput(print, OPTIONS).tell(DEAD);
  assert.equal(lines.length, 2);
  for (const line of lines)
    assert.match(line, /births: dead-lettered, TrainingFailed: exit code 64\\n\\u\{1b\}\[2Jcolumn missing$/);
});
