/** The life of stacks with the real Pulumi CLI: `npm run test:cli`. It is no part of `npm test`, because the CLI is a download of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findCli, PulumiCli } from './pulumi-cli';
import type { CommandResult } from './pulumi-cli';

const IMAGE = `registry.example.com/retrain-worker@sha256:${'0'.repeat(64)}`;

const found = findCli();

if ('missing' in found) it('finds the Pulumi CLI', () => assert.fail(found.missing));
else describe('with the real Pulumi CLI', () => livesWith(found.cli));

function livesWith(cli: string): void {
  let pulumi: PulumiCli;

  before(() => {
    pulumi = new PulumiCli(cli);
  });
  after(() => pulumi[Symbol.dispose]());

  /** Its steps follow one another. */
  describe('the stack dev', () => {
    it('is previewed', async () => {
      succeeded(await pulumi.run('stack', 'init', 'dev'));
      succeeded(await pulumi.run('config', 'set', 'protect', 'true'));
      const preview = succeeded(await pulumi.run('preview'));
      assert.match(preview.text, /\+ \d+ to create/);
      assert.doesNotMatch(preview.text, /to update|to replace|to delete/);
    });

    it('is provisioned, with what the policies say', async () => {
      const up = succeeded(await pulumi.run('up', '--yes', '--policy-pack', 'policy'));
      assert.match(up.text, /retrain@v[\d.]+ \(local: policy\)/);
      assert.match(up.text, /\d+ created/);
      assert.doesNotMatch(up.text, /SharedAccessKey=/);
    });

    it('is unchanged when it is provisioned again', async () => {
      const { text } = succeeded(await pulumi.run('up', '--yes'));
      assert.match(text, /\d+ unchanged/);
      assert.doesNotMatch(text, /created|updated|replaced|deleted/);
    });

    it('shows its connection strings to who asks for secrets, and its state has them encrypted', async () => {
      const { stdout } = succeeded(await pulumi.run('stack', 'output', '--json'));
      const outputs = JSON.parse(stdout) as Record<string, unknown>;
      assert.equal(outputs['worker_connection_string'], '[secret]');
      assert.equal(outputs['primary_connection_string'], '[secret]');
      assert.equal(outputs['queue_name'], 'model-retraining-queue');
      const shown = succeeded(await pulumi.run('stack', 'output', '--json', '--show-secrets'));
      const secrets = JSON.parse(shown.stdout) as Record<string, string>;
      const key = /SharedAccessKey=([^;]+)/.exec(secrets['worker_connection_string'] ?? '')?.[1];
      assert.ok(key);
      const state = pulumi.stateText('dev');
      assert.match(state, /model-retraining-queue/);
      assert.doesNotMatch(state, /SharedAccessKey=/);
      assert.ok(!state.includes(key));
    });

    it('tells what a change of a setting changes, and nothing else', async () => {
      succeeded(await pulumi.run('config', 'set', 'maxDeliveryCount', '20'));
      const { text } = succeeded(await pulumi.run('preview', '--diff'));
      assert.match(text, /~ maxDeliveryCount: 10 => 20/);
      assert.match(text, /~ 1 to update/);
      assert.doesNotMatch(text, /to replace|to create|to delete/);
      succeeded(await pulumi.run('config', 'rm', 'maxDeliveryCount'));
    });

    it('does not replace its queue, whose messages would be gone', async () => {
      succeeded(await pulumi.run('config', 'set', 'sessions', 'false'));
      const { exitCode, text } = await pulumi.run('up', '--yes');
      assert.notEqual(exitCode, 0);
      assert.match(text, /unable to replace resource ".*Queue::requests"\s+as it is currently marked for protection/);
      succeeded(await pulumi.run('config', 'rm', 'sessions'));
    });

    it('is not destroyed while it is protected, and is when it is not', async () => {
      const refused = await pulumi.run('destroy', '--yes');
      assert.notEqual(refused.exitCode, 0);
      assert.match(refused.text, /Queue::requests" cannot be deleted\s+because it is protected/);
      succeeded(await pulumi.run('config', 'set', 'protect', 'false'));
      succeeded(await pulumi.run('up', '--yes'));
      const destroyed = succeeded(await pulumi.run('destroy', '--yes'));
      assert.match(destroyed.text, /\d+ deleted/);
      assert.doesNotMatch(pulumi.stateText('dev'), /servicebus/);
    });

    it('is not begun with settings that are wrong', async () => {
      succeeded(await pulumi.run('config', 'set', 'sku', 'Basic'));
      const basic = await pulumi.run('up', '--yes');
      assert.notEqual(basic.exitCode, 0);
      assert.match(basic.text, /retrain:sku/);
      assert.doesNotMatch(basic.text, /servicebus/);
      succeeded(await pulumi.run('config', 'rm', 'sku'));
    });

    it('is not begun with a value that is not of its type, in the words that the test engine has for it', async () => {
      succeeded(await pulumi.run('config', 'set', 'capacity', 'many'));
      const { exitCode, text } = await pulumi.run('preview');
      assert.notEqual(exitCode, 0);
      assert.match(text, /Stack 'dev' with configuration key 'capacity' must be of type 'integer'/);
    });
  });

  describe('the stack prod', () => {
    it('keeps to the policies', async () => {
      succeeded(await pulumi.run('stack', 'init', 'prod'));
      succeeded(await pulumi.run('config', 'set', 'image', IMAGE));
      const { text } = succeeded(await pulumi.run('preview', '--policy-pack', 'policy'));
      assert.match(text, /retrain@v[\d.]+ \(local: policy\)/);
      assert.doesNotMatch(text, /mandatory|advisory/);
    });

    it('is refused by the policies without its alerts and its protection', async () => {
      succeeded(await pulumi.run('config', 'set', 'alerts', 'false'));
      succeeded(await pulumi.run('config', 'set', 'protect', 'false'));
      const { exitCode, text } = await pulumi.run('preview', '--policy-pack', 'policy');
      assert.notEqual(exitCode, 0);
      assert.match(text, /\[mandatory\].*dead-letter-alert/);
      assert.match(text, /\[mandatory\].*messages-protected/);
    });

    it('gives its locks up before anything else when it is destroyed', async () => {
      succeeded(await pulumi.run('up', '--yes'));
      const { text } = succeeded(await pulumi.run('destroy', '--yes'));
      const steps = [...text.matchAll(/azure-native:(\S+) (\S+) (deleting|deleted) /g)].map(([, ...step]) => step);
      const lastLock = steps.findLastIndex(([type]) => type === 'authorization:ManagementLockByScope');
      const [before, others] = [steps.slice(0, lastLock + 1), steps.slice(lastLock + 1)];
      const gone = before.filter(([, , what]) => what === 'deleted').map(([, name]) => name);
      assert.deepEqual(new Set(gone), new Set(['namespace-lock', 'storage-lock']));
      assert.ok(others.some(([type]) => type === 'servicebus:Namespace'));
    });
  });
}

/** @throws AssertionError with what the command printed */
function succeeded(result: CommandResult): CommandResult {
  assert.equal(result.exitCode, 0, result.text);
  return result;
}
