import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UpOutput } from '../../src/cli/up-output.ts';
import { WorkerOutput } from '../../src/cli/worker-output.ts';
import type { WorkerFact } from '../../src/retraining/worker/worker-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const DEAD: WorkerFact = {
  fact: 'dead-lettered',
  model: 'births',
  reason: 'TrainingFailed',
  description: 'exit code 64\n\u001b[2Jcolumn missing',
};

test('a fact is one line, whatever a trainer has printed, and no command to the terminal', () => {
  for (const Output of [WorkerOutput, UpOutput]) {
    const lines: string[] = [];
    new Output((line) => lines.push(line), { json: false, verbose: false, clock: systemClock }).tell(DEAD);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /births: dead-lettered, TrainingFailed: exit code 64\\n\\u\{1b\}\[2Jcolumn missing$/);
  }
});
