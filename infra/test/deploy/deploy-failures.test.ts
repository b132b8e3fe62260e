import * as assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeployBench, KEY, assertFailure, step, summary } from './deploy-bench';
import type { Scene } from './scene';

// What Pulumi refuses, as one sentence with a remedy and an exit code that a script can go by; and what Ctrl-C does.

const diagnostic = (message: string, more: object = {}): object => ({
  diagnosticEvent: { severity: 'error', message, color: 'never', ...more },
});

/** A bench whose update fails with what the engine says. */
const failing = (...events: readonly object[]): Partial<Scene> => ({
  stacks: { dev: {} },
  events: { preview: [summary({ create: 1 })], up: events },
  failures: { up: 'error: update failed' },
});

test('a CLI that is too old is said with how to get another', async (t) => {
  const old = new DeployBench(t, { version: 'v2.25.0' });
  assertFailure(
    await old.run('preview'),
    69,
    /the Pulumi CLI on PATH cannot be used \(.*2\.25\.0.*\): install version 3\.\d+\.\d+ or newer, see https:\/\/www\.pulumi\.com\/docs\/install\//,
  );
});

test('a stack that is not there: made when the program has settings for it, otherwise refused', async (t) => {
  const bench = new DeployBench(t);
  assertFailure(await bench.run('outputs'), 1, /there is no stack dev: retrain deploy up --stack dev makes it/);
  assertFailure(await bench.run('destroy', '--stack', 'dev', '--yes'), 1, /there is no stack dev/);
  assertFailure(
    await bench.run('up', '--yes', '--stack', 'prdo'),
    1,
    /no stack prdo, and no settings .*Pulumi\.dev\.yaml/,
  );
  assertFailure(
    await bench.run('preview', '--stack', '../dev!'),
    2,
    /--stack "\.\.\/dev!": a stack's name has letters/,
  );
  assert.ok(!bench.calls.some(([first, second]) => first === 'stack' && second === 'init'));
});

for (const { what, says, code, line } of [
  {
    what: 'nobody is logged in to Pulumi',
    says: 'error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions',
    code: 77,
    line: /PULUMI_ACCESS_TOKEN must be set.*pulumi login/,
  },
  {
    what: 'the passphrase is missing',
    says: 'error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables',
    code: 77,
    line: /set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, by which/,
  },
  {
    what: 'the state cannot be reached',
    says: 'error: dial tcp: lookup api.pulumi.com: no such host',
    code: 75,
    line: /no such host.*check the network/,
  },
])
  test(`opening a stack fails because ${what}`, async (t) => {
    const bench = new DeployBench(t, { failures: { 'stack select': says } });
    assertFailure(await bench.run('up', '--yes'), code, line);
  });

for (const { what, message, code, line } of [
  {
    what: 'Azure does not know who it is',
    message: "building AzureCLI auth: please run 'az login' to set up an account",
    code: 77,
    line: /az login, or the variables ARM_SUBSCRIPTION_ID/,
  },
  {
    what: 'the account lacks the right',
    message:
      'autorest/azure: Service returned an error. Status=403 Code="AuthorizationFailed" Message="The client does not have authorization"',
    code: 77,
    line: /right on the subscription, as by the role Contributor/,
  },
  {
    what: 'a setting is wrong',
    message:
      "Running program '/x/index.ts' failed with an unhandled exception:\nError: stack dev has a setting to mend:\nretrain:sku: Basic has no sessions\n    at loadSettings (/x/settings.ts:10:5)",
    code: 2,
    line: /\(Error: stack dev has a setting to mend: retrain:sku: Basic has no sessions\): correct the setting: .*pulumi config set KEY VALUE --stack dev/,
  },
  {
    what: 'what has messages is protected',
    message: 'Preview failed: resource "urn:…::requests" cannot be deleted\nbecause it is protected',
    code: 2,
    line: /\(Preview failed: resource .*::requests.*\).*pulumi config set retrain:protect false --stack dev/,
  },
  {
    what: 'a plugin cannot be had',
    message:
      "Could not automatically download and install resource plugin 'pulumi-resource-azure-native': no such host",
    code: 69,
    line: /resource plugin.*elsewhere install it as said/,
  },
  {
    what: 'Azure says something else',
    message:
      'Code="NamespaceUnavailable" Message="The name is taken; SharedAccessKey=aHVzaC1odXNoLWh1c2g= is no one\'s business"',
    code: 1,
    line: /NamespaceUnavailable.*see what Pulumi says above/,
  },
])
  test(`an update fails because ${what}: it is shown, and no profile is written`, async (t) => {
    const bench = new DeployBench(t, failing(...step('create', 'servicebus:Queue', 'requests'), diagnostic(message)));
    const finished = await bench.run('up', '--yes');
    assertFailure(finished, code, line);
    assert.match(finished.stdout, /\+ created +requests/);
    assert.match(finished.stdout, /^error: /m);
    assert.ok(!existsSync(bench.profile));
  });

