import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..', '..');

/** What `docs/faults.md` says, one line for each row of its tables: what happens, what is done, what is seen, which tests. */
function rows(): string[][] {
  const lines = readFileSync(join(root, 'docs', 'faults.md'), 'utf8').split('\n');
  const cells = lines
    .filter((line) => /^\| [^-]/.test(line))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\||\|$/g, '').trim()));
  return cells.filter(([first]) => first !== 'fault');
}

/** The text of every test of retraining, with what titles are made of put in its place. */
function sources(): string {
  const folder = join(root, 'test', 'retraining');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  return names.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

test('every fault of the documentation names a test that is there', () => {
  const text = sources().replaceAll('\\', '');
  const parts = [...text.matchAll(/test\(\s*(['`])([^\n]*?)\1,/g)].map(([, , title = '']) => title);
  const titles = parts.map(
    (title) =>
      new RegExp(
        `^${title
          .split(/\$\{[^}]*\}/)
          .map(escaped)
          .join('.*')}$`,
      ),
  );
  const missing = rows()
    .flatMap((cells) => (cells.at(-1) ?? '').split('<br>').map((name) => name.trim()))
    .filter((name) => !titles.some((title) => title.test(name)));
  assert.ok(rows().length > 30);
  assert.deepEqual(missing, []);
});

test('every fact of the documentation is one that a worker or a producer tells', () => {
  const folder = join(root, 'src', 'retraining');
  const logs = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('-log.ts'));
  const known = logs.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
  const facts = rows().flatMap((cells) =>
    [...(cells[2] ?? '').matchAll(/`([a-z]+-[a-z-]+)`/g)].map(([, fact]) => fact),
  );
  assert.deepEqual(
    facts.filter((fact) => !known.includes(`fact: '${fact}'`)),
    [],
  );
});
