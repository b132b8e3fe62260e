import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';

// Style as a test: the map of ARCHITECTURE.md, the bans that keep production code runnable in a simulation, file length.

const root = join(import.meta.dirname, '..', '..');
const src = join(root, 'src');

/** What each room may import, besides itself, `errors.ts` and packages. */
const ROOMS: Record<string, readonly string[]> = {
  runtime: [],
  amqp: [],
  filter: [],
  document: [],
  topology: ['filter', 'document'],
  api: [],
  storage: ['runtime'],
  broker: ['runtime', 'storage', 'filter', 'topology'],
  server: ['runtime', 'storage', 'filter', 'topology', 'broker', 'amqp', 'api'],
  monitoring: ['runtime'],
  retraining: ['runtime', 'monitoring', 'document'],
  demo: ['runtime', 'monitoring', 'retraining'],
  cli: ['runtime', 'document', 'topology', 'api', 'monitoring', 'retraining', 'demo'],
  dashboard: ['api'],
};

/** The commands that start an embedded broker. */
const MAY_START_A_SERVER = new Set(['cli/broker.ts', 'cli/up.ts', 'cli/demo.ts']);

const MAX_LINES = 450;

const BANS: readonly { what: string; pattern: RegExp; rooms: (room: string) => boolean }[] = [
  {
    what: 'reads the clock',
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    rooms: (r) => r !== 'runtime',
  },
  {
    what: 'sets a timer',
    pattern: /\bset(Timeout|Interval|Immediate)\(|node:timers/,
    rooms: (r) => r !== 'runtime',
  },
  {
    what: 'draws random numbers',
    pattern: /\bMath\.random\(|\brandom(Bytes|UUID|Int|FillSync)\b/,
    rooms: (r) => r !== 'runtime',
  },
  { what: 'touches a disk', pattern: /from 'node:fs(\/promises)?'/, rooms: (r) => r !== 'runtime' },
  { what: 'prints', pattern: /\bconsole\./, rooms: (r) => r !== 'cli' },
  {
    what: 'opens a socket',
    pattern: /from 'node:(net|tls|http|https|dgram)'/,
    rooms: (r) => r === 'amqp' || r === 'broker' || r === 'storage',
  },
  { what: 'is a default export', pattern: /^export default\b/m, rooms: () => true },
  {
    what: 'switches a check off',
    pattern: /@ts-(ignore|nocheck|expect-error)|(oxlint|eslint)-disable(?!-next-line)/,
    rooms: () => true,
  },
];

const CATCH_ALL = /^(utils?|helpers?|common|lib|misc|types|interfaces|shared)(\.ts)?$/;

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.split(sep).join('/'))
    .filter((file) => statSync(join(folder, file)).isFile());
}

function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1] as string);
}

const files = sourceFiles(src).map((file) => ({
  file,
  room: roomOf(file),
  text: readFileSync(join(src, file), 'utf8'),
}));

const infra = join(root, 'infra');
/** Neither its packages, which are many, nor what is built of it. */
const NOT_ITS_SOURCE = new Set(['node_modules', 'dist', 'test']);

/** The Pulumi program: a package of its own, held to the same length and names. */
const program = readdirSync(infra)
  .filter((name) => !NOT_ITS_SOURCE.has(name))
  .flatMap((name) => {
    if (!statSync(join(infra, name)).isDirectory()) return name.endsWith('.ts') ? [name] : [];
    return sourceFiles(join(infra, name)).map((file) => `${name}/${file}`);
  })
  .map((file) => ({ file: `infra/${file}`, text: readFileSync(join(infra, file), 'utf8') }));

test('the Pulumi program stands alone: it imports nothing of src, and src nothing of it', () => {
  assert.ok(program.length > 0);
  const reaching = program.filter(({ text }) => /from '(\.\.\/)+(src|dist)\//.test(text));
  const leaning = files.filter(({ text }) => /from '@pulumi\//.test(text));
  assert.deepEqual(
    [...reaching, ...leaning].map(({ file }) => file),
    [],
  );
});

test('every folder of src is a room of the map', () => {
  assert.ok(files.length > 0);
  const unknown = files.filter(({ room }) => room !== '' && !(room in ROOMS)).map(({ file }) => file);
  assert.deepEqual(unknown, []);
});

test('a room imports only what the map allows', () => {
  const broken: string[] = [];
  for (const { file, room, text } of files) {
    if (room === '') continue;
    for (const specifier of importsOf(text)) {
      const target = relative(src, join(src, dirname(file), specifier))
        .split(sep)
        .join('/');
      const targetRoom = roomOf(target);
      if (targetRoom === room || target === 'errors.ts') continue;
      if (target.startsWith('..')) broken.push(`${file} imports ${target}, outside src`);
      else if (targetRoom === 'server' && MAY_START_A_SERVER.has(file)) continue;
      else if (!ROOMS[room]?.includes(targetRoom)) broken.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('the bans of the map hold', () => {
  const broken: string[] = [];
  for (const { file, room, text } of files) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    for (const { what, pattern, rooms } of BANS) if (rooms(room) && pattern.test(code)) broken.push(`${file} ${what}`);
  }
  assert.deepEqual(broken, []);
});

test('no file is longer than one idea', () => {
  const long = [...files, ...program].filter(({ text }) => text.split('\n').length > MAX_LINES).map(({ file }) => file);
  assert.deepEqual(long, []);
});

test('names are kebab-case and no file or folder is a catch-all', () => {
  const bad = [...files, ...program].filter(({ file }) =>
    file.split('/').some((part) => CATCH_ALL.test(part) || !/^[a-z0-9-]+(\.ts)?$/.test(part)),
  );
  assert.deepEqual(
    bad.map(({ file }) => file),
    [],
  );
});

test('module level holds no mutable state', () => {
  const broken = [...files, ...program].filter(({ text }) => /^(export )?let /m.test(text)).map(({ file }) => file);
  assert.deepEqual(broken, []);
});
