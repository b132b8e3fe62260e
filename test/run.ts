/**
 * Runs the built tests: `node dist/test/run.js [--long] [name…]`. It lists the files itself, because `node --test` treats
 * folders and globs differently on Node 20, 22 and 24. A name selects the files whose path contains it.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = import.meta.dirname;
const args = process.argv.slice(2);
const long = args.includes('--long');
const names = args.filter((arg) => !arg.startsWith('--'));

const ending = long ? /\.(test|long)\.js$/ : /\.test\.js$/;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => ending.test(file))
  .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  .sort()
  .map((file) => relative(process.cwd(), join(root, file)));

if (files.length === 0) {
  console.error(`no test file matches ${names.join(', ') || 'the build; run npm run build'}`);
  process.exit(1);
}

/** Files at a time, on a machine of two cores: most tests wait for locks, processes and timers of other programs, rather than compute. */
const CONCURRENCY = 4;
/** Files that start a command a hundred times take a minute and a half on a quiet machine; the limit is for what hangs. */
const perFileMs = long ? 10_800_000 : 600_000;
const child = spawn(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${perFileMs}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
