import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runProgram } from '../engine/run-program';
import type { RunOptions } from '../engine/run-program';
import { STACKS, testSettings } from '../engine/stacks';
import type { Stack } from '../engine/stacks';
import type { Wire } from '../engine/wire';
import { analyzedPlan, withoutResource, withProperties, withResource } from './analyzed-plan';
import { PolicyPackProcess } from './policy-pack';
import type { AnalysisOptions, AnalyzedResource, Verdict } from './policy-pack';

const FOR_PRODUCTION = ['dead-letter-alert', 'diagnostics', 'entra-only', 'messages-protected'];
const DATA_OWNER = '/providers/Microsoft.Authorization/roleDefinitions/090c5cfd-751d-490a-894a-3ce6f1109419';
const CONTRIBUTOR = '/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c';
const OWNER = '/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const ACCESS_ADMINISTRATOR = '/providers/Microsoft.Authorization/roleDefinitions/18d7d88d-d35e-4fb5-a5c3-7773c20a72d9';

let pack: PolicyPackProcess;
const plans = new Map<string, Promise<AnalyzedResource[]>>();

before(async () => {
  pack = await PolicyPackProcess.start();
});
after(() => pack[Symbol.asyncDispose]());

it('every policy is mandatory and says what to do', async () => {
  const { name, policiesList } = await pack.info();
  assert.equal(name, 'retrain');
  for (const policy of policiesList) {
    assert.equal(policy.enforcementlevel, 1, policy.name);
    assert.notEqual(policy.remediationSteps, '', policy.name);
  }
});

