/**
 * Runs the built tests: `node dist/test/run.js [name…]`. A name selects the files whose path contains it. Every file is a process of its own,
 * because what a program has registered with the SDK cannot be taken back. Tests may use what the root has built: it is built here when missing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const PER_FILE_MS = 300_000;

const folder = __dirname;
const root = join(folder, '..', '..', '..');
const names = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  .sort()
  .map((file) => relative(process.cwd(), join(folder, file)));

if (files.length === 0) {
  console.error(`no test file matches ${names.join(', ') || 'the build; run npm run build'}`);
  process.exit(1);
}

if (!existsSync(join(root, 'dist', 'src', 'index.js'))) {
  if (!existsSync(join(root, 'node_modules'))) npm('ci', '--prefix', root);
  npm('run', 'build', '--prefix', root);
}

const child = spawn(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=2',
    `--test-timeout=${PER_FILE_MS}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

function npm(...args: readonly string[]): void {
  const { status, error } = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status === 0) return;
  console.error(`npm ${args.join(' ')} failed: ${error?.message ?? `exit code ${status}`}`);
  process.exit(1);
}
