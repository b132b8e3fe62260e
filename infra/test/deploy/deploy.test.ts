import * as assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Call } from './scene';
import { DeployBench, KEY, NAMESPACE, OUTPUTS, step, summary } from './deploy-bench';

// `retrain deploy` over the real Automation API, with a CLI that is played.

test('up makes a new stack, shows what it does, and writes the profile that the other commands use', async (t) => {
  const bench = new DeployBench(t);
  const { code, stdout, stderr } = await bench.run('up', '--yes');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /stack dev is new\n/);
  assert.match(
    stdout,
    /\+ create +namespace +servicebus:Namespace\n\+ create +requests +servicebus:Queue\n2 to create, 1 unchanged\n/,
  );
  assert.match(stdout, /\+ created +namespace .*0 s\n\+ created +requests .*\n2 created, 1 unchanged in 3 s\n/);
  assert.match(stdout, /queue_name +model-retraining-queue\n/);
  assert.match(stdout, /worker_connection_string +\[secret\]\n/);
  assert.match(stdout, /retrain worker --profile dev\n$/);
  assert.ok(!stdout.includes('\u001b'), 'no colour where there is no terminal');
  assert.equal(stderr, '');
  assert.ok(!stdout.includes(KEY));

  assert.equal(statSync(bench.profile).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(bench.profile)).mode & 0o777, 0o700);
  assert.deepEqual(JSON.parse(readFileSync(bench.profile, 'utf8')), {
    version: 1,
    stack: 'dev',
    fullyQualifiedNamespace: NAMESPACE,
    connectionStrings: {
      worker: OUTPUTS['worker_connection_string'],
      producer: OUTPUTS['producer_connection_string'],
    },
    queues: { requests: 'model-retraining-queue', sessions: true, intake: 'retraining-intake' },
    outcomes: {
      topic: 'model-retraining-outcomes',
      statusSubscription: 'status',
      notifySubscription: 'notify',
    },
  });
});

test('a stack without rules of its own has the primary string for both sides; one without any signs in with Entra ID', async (t) => {
  const primary = OUTPUTS['worker_connection_string'];
  const seed = new DeployBench(t, {
    made: { namespace_name: 'n', queue_name: 'q', primary_connection_string: primary },
  });
  assert.equal((await seed.run('up', '--yes')).code, 0);
  assert.deepEqual(JSON.parse(readFileSync(seed.profile, 'utf8')), {
    version: 1,
    stack: 'dev',
    fullyQualifiedNamespace: 'n.servicebus.windows.net',
    connectionStrings: { worker: primary, producer: primary },
    queues: { requests: 'q', sessions: false },
  });
  const { worker_connection_string: _, producer_connection_string: __, ...entra } = OUTPUTS;
  const prod = new DeployBench(t, { made: entra });
  assert.equal((await prod.run('up', '--yes')).code, 0);
  const profile = JSON.parse(readFileSync(prod.profile, 'utf8')) as Record<string, unknown>;
  assert.ok(!('connectionStrings' in profile));
});

test('preview changes nothing; what would be lost is said in plain words; with --json as facts', async (t) => {
  const old = { id: '/subscriptions/s/providers/Microsoft.ServiceBus/namespaces/n/queues/model-retraining-queue' };
  const events = [
    ...step('create-replacement', 'servicebus:Queue', 'requests', { old }),
    ...step('replace', 'servicebus:Queue', 'requests', { old, keys: ['requiresSession'] }),
    ...step('delete', 'servicebus/v20240101:Topic', 'outcomes'),
    ...step('same', 'servicebus:Namespace', 'namespace'),
    summary({ replace: 1, delete: 1, same: 1 }),
  ];
  const bench = new DeployBench(t, { stacks: { dev: OUTPUTS }, events: { preview: events } });
  const { code, stdout } = await bench.run('preview');
  assert.equal(code, 0);
  assert.match(stdout, /± replace +requests +servicebus:Queue {2}for requiresSession\n/);
  assert.match(stdout, /! queue model-retraining-queue is replaced: its messages are lost\n/);
  assert.match(stdout, /! topic outcomes is deleted: its subscriptions and their messages are lost\n/);
  assert.match(stdout, /1 to replace, 1 to delete, 1 unchanged\n$/);
  assert.ok(!bench.calls.some(([command]) => command === 'up'));
  assert.ok(!existsSync(bench.profile));

  const json = await bench.run('preview', '--json');
  const facts = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { fact: string; name?: string });
  assert.deepEqual(
    facts.map(({ fact, name = '' }) => `${fact} ${name}`.trim()),
    [
      'change-planned requests',
      'loss-planned model-retraining-queue',
      'change-planned outcomes',
      'loss-planned outcomes',
      'summary',
    ],
  );
});

test('outputs are printed, secrets only when they are asked for; the profile can be written from them', async (t) => {
  const bench = new DeployBench(t, { stacks: { dev: OUTPUTS } });
  const hidden = await bench.run('outputs', '--json');
  assert.deepEqual(JSON.parse(hidden.stdout), {
    ...OUTPUTS,
    worker_connection_string: '[secret]',
    producer_connection_string: '[secret]',
  });
  const whole = await bench.run('outputs', '--json', '--show-secrets');
  assert.deepEqual(JSON.parse(whole.stdout), OUTPUTS);
  assert.ok(!existsSync(bench.profile));
  const written = await bench.run('outputs', '--write-profile');
  assert.match(written.stdout, /queue_name +model-retraining-queue[^]*profile dev is in /);
  assert.ok(!written.stdout.includes(KEY));
  assert.ok(existsSync(bench.profile));
});

test('destroy wants the name of the stack, deletes, and takes the profile away', async (t) => {
  const events = [...step('delete', 'servicebus:Queue', 'requests'), summary({ delete: 1 })];
  const bench = new DeployBench(t, {
    stacks: { dev: OUTPUTS },
    events: { 'destroy --preview-only': events, destroy: events },
  });
  await bench.run('outputs', '--write-profile');
  const { code, stdout, stderr } = await bench.run('destroy', '--stack', 'dev', '--yes');
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /queue requests is deleted: its messages are lost[^]*- deleted +requests[^]*profile dev is removed/,
  );
  assert.ok(!existsSync(bench.profile));
  assert.match((await bench.run('outputs')).stdout, /stack dev has no outputs: retrain deploy up --stack dev/);
});

test('where there is no terminal, nothing is begun without --yes; destroy wants the stack with it', async (t) => {
  const bench = new DeployBench(t, { stacks: { dev: OUTPUTS } });
  for (const command of ['up', 'destroy']) {
    const { code, stderr } = await bench.run(command);
    assert.equal(code, 2);
    assert.match(stderr, /no terminal to ask on: give --yes/);
  }
  assert.match((await bench.run('destroy', '--yes')).stderr, /--yes without --stack: name the stack/);
  assert.equal(bench.calls.length, 0);
});

test('the policy pack is used when it is asked for', async (t) => {
  const bench = new DeployBench(t);
  const none = await bench.run('preview', '--policies');
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no PulumiPolicy\.yaml/);
  assert.equal(bench.calls.length, 0);
  const pack = join(bench.folder, 'infra', 'policy');
  mkdirSync(pack);
  writeFileSync(join(pack, 'PulumiPolicy.yaml'), 'runtime: nodejs\n');
  assert.equal((await bench.run('preview', '--policies')).code, 0);
  const preview: Call = bench.calls.find(([command]) => command === 'preview') ?? [];
  assert.equal(preview[preview.indexOf('--policy-pack') + 1], pack);
});
