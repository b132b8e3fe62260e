import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { AccessRuleKeeper } from '../../src/server/access-rule-keeper.ts';
import { parseAccessRuleFlag } from '../../src/server/access-rule-spec.ts';
import type { AccessRuleSpec } from '../../src/server/access-rule-spec.ts';
import type { AccessRule } from '../../src/server/access-rule.ts';
import { FakeClock } from '../fake-clock.ts';

const APP: AccessRuleSpec = { name: 'app', queue: 'q', rights: ['Send'] };

async function folderFor(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-rules-'));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function start(
  dataFolder: string,
  rules: readonly AccessRuleSpec[],
  rootKey?: string,
): Promise<readonly AccessRule[]> {
  const access = await AccessRuleKeeper.open({
    dataFolder,
    rules,
    rootKey,
    random: systemRandom,
    clock: new FakeClock(),
    bornMs: () => 0,
    onChanged: () => undefined,
    onFault: (fault) => assert.fail(String(fault)),
  });
  await access.save();
  return access.rules;
}

const keysOf = (rules: readonly AccessRule[]) => rules.map((rule) => [rule.primaryKey, rule.secondaryKey]);

test('keys are made at the first start, two of each rule, and kept in a file for the owner only', async (context) => {
  const folder = await folderFor(context);
  const first = await start(folder, [APP, { ...APP, queue: 'p' }]);
  assert.deepEqual(
    first.map(({ name, queue, rights }) => [name, queue, rights]),
    [
      ['RootManageSharedAccessKey', undefined, ['Send', 'Listen', 'Manage']],
      ['app', 'q', ['Send']],
      ['app', 'p', ['Send']],
    ],
  );
  const keys = keysOf(first).flat();
  assert.equal(new Set(keys).size, 6);
  for (const key of keys) assert.match(key ?? '', /^[A-Za-z0-9+/]{43}=$/);
  const path = join(folder, 'access-rules.json');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['access-rules.json'], 'no drafts stay behind');
  await chmod(path, 0o644);
  assert.deepEqual(await start(folder, [APP, { ...APP, queue: 'P' }]), [
    first[0],
    first[1],
    { ...first[2], queue: 'P' },
  ]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('a rule that is given with other rights has them, with its old keys; one that is given no longer is not in force, and has its old keys when it comes back', async (context) => {
  const folder = await folderFor(context);
  const [, app] = await start(folder, [APP]);
  assert.deepEqual((await start(folder, [{ ...APP, rights: ['Listen'] }]))[1], { ...app, rights: ['Listen'] });
  assert.equal((await start(folder, [])).length, 1);
  assert.deepEqual((await start(folder, [APP]))[1], app);
});

test('keys that are given win over kept ones, and are written nowhere', async (context) => {
  const folder = await folderFor(context);
  const kept = await start(folder, [APP]);
  const own = await start(folder, [{ ...APP, primaryKey: 'a-key-of-my-own-making' }], 'my-own-root-key-for-it');
  assert.deepEqual(keysOf(own), [
    ['my-own-root-key-for-it', undefined],
    ['a-key-of-my-own-making', undefined],
  ]);
  assert.doesNotMatch(await readFile(join(folder, 'access-rules.json'), 'utf8'), /my-own/);
  assert.deepEqual(await start(folder, [APP]), kept);
});

test('with keys of its own only, nothing is written', async (context) => {
  const folder = await folderFor(context);
  await start(folder, [], 'my-own-root-key-for-it');
  assert.deepEqual(await readdir(folder), []);
});

test('the key of an older data folder stays the root key, and moves into the new file', async (context) => {
  const folder = await folderFor(context);
  await writeFile(join(folder, 'access-key'), 'key-of-an-older-version\n');
  const [root] = await start(folder, []);
  assert.equal(root?.primaryKey, 'key-of-an-older-version');
  assert.match(root?.secondaryKey ?? '', /=$/);
  assert.deepEqual(await readdir(folder), ['access-rules.json']);
  assert.deepEqual(await start(folder, []), [root]);
});

test('a file that is not what was written is refused, and stays as it is', async (context) => {
  const folder = await folderFor(context);
  const path = join(folder, 'access-rules.json');
  const cases: [string, string, RegExp][] = [
    ['{', 'DATA_CORRUPT', /access-rules\.json is not JSON: Put a copy back, or remove the file/],
    ['{"version":4,"rules":[]}', 'DATA_VERSION', /has version 4, and this program reads version 1, 2, 3/],
    ['{"rules":[]}', 'DATA_CORRUPT', /version: /],
    [
      '{"version":1,"rules":[{"name":"a","rights":["Fly"],"primaryKey":"k","secondaryKey":"k"}]}',
      'DATA_CORRUPT',
      /rules\.0\.rights\.0: /,
    ],
    ['', 'DATA_CORRUPT', /is not JSON/],
  ];
  for (const [text, code, message] of cases) {
    await writeFile(path, text);
    await assert.rejects(start(folder, [APP]), (error: unknown) => {
      assert.ok(error instanceof RetrainError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(await readFile(path, 'utf8'), text);
  }
});

test('a file of an older version is read, with the rules that were given to queues', async (context) => {
  const folder = await folderFor(context);
  const rule = { rights: ['Send'], primaryKey: 'primary-key-of-the-file', secondaryKey: 'secondary-key-of-the-file' };
  const given = { entityMs: 0, createdAtMs: 1, modifiedAtMs: 2 };
  for (const [version, rules] of [
    [1, [{ ...rule, name: 'app', queue: 'q' }]],
    [
      2,
      [
        { ...rule, name: 'app', queue: 'q' },
        { ...rule, name: 'given', queue: 'q', given },
      ],
    ],
  ] as const) {
    await writeFile(join(folder, 'access-rules.json'), JSON.stringify({ version, rules }));
    const [root, ...others] = await start(folder, [APP]);
    assert.match(root?.primaryKey ?? '', /=$/);
    assert.deepEqual(
      others.map(({ name, primaryKey }) => [name, primaryKey]),
      rules.map(({ name }) => [name, rule.primaryKey]),
    );
    assert.match(await readFile(join(folder, 'access-rules.json'), 'utf8'), /"version": 3,/, 'the root key is new');
  }
});

test('a flag is a name, its rights and, if wanted, a queue', () => {
  assert.deepEqual(parseAccessRuleFlag('app=Send'), { name: 'app', rights: ['Send'] });
  assert.deepEqual(parseAccessRuleFlag('app=send, LISTEN@a/b'), {
    name: 'app',
    rights: ['Send', 'Listen'],
    queue: 'a/b',
  });
  assert.deepEqual(parseAccessRuleFlag('app=Send,Send@'), { name: 'app', rights: ['Send'], queue: '' });
  for (const flag of ['', 'app', 'app=', '=Send', 'app@q=Send'])
    assert.throws(() => parseAccessRuleFlag(flag), {
      code: 'CONFIGURATION_INVALID',
      message: /cannot be read: write NAME=RIGHT\[,RIGHT\]\[@QUEUE\]/,
    });
  assert.throws(() => parseAccessRuleFlag('app=Read'), { message: /access rule 'app': unknown right 'Read'/ });
});
