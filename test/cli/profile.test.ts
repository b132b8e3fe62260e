import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readProfile, writeProfile } from '../../src/cli/profile.ts';
import type { Profile } from '../../src/cli/profile.ts';
import { files } from '../../src/runtime/files.ts';
import type { StatusReport } from '../../src/cli/status.ts';
import { assertFailure, runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';
import type { Finished } from './cli-process.ts';

// Profiles against a broker whose rules give what those of a provisioned namespace give.

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));
const OWN_TRAINER = join(ROOT, 'examples', 'own-trainer', 'train.mjs');
/** A model and a monitor, whose broker is named by a variable that is not set. */
const CONFIGURATION = `connection: { connectionString: "\${NOT_SET_IN_TESTS}" }
models:
  visitors:
    trainer: { command: [${process.execPath}, ${OWN_TRAINER}] }
    gate: { metric: mae, direction: minimize }
    monitors:
      - { name: daily, source: { csv: errors.csv }, metric: mae, ratio: 1.5, window: { count: 2 } }
notify:
  - { on: [dead-lettered], webhook: { url: "http://127.0.0.1:9/" } }
`;

const ONCE = ['worker', '--profile', 'dev', '--once', '--metric', 'mae', '--', process.execPath, OWN_TRAINER];

interface Site {
  readonly folder: string;
  readonly profile: Profile;
  readonly run: (...args: string[]) => Promise<Finished>;
}

/** A broker with a profile that leads to it, from a folder with a configuration that does not. */
async function site(t: TestContext, configuration = CONFIGURATION): Promise<Site> {
  const folder = await temporaryFolder(t);
  const topology = join(folder, 'namespace.yaml');
  await writeFile(
    topology,
    `queues: [{ name: asked, requiresSession: true, requiresDuplicateDetection: true }, { name: seen }]
topics: [{ name: told, subscriptions: [{ name: looked }, { name: rung }] }]
`,
  );
  const broker = await startBroker(t, {
    data: join(folder, 'broker'),
    args: ['--config', topology, '--access-rule', 'worker=Listen,Send', '--access-rule', 'producer=Send@asked'],
  });
  const stringOf = (rule: string): string =>
    broker.accessRules.find(({ name }) => name === rule)?.connectionString ?? assert.fail(rule);
  const profile: Profile = {
    version: 1,
    stack: 'dev',
    fullyQualifiedNamespace: 'retrain-test.servicebus.windows.net',
    connectionStrings: { worker: stringOf('worker'), producer: stringOf('producer') },
    queues: { requests: 'asked', sessions: true, intake: 'seen' },
    outcomes: { topic: 'told', statusSubscription: 'looked', notifySubscription: 'rung' },
  };
  const cwd = join(folder, 'site');
  await mkdir(cwd);
  if (configuration !== '') await writeFile(join(cwd, 'retrain.yaml'), configuration);
  await writeFile(join(cwd, 'errors.csv'), 'time,mae\n2026-01-01,1\n2026-01-02,1\n');
  await writeProfile(join(cwd, '.retrain'), 'dev', profile);
  // A variable that leads nowhere: the profile is nearer.
  const env = {
    RETRAIN_CONNECTION_STRING:
      'Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true',
  };
  return { folder: cwd, profile, run: (...args) => runCli(args, { cwd, env }) };
}

test('request, worker and status of a profile meet on its broker; the models are the configuration’s', async (t) => {
  const { folder, run } = await site(t);
  const data = join(folder, 'visitors.txt');
  await writeFile(data, '10 11 9 10 10 11 9 10 10 10');
  const asked = await run('request', '--profile', 'dev', '--model', 'visitors', '--data', pathToFileURL(data).href);
  assert.equal(asked.code, 0, asked.stderr);
  const worked = await run('worker', '--profile', 'dev', '--once');
  assert.equal(worked.code, 0, worked.stderr);
  assert.match(worked.stdout, /visitors: promoted/);
  const shown = await run('status', '--profile', 'dev', '--json', '--state', join(folder, '.retrain'));
  const status = JSON.parse(shown.stdout) as StatusReport;
  assert.equal(status.queue?.name, 'asked');
  assert.deepEqual(
    status.models.map(({ model, promoted }) => [model, promoted]),
    [['visitors', 1]],
  );
});

test('a profile is enough: without a configuration its names are the defaults, and flags are nearer', async (t) => {
  const { run } = await site(t, '');
  const worked = await run(...ONCE);
  assert.equal(worked.code, 0, worked.stderr);
  const asked = await run('request', '--profile', 'dev', '--model', 'm', '--json');
  assert.equal((JSON.parse(asked.stdout) as { queue: string }).queue, 'asked');
  const failed = await run(...ONCE);
  assert.equal(failed.code, 0, failed.stderr);
  // Told to the profile's topic, seen in the profile's subscription.
  const events = await run('events', '--profile', 'dev', '--json');
  assert.match(events.stdout, /retrain\.deadlettered\.v1|retrain\.failed\.v1/, events.stderr);
  assertFailure(await run('peek', 'none', '--profile', 'dev'), 1, /"none" does not exist/);
  assertFailure(
    await run('worker', '--profile', 'dev', '--queue', 'none', '--once', '--metric', 'm', '--', 'x'),
    1,
    /none/,
  );
  const named = [
    '--connection',
    'Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true',
  ];
  assertFailure(await run('peek', 'seen', '--profile', 'dev', ...named), 75, /127\.0\.0\.1:9/);
});

