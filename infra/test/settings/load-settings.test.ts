import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as pulumi from '@pulumi/pulumi';
import { loadSettings } from '../../settings/load-settings';
import { SettingsError } from '../../settings/problem';
import { stackConfig } from '../stack-config';

const image = 'images.example.com/worker:1';

function load(stack: string, overrides: Readonly<Record<string, unknown>> = {}, folder = process.cwd()) {
  pulumi.runtime.setAllConfig(stackConfig(stack, overrides));
  return loadSettings(stack, 'retrain', folder);
}

/** The lines of the error, without its heading. */
function complaints(stack: string, overrides: Readonly<Record<string, unknown>>, folder?: string): readonly string[] {
  try {
    load(stack, overrides, folder);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    assert.ok(pulumi.RunError.isInstance(error), 'Pulumi shows it without a stack');
    return error.message.split('\n').slice(1);
  }
  throw new Error('the settings were taken');
}

describe('the settings of a stack', () => {
  test('seed: the names of the beginning, the plain layout', () => {
    const settings = load('seed');
    assert.equal(settings.resourceGroupName, 'my-ai-resources');
    assert.equal(settings.namespaceName, 'ai-model-retraining-namespace');
    assert.equal(settings.topology['layout'], 'plain');
    assert.equal(settings.protect, false);
    assert.equal(settings.alerts, undefined);
  });

  test('dev: what is left empty is undefined, or named after the stack', () => {
    const settings = load('dev');
    assert.equal(settings.resourceGroupName, 'retrain-dev');
    assert.equal(settings.namespaceName, undefined);
    assert.equal(settings.capacity, undefined);
    assert.equal(settings.topology['maxMessageSizeInKilobytes'], null);
    assert.equal(settings.topology['sessions'], true);
    assert.equal(settings.storageEvents, undefined);
    assert.equal(settings.worker, undefined);
    assert.deepEqual(settings.alerts, { emails: [] });
    assert.deepEqual(settings.network, { addressSpace: undefined, allowedIpRanges: [] });
  });

  test('prod: with an image it has all parts; without it the image is asked for', () => {
    const settings = load('prod', { image });
    assert.deepEqual(settings.worker, {
      image,
      imageRegistryId: undefined,
      configuration: undefined,
      maxRuntimeSeconds: 86_400,
      maxExecutions: 10,
      pollingIntervalSeconds: 30,
      cpu: 1,
      memory: '2Gi',
    });
    assert.deepEqual(settings.storageEvents, {
      dataContainerName: 'training-data',
      blobPrefix: undefined,
      blobSuffix: undefined,
    });
    assert.deepEqual(settings.tags, { environment: 'production' });
    assert.match(complaints('prod', {}).join(), /^retrain:image: is not set/);
  });

  test('premium: capacity, zones and a network of its own', () => {
    const settings = load('premium', { image });
    assert.equal(settings.capacity, 1);
    assert.equal(settings.zoneRedundant, true);
    assert.equal(settings.network.addressSpace, '10.40.0.0/24');
    assert.equal(load('premium', { image, capacity: 0 }).capacity, 1);
    assert.equal(load('premium', { image, capacity: 4 }).capacity, 4);
  });

  test('a setting that is false stays false', () => {
    assert.equal(load('dev', { sessions: false }).topology['sessions'], false);
  });

  test('parts of a second count as a whole one in the longest run', () => {
    assert.equal(load('prod', { image, maxRuntime: 'PT60.5S' }).worker?.maxRuntimeSeconds, 61);
  });

  test('tags may be numbers and truths where they were set by path', () => {
    assert.deepEqual(load('dev', { tags: { costCenter: 42, critical: true } }).tags, {
      costCenter: '42',
      critical: 'true',
    });
  });
});

