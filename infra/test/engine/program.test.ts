import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AzureProvider } from './azure-provider';
import { secretOutputs } from './plan';
import { runProgram } from './run-program';
import type { ProgramRun, RunOptions } from './run-program';
import { STACKS, testSettings } from './stacks';
import type { Stack } from './stacks';
import { holdsUnknown, isUnknown } from './wire';

const SECRETS: Readonly<Record<Stack, readonly string[]>> = {
  seed: ['primary_connection_string'],
  dev: ['primary_connection_string', 'producer_connection_string', 'worker_connection_string'],
  prod: [],
  premium: [],
};

for (const stack of STACKS)
  describe(`the stack ${stack}`, () => {
    const settings = testSettings(stack);
    const up = once({ stack, ...settings, checkTypes: stack === 'premium' });
    const preview = once({ stack, ...settings, preview: true });

    it('is provisioned', async () => {
      const run = await up();
      assert.deepEqual([...run.failures, ...run.log.errors, ...run.log.warnings, run.stderr], ['']);
      assert.equal(run.exitCode, 0);
      for (const { name, inputs } of run.registrations) assert.ok(!holdsUnknown(inputs), name);
    });

    it('is previewed with the same resources, and what only Azure can tell is unknown', async () => {
      const [planned, made] = [await preview(), await up()];
      assert.deepEqual([...planned.failures, ...planned.log.errors, planned.stderr], ['']);
      assert.equal(planned.exitCode, 0);
      assert.deepEqual(urns(planned), urns(made));
      assert.deepEqual(planned.invocations, [], 'keys of what is not there yet are asked for');
      assert.deepEqual(Object.keys(planned.stackOutputs).sort(), Object.keys(made.stackOutputs).sort());
      for (const name of SECRETS[stack]) assert.ok(isUnknown(planned.stackOutputs[name]), name);
    });

    it('gives its connection strings as secrets and nothing else', async () => {
      assert.deepEqual(secretOutputs(await up()), SECRETS[stack]);
    });

    it('registers the outputs of all its components', async () => {
      const run = await up();
      const components = run.registrations.filter(({ custom }) => !custom);
      assert.deepEqual(
        components.filter(({ urn }) => !run.outputs.has(urn)).map(({ name }) => name),
        [],
      );
    });
  });

describe('a stack that is configured wrong', () => {
  const cases: readonly (RunOptions & { readonly key: string })[] = [
    { stack: 'dev', set: { sku: 'Basic' }, key: 'retrain:sku' },
    { stack: 'dev', set: { lockDuration: 'PT6M' }, key: 'retrain:lockDuration' },
    { stack: 'prod', key: 'retrain:image' },
  ];
  for (const { key, ...options } of cases)
    it(`ends before anything is made and names ${key}`, async () => {
      const run = await runProgram(options);
      assert.equal(run.succeeded, false);
      assert.notEqual(run.exitCode, 0);
      assert.match(run.log.errors.join('\n'), new RegExp(key));
      assert.deepEqual(
        run.registrations.map(({ type }) => type),
        ['pulumi:pulumi:Stack'],
      );
    });

  it('does not start when a value is not of its type', async () => {
    const expected = {
      name: 'ConfigurationError',
      message: "validating stack config: Stack 'dev' with configuration key 'capacity' must be of type 'integer'",
    };
    await assert.rejects(runProgram({ stack: 'dev', set: { capacity: 'many' } }), expected);
  });
});

describe('a program that cannot go on', () => {
  it('ends with the error of the resource, and what depends on it is not made', async () => {
    const reason = 'The namespace name is not available.';
    const run = await runProgram({
      stack: 'dev',
      failure: ({ name }) => (name === 'retrain-dev' ? reason : undefined),
    });
    assert.equal(run.succeeded, false);
    assert.deepEqual(run.failures, [reason]);
    assert.deepEqual(
      run.registrations.filter(({ type }) => type.startsWith('azure-native:servicebus')),
      [],
    );
    assert.deepEqual(run.stackOutputs, {});
  });

  it('ends when keys cannot be listed', async () => {
    const run = await runProgram({ stack: 'seed', provider: new WithoutKeys() });
    assert.equal(run.succeeded, false);
    assert.deepEqual(run.failures, ['The client does not have authorization to perform listKeys.']);
    assert.equal(run.stackOutputs['primary_connection_string'], undefined);
  });
});

class WithoutKeys extends AzureProvider {
  override invoke(): Promise<never> {
    return Promise.reject(new Error('The client does not have authorization to perform listKeys.'));
  }
}

/** Runs the program when it is first asked for, and never again. */
function once(options: RunOptions): () => Promise<ProgramRun> {
  let running: Promise<ProgramRun> | undefined;
  return () => (running ??= runProgram(options));
}

function urns({ registrations }: ProgramRun): string[] {
  return registrations.map(({ urn }) => urn).sort();
}