describe('a stack keeps to all policies that apply to it', () => {
  const notForProduction = (stack: Stack): [string, string][] => {
    const reason = `the stack ${stack} is not for production: it is none of prod, premium and has no tag environment: production`;
    return FOR_PRODUCTION.map((policy) => [policy, reason]);
  };
  const NOT_APPLICABLE: Readonly<Record<Stack, readonly [string, string][]>> = {
    seed: [...notForProduction('seed'), ['root-key-stays', "the stack seed may have the root rule's key"]],
    dev: notForProduction('dev'),
    prod: [],
    premium: [],
  };
  for (const stack of STACKS)
    for (const preview of [false, true])
      it(`${stack}${preview ? ' in its preview' : ''}`, async () => {
        const verdict = await pack.analyze(await planOf({ stack, ...(preview && { preview }) }));
        assert.deepEqual(verdict.violations, []);
        const expected = [...NOT_APPLICABLE[stack]].sort(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual(
          [...verdict.notApplicable].sort(([a], [b]) => (a < b ? -1 : 1)),
          expected,
        );
      });
});

describe('a plan that was broken is refused by', () => {
  interface Case {
    readonly violation: string;
    readonly stack: Stack;
    readonly breaking: (plan: AnalyzedResource[]) => AnalyzedResource[];
  }
  const set = (name: string, property: string, value: Wire | undefined) => (plan: AnalyzedResource[]) =>
    withProperties(plan, name, { [property]: value });
  const unprotected = (name: string) => (plan: AnalyzedResource[]) =>
    withResource(plan, name, (resource) => ({ ...resource, protect: false }));
  const CASES: readonly Case[] = [
    {
      violation: 'tls-1-2: minimumTlsVersion of the namespace is 1.1; it has to be 1.2 or 1.3.',
      stack: 'seed',
      breaking: set('retrain-seed', 'minimumTlsVersion', '1.1'),
    },
    {
      violation: 'tls-1-2: minimumTlsVersion of the namespace is left out; it has to be 1.2 or 1.3.',
      stack: 'dev',
      breaking: set('retrain-dev', 'minimumTlsVersion', undefined),
    },
    {
      violation: 'tls-1-2: minimumTlsVersion of the storage account is TLS1_0; it has to be TLS1_2 or TLS1_3.',
      stack: 'prod',
      breaking: set('storage', 'minimumTlsVersion', 'TLS1_0'),
    },
    {
      violation: 'tls-1-2: enableHttpsTrafficOnly of the storage account is false; leave it out, or set it to true.',
      stack: 'prod',
      breaking: set('storage', 'enableHttpsTrafficOnly', false),
    },
    ...['worker', 'producer'].map((rule) => ({
      violation: 'no-manage-key: The rule has the right Manage: its key could make, change and delete queues.',
      stack: 'dev' as const,
      breaking: set(rule, 'rights', ['Listen', 'Manage', 'Send']),
    })),
    {
      violation:
        'no-managing-role: worker-receives-requests gives the role Azure Service Bus Data Owner to worker-identity.',
      stack: 'prod',
      breaking: set('worker-receives-requests', 'roleDefinitionId', DATA_OWNER),
    },
    {
      violation: 'no-managing-role: worker-keeps-models gives the role Owner to worker-identity.',
      stack: 'prod',
      breaking: set('worker-keeps-models', 'roleDefinitionId', OWNER.toUpperCase()),
    },
    {
      violation: 'no-managing-role: worker-reads-data gives the role User Access Administrator to worker-identity.',
      stack: 'prod',
      breaking: set('worker-reads-data', 'roleDefinitionId', ACCESS_ADMINISTRATOR),
    },
    {
      violation: 'no-managing-role: scaler-reads-queues gives the role Contributor to scaler-identity.',
      stack: 'prod',
      breaking: set('scaler-reads-queues', 'roleDefinitionId', CONTRIBUTOR),
    },
    {
      violation: 'no-managing-role: scaler-reads-queues gives the role Azure Service Bus Data Owner to a principal.',
      stack: 'prod',
      breaking: (plan) =>
        withResource(plan, 'scaler-reads-queues', (resource) => ({
          ...resource,
          propertyDependencies: new Map(
            [...resource.propertyDependencies].filter(([property]) => property !== 'principalId'),
          ),
        })),
    },
    {
      violation:
        'scaler-out-of-reach: A container of the job can sign in as the identity of the scale rule, which may manage the namespace.',
      stack: 'prod',
      breaking: (plan) =>
        withResource(plan, 'worker-job', (job) => {
          const configuration = job.inputs['configuration'] as Record<string, Wire>;
          return { ...job, inputs: { ...job.inputs, configuration: { ...configuration, identitySettings: [] } } };
        }),
    },
    {
      violation:
        'scaler-out-of-reach: A container of the job can sign in as the identity of the scale rule, which may manage the namespace.',
      stack: 'premium',
      breaking: (plan) =>
        withResource(plan, 'intake-job', (job) => {
          const configuration = job.inputs['configuration'] as Record<string, Wire>;
          const settings = configuration['identitySettings'] as Record<string, Wire>[];
          // Kept from the containers is the wrong one.
          const others = settings.map((one) => ({ ...one, lifecycle: one['lifecycle'] === 'None' ? 'All' : 'None' }));
          return { ...job, inputs: { ...job.inputs, configuration: { ...configuration, identitySettings: others } } };
        }),
    },
    {
      violation: 'no-public-blobs: allowBlobPublicAccess of the storage account has to be false.',
      stack: 'prod',
      breaking: set('storage', 'allowBlobPublicAccess', undefined),
    },
    {
      violation: 'no-public-blobs: publicAccess of the container is Blob; it has to be None.',
      stack: 'premium',
      breaking: set('models', 'publicAccess', 'Blob'),
    },
    {
      violation: 'entra-only: disableLocalAuth of retrain-prod has to be true.',
      stack: 'prod',
      breaking: set('retrain-prod', 'disableLocalAuth', false),
    },
    {
      violation: 'entra-only: allowSharedKeyAccess of storage has to be false.',
      stack: 'premium',
      breaking: set('storage', 'allowSharedKeyAccess', undefined),
    },
    ...['retrain-prod', 'requests', 'intake', 'outcomes'].map((name) => ({
      violation: `messages-protected: ${name} is not protected.`,
      stack: 'prod' as const,
      breaking: unprotected(name),
    })),
    {
      violation: 'dead-letter-alert: No alert that is enabled watches DeadletteredMessages of retrain-prod.',
      stack: 'prod',
      breaking: (plan) => withoutResource(plan, 'dead-letters'),
    },
    {
      violation: 'dead-letter-alert: No alert that is enabled watches DeadletteredMessages of retrain-premium.',
      stack: 'premium',
      breaking: set('dead-letters', 'enabled', false),
    },
    {
      violation: 'diagnostics: No diagnostic setting keeps the logs of retrain-prod.',
      stack: 'prod',
      breaking: (plan) => withoutResource(plan, 'namespace-logs'),
    },
    {
      violation: 'diagnostics: No diagnostic setting keeps the logs of retrain-premium.',
      stack: 'premium',
      breaking: set('namespace-logs', 'logs', []),
    },
  ];
  for (const { violation, stack, breaking } of CASES)
    it(`${violation} (${stack})`, async () => {
      const verdict = await pack.analyze(breaking(await planOf({ stack })));
      assert.deepEqual(verdict.violations, [violation]);
    });

  it("root-key-stays, when another stack than the beginning's gives the root rule's key out", async () => {
    const plan = await planOf({ stack: 'dev', set: { primaryConnectionString: 'root' } });
    const { violations } = await pack.analyze(plan);
    assert.deepEqual(violations, ["root-key-stays: The output primary_connection_string has the root rule's key."]);
  });
});

describe('what is for production is decided', () => {
  const violated = ({ violations }: Verdict): string[] => violations.map((line) => line.split(':')[0] ?? '');
  const decided = async (options: AnalysisOptions, stack: Stack = 'dev'): Promise<string[]> => [
    ...new Set(violated(await pack.analyze(await planOf({ stack }), options))),
  ];

  it('by a tag of the stack', async () => {
    const expected = ['dead-letter-alert', 'diagnostics', 'entra-only', 'messages-protected'];
    const violations = await decided({ stackTags: { environment: 'production' } }, 'seed');
    assert.deepEqual(violations, expected);
    assert.deepEqual(await decided({ stackTags: { environment: 'test' } }, 'seed'), []);
  });

  it("by a tag of the stack's resources", async () => {
    const plan = withProperties(await planOf({ stack: 'dev' }), 'retrain-dev', { tags: { environment: 'production' } });
    assert.ok(violated(await pack.analyze(plan)).includes('entra-only'));
    const written = withProperties(plan, 'retrain-dev', { tags: { Environment: 'Production' } });
    assert.ok(violated(await pack.analyze(written)).includes('entra-only'));
    const other = withProperties(plan, 'retrain-dev', { tags: { environment: 'test', use: 'production' } });
    assert.deepEqual(violated(await pack.analyze(other)), []);
  });

  it('by names that the configuration of a policy lists', async () => {
    const configuration = { 'messages-protected': { productionStacks: ['dev'] } };
    assert.deepEqual(await decided({ configuration }), ['messages-protected']);
  });
});

/** The plan of a stack, which is made once. */
function planOf(options: RunOptions & { readonly stack: Stack }): Promise<AnalyzedResource[]> {
  const key = JSON.stringify(options);
  const plan = plans.get(key) ?? runProgram({ ...testSettings(options.stack), ...options }).then(analyzedPlan);
  plans.set(key, plan);
  return plan;
}