describe('settings that are wrong', () => {
  test('are told all at once, a line each, with key, value, limit and remedy', () => {
    assert.deepEqual(
      complaints('dev', {
        maxDeliveryCount: 'ten',
        sessions: 'yes',
        alertEmails: 'ops@example.com',
        tags: ['a'],
        lockDurations: 'PT1M',
        lockDuration: 'PT6M',
        capacity: 2,
      }),
      [
        'retrain:tags: "[\\"a\\"]" is no object of texts by name: pulumi config set --path retrain:tags.NAME VALUE',
        'retrain:maxDeliveryCount: "ten" is no whole number: pulumi config set retrain:maxDeliveryCount 1',
        'retrain:sessions: "yes" is neither true nor false: pulumi config set retrain:sessions true',
        'retrain:alertEmails: "ops@example.com" is no list of texts: pulumi config set --path \'retrain:alertEmails[0]\' VALUE',
        'retrain:lockDurations: "PT1M" is set, but there is no such setting; lockDuration is near: pulumi config rm retrain:lockDurations',
        'retrain:lockDuration: "PT6M" is longer than PT5M: pulumi config set retrain:lockDuration PT5M',
        'retrain:capacity: "2" is set, but a Standard namespace has no messaging units of its own: pulumi config set retrain:capacity 0, or pulumi config set retrain:sku Premium',
      ],
    );
  });

  test('an item of a list is told with its place', () => {
    assert.deepEqual(complaints('dev', { alertEmails: ['ops@example.com', 'nobody'] }), [
      'retrain:alertEmails[1]: "nobody" is no address of a mailbox: pulumi config set --path \'retrain:alertEmails[1]\' ops@example.com',
    ]);
  });

  test('numbers are whole numbers to the last character', () => {
    for (const maxDeliveryCount of ['10 or so', '1e3', '10.5', ' 10', ''])
      assert.equal(complaints('dev', { maxDeliveryCount }).length, 1, maxDeliveryCount);
  });

  test('lists and maps have texts in them', () => {
    assert.equal(complaints('dev', { alertEmails: [1] }).length, 1);
    assert.equal(complaints('dev', { tags: { team: null } }).length, 1);
    assert.equal(complaints('dev', { tags: { team: ['a'] } }).length, 1);
    assert.equal(complaints('dev', { tags: 'not JSON' }).length, 1);
  });

  test('an unknown key that is near none is told without a guess', () => {
    assert.deepEqual(complaints('dev', { colour: 'red' }), [
      'retrain:colour: "red" is set, but there is no such setting: pulumi config rm retrain:colour',
    ]);
  });

  test('keys of other projects are none of this one', () => {
    pulumi.runtime.setAllConfig({
      ...stackConfig('dev'),
      'azure-native:location': 'westus',
      'retrain-more:colour': 'red',
    });
    assert.equal(loadSettings('dev', 'retrain').location, 'West US');
  });

  test('a key without a default is missed', () => {
    const { 'retrain:queueName': _, ...config } = stackConfig('dev');
    pulumi.runtime.setAllConfig(config);
    assert.throws(
      () => loadSettings('dev', 'retrain'),
      /retrain:queueName: is not set, and Pulumi\.yaml has no default for it: pulumi config set/,
    );
  });

  test('the name that is made of the stack is checked, too', () => {
    assert.match(complaints('s'.repeat(90), {}).join(), /^retrain:resourceGroupName: "retrain-sss/);
  });

  test('a long value is shortened', () => {
    const [line] = complaints('dev', { blobPrefix: 'p'.repeat(5000) });
    assert.ok(line !== undefined && line.length < 300);
  });
});

describe('the configuration of the worker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrain-infra-'));
  after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'retrain.yaml'), 'models: {}\n');
  writeFileSync(join(folder, 'at-limit.yaml'), '#'.repeat(256 * 1024));
  writeFileSync(join(folder, 'large.yaml'), '#'.repeat(256 * 1024 + 1));
  const job = { worker: true, image };

  test('is the text of the file', () => {
    assert.equal(
      load('dev', { ...job, configurationFile: 'retrain.yaml' }, folder).worker?.configuration,
      'models: {}\n',
    );
    assert.equal(
      load('dev', { ...job, configurationFile: 'at-limit.yaml' }, folder).worker?.configuration?.length,
      262_144,
    );
  });

  test('is not looked for without a worker', () => {
    assert.equal(load('dev', { configurationFile: 'missing.yaml' }, folder).worker, undefined);
  });

  for (const [what, configurationFile, limit] of [
    [
      'missing',
      'missing.yaml',
      /is not there, looked for at .*missing\.yaml: pulumi config set retrain:configurationFile/,
    ],
    ['too large', 'large.yaml', /has 262145 bytes, and a configuration has 262144 at most/],
    ['no file', '.', /is no file/],
  ] as const) {
    test(`that is ${what} is refused`, () => {
      assert.match(complaints('dev', { ...job, configurationFile }, folder).join(), limit);
    });
  }
});
