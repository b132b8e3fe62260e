import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import type { CommandTrainerOptions } from '../../../src/retraining/trainers/command-trainer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { openFaultWorld } from './fault-world.ts';
import type { FaultWorld } from './fault-world.ts';
import { staysBounded } from './printing-trainer.ts';

// Trainers that do not keep their contract, under the real worker: each is a real command.

function command(
  world: FaultWorld,
  argv: readonly [string, ...string[]],
  rest: Partial<CommandTrainerOptions> = {},
): CommandTrainer {
  return new CommandTrainer({
    command: argv,
    folder: join(world.folder, 'runs'),
    graceMs: 200,
    files,
    clock: systemClock,
    ...rest,
  });
}

/** What a shell script does for each model, and what its dead letter says. */
const BROKEN: readonly (readonly [model: string, script: string, says: RegExp])[] = [
  ['missing', 'exit 0', /wrote no result file/],
  ['empty', ': > "$RETRAIN_RESULT"', /not JSON/],
  ['half', `printf '{"metrics": {"chall' > "$RETRAIN_RESULT"`, /not JSON/],
  ['list', `printf '[]' > "$RETRAIN_RESULT"`, /not valid/],
  ['no-artifact', `printf '{"metrics":{"challenger":{"mape":1}}}' > "$RETRAIN_RESULT"`, /artifact/],
  ['text-metric', `printf '{"metrics":{"challenger":{"mape":"1"}},"artifact":"m"}' > "$RETRAIN_RESULT"`, /metrics/],
  [
    'other-metric',
    `: > "$RETRAIN_OUTPUT/m"; printf '{"metrics":{"challenger":{"rmse":1}},"artifact":"m"}' > "$RETRAIN_RESULT"`,
    /mape/,
  ],
  ['outside', `printf '{"metrics":{"challenger":{"mape":1}},"artifact":"../../m"}' > "$RETRAIN_RESULT"`, /outside/],
  ['gone', `printf '{"metrics":{"challenger":{"mape":1}},"artifact":"m"}' > "$RETRAIN_RESULT"`, /does not exist/],
  ['huge', 'head -c 3000000 /dev/zero > "$RETRAIN_RESULT"', /result\.json has \d+ bytes, over the limit/],
  ['folder', 'mkdir "$RETRAIN_RESULT"', /EISDIR|directory/],
  [
    'link',
    `ln -s /etc "$RETRAIN_OUTPUT/m"; printf '{"metrics":{"challenger":{"mape":1}},"artifact":"m"}' > "$RETRAIN_RESULT"`,
    /neither a file nor a folder/,
  ],
];

describe('trainers', { concurrency: 3 }, () => {
  test('a result file that is missing or malformed costs an attempt, and the last one dead-letters with what is wrong', async (t) => {
    const world = await openFaultWorld(t);
    const script = `case "$RETRAIN_MODEL" in\n${BROKEN.map(([model, does]) => `${model}) ${does};;`).join('\n')}\nesac`;
    for (const [model] of BROKEN) await world.send(model);
    await world.work({
      concurrency: 4,
      trainer: command(world, ['sh', '-c', script]),
      policy: { maxAttempts: 1 },
    });
    const told = await world.told('deadlettered', BROKEN.length);
    for (const [model, , says] of BROKEN)
      assert.match(told.find(({ subject }) => subject === model)?.data.reason ?? '', says, model);
    await world.auditor.emptied();
    await world.auditor.holds({ told: { failed: BROKEN.length, deadlettered: BROKEN.length, promoted: 0 } });
    const dead = await world.auditor.messages('deadLetter');
    assert.deepEqual([...new Set(dead.map(({ deadLetterReason }) => deadLetterReason))], ['TrainingFailed']);
  });

  test('a trainer that hangs and ignores SIGTERM, with a child that does too: ended after its time, and nothing is left', async (t) => {
    const world = await openFaultWorld(t);
    const deaf = `trap '' TERM; echo started; (trap '' TERM; while :; do sleep 1; done) & while :; do sleep 1; done`;
    await world.send();
    await world.work({ trainer: command(world, ['sh', '-c', deaf], { maxRunMs: 700 }), policy: { maxAttempts: 2 } });
    await eventually(() => world.auditor.trainers().length >= 2 || process.platform !== 'linux', {
      what: 'trainer and child',
    });
    const [dead] = await world.told('deadlettered');
    assert.match(dead?.data.reason ?? '', /longer than maxRunMs/);
    await world.auditor.emptied();
    await world.auditor.holds({ told: { failed: 2, deadlettered: 1 } });
  });

  test('a trainer that hangs and ignores SIGTERM does not hold up a shutdown beyond the grace period, and costs no attempt', async (t) => {
    const world = await openFaultWorld(t);
    const deaf = `trap '' TERM; while :; do sleep 1; done`;
    await world.send();
    const worker = await world.work({ trainer: command(world, ['sh', '-c', deaf]), graceMs: 300 });
    await world.told('started');
    await eventually(() => world.auditor.trainers().length > 0 || process.platform !== 'linux', {
      what: 'the trainer',
    });
    await worker.stop();
    await world.auditor.noOrphans();
    await world.told('interrupted');
    await world.work({});
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 1, failed: 0 } });
  });

  test('a trainer that prints without measure: log and memory of the worker stay bounded, and the run counts', async (t) => {
    await staysBounded(t, { megabytes: 64 });
  });
});
