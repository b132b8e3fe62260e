import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { createTrainer, trainerSettingsSchema } from '../../../src/retraining/trainers/trainer-settings.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { program, runOf, temporaryFolder } from './run-fixture.ts';

const REFUSED: readonly (readonly [unknown, RegExp])[] = [
  [{}, /exactly one/],
  [{ command: ['a'], module: './a.mjs' }, /not command and module/],
  [{ command: [] }, /command/],
  [{ command: 'python train.py' }, /command/],
  [{ command: ['a'], export: 'train' }, /only a module/],
  [{ http: { url: 'https://example.net/runs' }, environment: { A: 'b' } }, /only a command or a module/],
  [{ http: { url: 'file:///runs' } }, /url/i],
  [{ http: { url: 'https://example.net/runs', pollEvery: 5 } }, /pollEvery/],
  [{ kubernetes: { jobTemplate: './job.yaml', namespace: 'Not_One' } }, /namespace/],
  [{ kubernetes: {} }, /jobTemplate/],
];
for (const [settings, reason] of REFUSED)
  test(`the trainer ${JSON.stringify(settings)} is refused`, () => {
    const { error } = trainerSettingsSchema.safeParse(settings);
    assert.match(error ? z.prettifyError(error) : 'accepted', reason);
  });

test('every field of a trainer is described in the JSON Schema', () => {
  const bare: string[] = [];
  const look = (schema: { properties?: Record<string, object> }, path: string): void => {
    for (const [name, value] of Object.entries(schema.properties ?? {})) {
      if (!('description' in value)) bare.push(`${path}${name}`);
      look(value, `${path}${name}.`);
    }
  };
  look(z.toJSONSchema(trainerSettingsSchema, { io: 'input' }) as object, '');
  assert.deepEqual(bare, []);
});

test('a command runs in the folder of the configuration, with the variables that its settings add', async (t) => {
  const folder = temporaryFolder(t);
  const [node] = program(
    folder,
    `import { writeFileSync } from 'node:fs';
     if (process.env.GREETING !== 'hello' || !process.env.PATH) process.exit(65);
     writeFileSync(process.env.RETRAIN_OUTPUT + '/model', 'm');
     writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics: { challenger: {} }, artifact: 'model' }));`,
  );
  const settings = trainerSettingsSchema.parse({
    command: [node, 'trainer.mjs'],
    environment: { GREETING: 'hello' },
  });
  const trainer = createTrainer(settings, {
    runFolder: join(folder, 'runs'),
    baseFolder: folder,
    graceMs: 1000,
    maxRunMs: 60_000,
    files,
    clock: systemClock,
    random: systemRandom,
  });
  const end = await trainer.start(runOf()).result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
});

test('a trainer is made for every kind, and those whose runs live elsewhere say so', () => {
  const kinds = [
    [{ command: ['a'] }, undefined],
    [{ module: './a.mjs' }, undefined],
    [{ http: { url: 'https://example.net/runs', token: 't', pollEvery: '1s' } }, true],
    [{ kubernetes: { jobTemplate: './job.yaml', keepFinished: '2d' } }, true],
  ] as const;
  for (const [settings, reattaches] of kinds) {
    const parts = { runFolder: '/r', baseFolder: '/b', files, clock: systemClock, random: systemRandom };
    assert.equal(createTrainer(trainerSettingsSchema.parse(settings), parts).reattaches, reattaches);
  }
});
