import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createTrainer, trainerSettingsSchema } from '../../../src/retraining/trainers/trainer-settings.ts';
import type { Trainer } from '../../../src/retraining/trainers/trainer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { runOf, temporaryFolder } from './run-fixture.ts';
import { failed } from './trainer-suite.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', '..', 'examples');

function exampleTrainer(t: TestContext, folder: string): Trainer {
  const trainer = createTrainer(trainerSettingsSchema.parse({ module: './train.mjs' }), {
    runFolder: join(folder, 'runs'),
    baseFolder: join(EXAMPLES, 'module-trainer'),
    files,
    clock: systemClock,
    random: systemRandom,
  });
  t.after(() => trainer.close?.());
  return trainer;
}

test('the example of a train function trains, measures itself and the champion, and is used again', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'visitors.txt');
  writeFileSync(file, '1 2 3 4 10');
  const data = [{ uri: pathToFileURL(file).href }];
  const trainer = exampleTrainer(t, folder);
  const first = await trainer.start(runOf({ data })).result;
  assert.ok(first.kind === 'succeeded', JSON.stringify(first));
  assert.deepEqual(first.result.metrics, { challenger: { mae: 7.5 } });
  assert.match(readFileSync(first.logFile, 'utf8'), /mean of 4 numbers: 2\.5/);
  writeFileSync(file, '9 9 9 9 10');
  const champion = { artifact: first.result.artifact, epoch: 1, metrics: { mae: 7.5 } };
  const second = await trainer.start(runOf({ data, champion, epoch: 2, runId: 'run-2' })).result;
  assert.ok(second.kind === 'succeeded', JSON.stringify(second));
  assert.deepEqual(second.result.metrics, { challenger: { mae: 1 }, champion: { mae: 7.5 } });
});

test('the example of a train function gives data up that will not get better', async (t) => {
  const end = failed(await exampleTrainer(t, temporaryFolder(t)).start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.stderrTail, /5 numbers or more/);
});
