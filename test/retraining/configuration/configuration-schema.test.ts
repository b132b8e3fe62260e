import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { configurationJsonSchema } from '../../../src/retraining/configuration/configuration-schema.ts';

// What an editor makes of the published schema: it takes what retrain takes, and refuses what retrain refuses.

const FILE = createRequire(import.meta.url).resolve('retrain/retrain.schema.json');

function valid(yaml: string): boolean {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  return ajv.validate(configurationJsonSchema(), parse(yaml));
}

const MODEL = 'models: { a: { trainer: { command: [x] }, gate: { metric: m, direction: minimize } } }';

test('the published file is the schema of this version; npm run schema writes it', () => {
  assert.deepEqual(JSON.parse(readFileSync(FILE, 'utf8')), configurationJsonSchema());
});

test('the schema takes a configuration, with variables in the place of numbers and choices', () => {
  assert.ok(valid(MODEL));
  assert.ok(valid(`${MODEL}\nworker: { concurrency: "\${SLOTS}", grace: 10s }\nlisten: { port: "\${PORT:-80}" }`));
  assert.ok(valid(MODEL.replace('minimize', '"${DIRECTION}"')));
});

test('the schema refuses what is misspelt, missing or of another type', () => {
  assert.ok(!valid('{}'));
  assert.ok(!valid(MODEL.replace('command', 'comand')));
  assert.ok(!valid(MODEL.replace('minimize', 'minimise')));
  assert.ok(!valid(`${MODEL}\nworker: { concurrency: many }`));
  assert.ok(!valid(`${MODEL}\nworker: { grace: 10 }`));
});
