import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { parseConfiguration } from '../../../src/retraining/configuration/configuration.ts';
import { configurationJsonSchema } from '../../../src/retraining/configuration/configuration-schema.ts';

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));

/** The blocks of YAML in a page that are whole configurations. */
function configurationsIn(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return blocks.filter((block) => /^models:/m.test(block) && block.includes('trainer:') && block.includes('gate:'));
}

const EXAMPLES: readonly [string, string][] = [
  ['examples/team/retrain.yaml', readFileSync(join(ROOT, 'examples', 'team', 'retrain.yaml'), 'utf8')],
  ...['README.md', 'docs/configuration.md'].flatMap((page) =>
    configurationsIn(page).map((block): [string, string] => [page, block]),
  ),
];

test('each page that shows a whole configuration has one', () => {
  assert.deepEqual(new Set(EXAMPLES.map(([page]) => page)).size, 3);
});

for (const [page, text] of EXAMPLES)
  test(`the configuration of ${page} can be used, and editors say so, too`, async () => {
    await parseConfiguration(text, { file: page, environment: { ALERT_URL: 'https://example.com/hook' } });
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    assert.ok(ajv.validate(configurationJsonSchema(), parse(text)), ajv.errorsText());
  });
