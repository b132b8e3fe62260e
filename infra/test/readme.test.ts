import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { OUTPUTS } from '../outputs';
import { infra, projectConfig } from './stack-config';

/** Rows of a table of README.md, by the heading of its first column. */
function rows(heading: string): readonly (readonly string[])[] {
  const lines = readFileSync(join(infra, 'README.md'), 'utf8').split('\n');
  const first = lines.findIndex((line) => line.split('|')[1]?.trim() === heading);
  assert.notEqual(first, -1, `README.md has no table of ${heading}`);
  const after = lines.slice(first + 2);
  const last = after.findIndex((line) => !line.startsWith('|'));
  return after.slice(0, last).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('README.md', () => {
  test('has every setting with its default and what Pulumi.yaml says of it', () => {
    const expected = Object.entries(projectConfig()).map(([key, { default: value, description }]) => {
      const shown = typeof value === 'string' ? value : JSON.stringify(value);
      return [`\`${key}\``, shown === '' ? '' : `\`${shown}\``, description.replaceAll('<', '\\<')];
    });
    assert.deepEqual(rows('setting'), expected);
  });

  test('has every output and what it is', () => {
    assert.deepEqual(
      rows('output'),
      Object.entries(OUTPUTS).map(([name, what]) => [`\`${name}\``, what]),
    );
  });
});
