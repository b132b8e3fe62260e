import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { assertFailure, runCli, temporaryFolder } from './cli-process.ts';
import type { Finished } from './cli-process.ts';

// `retrain deploy` where Pulumi is not; with it, infra/test/deploy has its tests.

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));

interface Site {
  readonly folder: string;
  readonly deploy: (...args: string[]) => Promise<Finished>;
}

async function site(t: TestContext): Promise<Site> {
  const folder = await temporaryFolder(t);
  const bin = join(folder, 'bin');
  await mkdir(bin);
  // Whatever this machine has on its PATH, `pulumi` is not on this one.
  return { folder, deploy: (...args) => runCli(['deploy', ...args], { cwd: folder, env: { PATH: bin } }) };
}

test('without the program it is said how to get it, and init copies it: sources, settings and lock file', async (t) => {
  const { folder, deploy } = await site(t);
  for (const command of ['preview', 'outputs'])
    assertFailure(
      await deploy(command),
      2,
      /there is no infra\/Pulumi\.yaml here: retrain deploy init copies the program/,
    );
  assertFailure(await deploy('preview', '--infra', 'elsewhere'), 2, /no Pulumi\.yaml in .*elsewhere: correct --infra/);

  const copied = await deploy('init');
  assert.equal(copied.code, 0, copied.stderr);
  assert.match(copied.stdout, /\(cd infra && npm ci\)/);
  const names = await readdir(join(folder, 'infra'));
  for (const name of [
    'Pulumi.yaml',
    'Pulumi.dev.yaml',
    'index.ts',
    'package.json',
    'package-lock.json',
    'topology.json',
    'settings',
    'components',
  ])
    assert.ok(names.includes(name), name);
  for (const name of ['node_modules', 'dist', 'test']) assert.ok(!names.includes(name), name);
  assert.equal(
    await readFile(join(folder, 'infra', 'topology.json'), 'utf8'),
    await readFile(join(ROOT, 'infra', 'topology.json'), 'utf8'),
  );
  assertFailure(await deploy('init'), 2, /infra is there already: name another folder/);
  await writeFile(join(folder, 'empty'), '');
  assertFailure(await deploy('init', 'empty'), 2, /empty is there already: name another folder/);

  assertFailure(
    await deploy('preview'),
    69,
    /packages of the program in .*infra are not installed: \(cd .*infra && npm ci\)/,
  );
});

test('the package has all that init copies', async () => {
  const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const ships = (name: string): boolean =>
    files.includes(`infra/${name}`) || files.includes(`infra/*${name.slice(name.lastIndexOf('.'))}`);
  const not = new Set(['node_modules', 'dist', 'test']);
  const names = (await readdir(join(ROOT, 'infra'))).filter((name) => !name.startsWith('.') && !not.has(name));
  assert.deepEqual(
    names.filter((name) => !ships(name)),
    [],
  );
});

test('without the Pulumi CLI it is said where to get it, and which', async (t) => {
  const { folder, deploy } = await site(t);
  // A stand-in for the SDK: what the real one does when there is no pulumi on PATH.
  const sdk = join(folder, 'sdk', '@pulumi', 'pulumi');
  await mkdir(join(sdk, 'automation'), { recursive: true });
  await writeFile(join(sdk, 'package.json'), '{ "name": "@pulumi/pulumi", "version": "3.248.0" }');
  await writeFile(join(sdk, 'automation', 'errors.js'), 'exports.createCommandError = () => new Error("none");');
  await writeFile(
    join(sdk, 'automation', 'index.js'),
    `exports.PulumiCommand = { get: async () => { throw Object.assign(new Error('none'), { commandResult: { err: { code: 'ENOENT' } } }); } };`,
  );
  const infra = join(folder, 'infra');
  await mkdir(infra);
  await writeFile(join(infra, 'Pulumi.yaml'), 'name: retrain\n');
  await symlink(join(folder, 'sdk'), join(infra, 'node_modules'));
  assertFailure(
    await deploy('preview'),
    69,
    /Pulumi CLI is not on PATH: install version 3\.248\.0 or newer, see https:\/\/www\.pulumi\.com\/docs\/install\//,
  );
});

test('what is not asked on a terminal needs --yes, and destroy the stack; wrong values are refused first', async (t) => {
  const { deploy } = await site(t);
  assertFailure(await deploy('up'), 2, /Bring stack dev up\? There is no terminal to ask on: give --yes/);
  assertFailure(await deploy('destroy'), 2, /Delete all of stack dev\? There is no terminal to ask on: give --yes/);
  assertFailure(await deploy('destroy', '--yes'), 2, /--yes without --stack: name the stack that is to be destroyed/);
  assertFailure(await deploy('up', '--yes', '--stack', 'a b'), 2, /--stack "a b": a stack's name has letters/);
  for (const stack of ['../dev', '-x/dev', 'a/b/c/dev', '.'])
    assertFailure(await deploy('up', '--yes', '--stack', stack), 2, /a stack's name has letters/);
  assertFailure(await deploy('upp'), 2, /unknown command 'upp'/);
});

test('what is wrong with the configuration that says where profiles are is told before anything is made', async (t) => {
  const { folder, deploy } = await site(t);
  await writeFile(join(folder, 'retrain.yaml'), 'folders: { stat: x }\nmodels: {}\n');
  const { code, stderr } = await deploy('up', '--yes');
  assert.equal(code, 2);
  assert.match(stderr, /retrain\.yaml:1:12: folders\.stat: unknown property/);
});