test('producers use a key that only sends; whatever else a key does is the worker’s', async (t) => {
  const { folder, profile, run } = await site(t);
  const { producer = '' } = profile.connectionStrings ?? {};
  const monitored = await run('monitor', '--profile', 'dev', '--once');
  assert.equal(monitored.code, 0, monitored.stderr);
  assert.equal((await run('outbox', 'flush', '--profile', 'dev')).code, 0);
  // With the producer's key nothing can be taken: the worker has another one.
  await writeProfile(join(folder, '.retrain'), 'sender', {
    ...profile,
    connectionStrings: { worker: producer, producer },
  });
  assert.equal((await run('monitor', '--profile', 'sender', '--once')).code, 0);
  assertFailure(await run('worker', '--profile', 'sender', '--once'), 77, /refuses the key "producer"/);
});

test('intake, notify and up go to the broker of a profile, too', async (t) => {
  const { folder } = await site(t, `${CONFIGURATION}intake:\n  rules: [{ when: { type: t }, model: visitors }]\n`);
  for (const [args, says] of [
    [['intake', '--profile', 'dev'], /taking events of seen/],
    [['up', '--profile', 'dev'], /ready: .*events of seen/],
  ] as const) {
    const running = startCli(t, args, { cwd: folder });
    await running.printed(says);
    running.child.kill('SIGTERM');
    assert.equal((await running.finished).code, 0);
  }
  const notifier = startCli(t, ['notify', '--profile', 'dev', '--json'], { cwd: folder });
  await notifier.printed(/"fact":/);
  notifier.child.kill('SIGTERM');
  assert.equal((await notifier.finished).code, 0);
});

test('a profile is written for its owner alone, and refused when others can read the keys in it', async (t) => {
  const { folder, run, profile } = await site(t);
  const state = join(folder, '.retrain');
  const path = join(state, 'profiles', 'dev.json');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(dirname(path))).mode & 0o777, 0o700);
  await chmod(path, 0o640);
  assertFailure(
    await run('peek', 'seen', '--profile', 'dev'),
    2,
    /others than its owner can read it: chmod 600 .*dev\.json/,
  );
  // Without keys there is nothing to keep.
  const { connectionStrings: _, ...entra } = profile;
  await writeProfile(state, 'open', entra);
  await chmod(join(state, 'profiles', 'open.json'), 0o644);
  assert.deepEqual(await readProfile(state, 'open', files), entra);
  // Whoever writes it leads a sign-in to a host of theirs.
  await chmod(join(state, 'profiles', 'open.json'), 0o664);
  await assert.rejects(readProfile(state, 'open', files), /others than its owner can write it: chmod 600 /);
});

test('a profile that is missing, misnamed or wrong is told with its places, and no key is shown', async (t) => {
  const { folder, run, profile } = await site(t);
  const peek = (name: string): Promise<Finished> => run('peek', 'seen', '--profile', name);
  assertFailure(await peek('prod'), 2, /no profile "prod" .*there are dev: retrain deploy up --stack prod writes it/);
  for (const name of ['../dev', '.dev', 'a/b', '', 'x'.repeat(101)])
    assertFailure(await peek(name), 2, /--profile ".*": a profile's name has letters/);

  const write = (text: string): Promise<void> =>
    writeFile(join(folder, '.retrain', 'profiles', 'dev.json'), text, { mode: 0o600 });
  await write('{ "version": 2,');
  assertFailure(await peek('dev'), 2, /dev\.json:1:/);
  await write(JSON.stringify({ ...profile, queues: { requests: 7, sessions: true }, password: 'p' }));
  const { code, stderr } = await peek('dev');
  assert.equal(code, 2);
  assert.match(stderr, /dev\.json has to be corrected in 2 places[^]*queues\.requests: must be text, not 7/);
  for (const connectionStrings of ['Endpoint=sb://h;SharedAccessKey=hush', { worker: 'hush', producer: 'hush' }]) {
    await write(JSON.stringify({ ...profile, connectionStrings }));
    const wrong = await peek('dev');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /connectionStrings/);
    assert.doesNotMatch(wrong.stderr, /hush/);
  }
});

test('completion offers the profiles that are here', async (t) => {
  const { folder, run, profile } = await site(t);
  await writeProfile(join(folder, '.retrain'), 'prod', profile);
  assert.equal((await run('completion', '--profiles')).stdout, 'dev\nprod\n');
  assert.match((await run('completion', 'bash')).stdout, /worker --profile'\) .*completion --profiles/);
  assert.match(await readFile(join(folder, '.retrain', 'profiles', 'prod.json'), 'utf8'), /^\{\n {2}"version": 1/);
});