test('a policy that is violated is named, with the resource', async (t) => {
  const violation = {
    policyEvent: {
      resourceUrn: 'urn:pulumi:dev::retrain::azure-native:servicebus:Namespace::namespace',
      message: 'TLS below 1.2',
      policyName: 'tls-1-2',
      policyPackName: 'retrain',
      enforcementLevel: 'mandatory',
    },
  };
  const bench = new DeployBench(t, {
    stacks: { dev: {} },
    events: { preview: [violation] },
    failures: { preview: 'error: preview failed' },
  });
  const finished = await bench.run('up', '--yes');
  assertFailure(finished, 2, /the preview of stack dev violates tls-1-2: correct the settings/);
  assert.match(finished.stdout, /violated tls-1-2 by namespace: TLS below 1\.2/);
  assert.ok(!bench.calls.some(([command]) => command === 'up'));
});

test('a stack that somebody else updates is left alone: temporary', async (t) => {
  const bench = new DeployBench(t, {
    stacks: { dev: {} },
    failures: { up: 'error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end' },
  });
  assertFailure(await bench.run('up', '--yes'), 75, /stack dev is being updated already.*pulumi cancel --stack dev/);
});

test('outputs of another program make no profile', async (t) => {
  const bench = new DeployBench(t, { made: { url: 'https://x' } });
  assertFailure(await bench.run('up', '--yes'), 1, /stack dev has no output namespace_name/);
  assert.ok(!existsSync(bench.profile));
});

test('with --verbose the whole of what Pulumi said is shown, still without what it printed', async (t) => {
  const bench = new DeployBench(t, failing(diagnostic('Error: odd\n    at x (/x.ts:1:2)')));
  const { code, stdout, stderr } = await bench.run('up', '--yes', '--verbose');
  assert.equal(code, 1);
  assert.match(stdout, /at x \(\/x\.ts:1:2\)/);
  assert.match(stderr, /Caused by: .*code: 255/);
  assert.ok(!(stdout + stderr).includes(KEY));
});

test('Ctrl-C cancels in order, says what was done, and the CLI hears of it once', async (t) => {
  const begun = step('create', 'servicebus:Namespace', 'namespace');
  const bench = new DeployBench(t, {
    stacks: { dev: {} },
    events: { preview: [summary({})], up: [...begun, summary({ create: 1 })] },
    hangs: { command: 'up', stubborn: false },
  });
  const up = bench.start('up', '--yes');
  await up.printed(/created +namespace/);
  await bench.called('(hangs)', 1);
  up.child.kill('SIGINT');
  const finished = await up.finished;
  assert.equal(finished.code, 130);
  assert.match(finished.stdout, /stopping: what is being changed is waited for; Ctrl-C again ends at once/);
  assert.match(
    finished.stderr,
    /the update was cancelled in order: 1 change was made and recorded.*the same command goes on\n$/,
  );
  assert.equal(bench.calls.filter(([word]) => word === '(signal)').length, 1);
  assert.ok(!existsSync(bench.profile));
});

test('a second Ctrl-C ends at once, and the CLI with it', async (t) => {
  const bench = new DeployBench(t, {
    stacks: { dev: {} },
    events: { preview: [summary({})], up: step('create', 'servicebus:Namespace', 'namespace') },
    hangs: { command: 'up', stubborn: true },
  });
  const up = bench.start('up', '--yes');
  await up.printed(/created +namespace/);
  await bench.called('(hangs)', 1);
  up.child.kill('SIGINT');
  await bench.called('(signal)', 1);
  up.child.kill('SIGINT');
  const { code } = await up.finished;
  assert.equal(code, 130);
  // It was told a second time, which ends it at once.
  await bench.called('(signal)', 2);
});

test('keys are in the profile and in no other file or argument', async (t) => {
  const bench = new DeployBench(t);
  assert.equal((await bench.run('up', '--yes', '--json')).code, 0);
  const names = readdirSync(bench.folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules') && name !== 'scene.json')
    .map((name) => join(bench.folder, name))
    .filter((path) => statSync(path).isFile());
  const having = names.filter((path) => readFileSync(path, 'utf8').includes(KEY));
  assert.deepEqual(having, [bench.profile]);
});
