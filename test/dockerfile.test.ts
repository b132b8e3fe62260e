import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

// The image cannot be built by the tests, as that takes a container engine. What a machine can check without one: that what the
// Dockerfile names is there.

const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const instructions = read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return { name, rest };
  });
const of = (name: string): string[] => instructions.filter((each) => each.name === name).map(({ rest }) => rest);

/** What is copied out of the repository, without what comes from another stage. */
const copied = of('COPY')
  .filter((rest) => !rest.startsWith('--from='))
  .flatMap((rest) => rest.split(/\s+/).slice(0, -1));

interface Package {
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
  readonly files: readonly string[];
}
const { scripts, bin, engines, files } = JSON.parse(read('package.json')) as Package;

test('every instruction of the Dockerfile is known to this test, and everything that it copies is there', () => {
  const known = new Set(['ARG', 'FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'ENTRYPOINT']);
  assert.deepEqual(
    instructions.filter(({ name }) => !known.has(name)),
    [],
  );
  assert.ok(copied.includes('src') && copied.includes('package-lock.json'));
  assert.deepEqual(
    copied.filter((file) => !existsSync(join(root, file))),
    [],
  );
});

test('.dockerignore lets through what is copied, and nothing else', () => {
  const lines = read('.dockerignore').split('\n');
  const rules = lines.filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(rules[0], '*');
  assert.deepEqual(rules.slice(1).sort(), [...new Set(copied)].map((file) => `!${file}`).sort());
});

test('its npm scripts exist, and what is started is the program of the package', () => {
  const run = of('RUN').join(' && ');
  const called = [...run.matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => script);
  assert.deepEqual(called, ['build']);
  for (const script of called) assert.ok(script in scripts, script);
  const program = bin['retrain'] ?? '';
  assert.ok(run.includes(`/opt/retrain/${program} /usr/local/bin/retrain`), program);
  assert.ok(of('COPY').includes('--from=build /src/dist/src ./dist/src'));
  assert.deepEqual(of('ENTRYPOINT'), ['["retrain"]']);
});

test('the image has what the package has beside its program, but documents and the program of infra', () => {
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const beside = last
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
    .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1))
    .filter((file) => !/^package(-lock)?\.json$/.test(file));
  const documents = new Set(['docs', 'examples', 'CHANGELOG.md']);
  // Of infra the program itself reads the topology; the rest is for retrain deploy.
  const isForDeploy = (file: string): boolean => /^!?infra\//.test(file) && file !== 'infra/topology.json';
  assert.ok(files.includes('infra/topology.json'));
  assert.deepEqual(
    ['dist/src', ...beside].sort(),
    files.filter((file) => !documents.has(file) && !isForDeploy(file)).sort(),
  );
});

test('its base has a Node that the package runs on, and its user is not root', () => {
  const [base = ''] = of('ARG');
  const [, major = ''] = /^NODE_IMAGE=node:(\d+)-slim$/.exec(base) ?? [];
  assert.ok(engines.node.startsWith(`>=${major}.`), `${base} against ${engines.node}`);
  assert.deepEqual(of('FROM'), ['${NODE_IMAGE} AS build', '${NODE_IMAGE}']);
  assert.deepEqual(of('USER'), ['1000:1000']);
});
