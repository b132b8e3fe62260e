import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { planDifferences, planOf } from '../engine/plan';
import { runProgram } from '../engine/run-program';
import type { ProgramRun } from '../engine/run-program';
import { revealedObject } from '../engine/wire';
import type { WireObject } from '../engine/wire';
import { ArmProvider } from './arm-provider';
import { LocalBroker } from './local-broker';

const EXCHANGE_LIMIT_MS = 120_000;
const CHANGING = new Set([
  'accessedAt',
  'countDetails',
  'messageCount',
  'sizeInBytes',
  'subscriptionCount',
  'updatedAt',
]);

describe('the stack dev, provisioned on the broker of this repository', () => {
  let broker: LocalBroker;
  let provider: ArmProvider;
  let run: ProgramRun;
  let outputs: Readonly<Record<string, string>>;

  before(async () => {
    broker = await LocalBroker.start();
    provider = new ArmProvider(broker);
    run = await runProgram({ stack: 'dev', provider });
    outputs = revealedObject(run.stackOutputs) as Record<string, string>;
  });
  after(() => broker[Symbol.asyncDispose]());

  it('is made by Azure Resource Manager', () => {
    assert.deepEqual([...run.failures, ...run.log.errors], []);
    assert.equal(run.succeeded, true);
    const made = ['intake', 'notify', 'outcomes', 'producer', 'requests', 'retrain-dev', 'status', 'worker'];
    assert.deepEqual([...provider.forwarded].sort(), made);
  });

  it('has the queue that the worker wants', () => {
    const { state } = run.registrations.find(({ type, name }) => type.endsWith(':Queue') && name === 'requests') ?? {};
    const { requiresSession, requiresDuplicateDetection, lockDuration, maxDeliveryCount, status } = state ?? {};
    assert.deepEqual(
      { requiresSession, requiresDuplicateDetection, lockDuration, maxDeliveryCount, status },
      {
        requiresSession: true,
        requiresDuplicateDetection: true,
        lockDuration: 'PT1M',
        maxDeliveryCount: 10,
        status: 'Active',
      },
    );
  });

  it('takes a message from its producer, which its worker receives', async () => {
    const received = await exchange(broker, outputs['queue_name'] ?? '', {
      SENDER: outputs['producer_connection_string'] ?? '',
      RECEIVER: outputs['worker_connection_string'] ?? '',
    });
    assert.deepEqual(received, { body: { model: 'churn' }, sessionId: 'churn' });
  });

  it('takes and gives one by its primary connection string', async () => {
    const both = outputs['primary_connection_string'] ?? '';
    const received = await exchange(broker, outputs['queue_name'] ?? '', { SENDER: both, RECEIVER: both });
    assert.deepEqual(received, { body: { model: 'churn' }, sessionId: 'churn' });
  });

  it('lets its producer receive nothing', async () => {
    const producer = outputs['producer_connection_string'] ?? '';
    const received = await exchange(broker, outputs['queue_name'] ?? '', { SENDER: producer, RECEIVER: producer });
    // The official client does not look at why a session's link was refused.
    assert.match((received as { failed: string }).failed, /SessionCannotBeLocked/);
  });

  it('is the same when it is provisioned again, keys included', async () => {
    const again = await runProgram({ stack: 'dev', provider });
    assert.deepEqual(again.failures, []);
    assert.deepEqual(planDifferences(planOf(run), planOf(again)), []);
    assert.deepEqual(again.stackOutputs, run.stackOutputs);
    assert.deepEqual(statesOf(again), statesOf(run));
  });
});

describe('a stack that the broker refuses', () => {
  it('fails with what the broker says', async () => {
    await using broker = await LocalBroker.start();
    const provider = new ArmProvider(broker);
    await runProgram({ stack: 'seed', provider });
    const run = await runProgram({ stack: 'dev', provider, set: { namespaceName: 'another-namespace' } });
    assert.equal(run.succeeded, false);
    assert.equal(run.failures.length, 1);
    assert.match(run.failures[0] ?? '', /ai-model-retraining-namespace/);
  });
});

/** What the broker answered, without what messages and time change. */
function statesOf(run: ProgramRun): readonly WireObject[] {
  const states = run.registrations.filter(({ custom }) => custom);
  const sorted = [...states].sort((a, b) => (a.urn < b.urn ? -1 : 1));
  return sorted.map(({ state }) => Object.fromEntries(Object.entries(state).filter(([name]) => !CHANGING.has(name))));
}

async function exchange(
  { trustFile }: LocalBroker,
  queue: string,
  connectionStrings: { readonly SENDER: string; readonly RECEIVER: string },
): Promise<unknown> {
  const child = spawn(process.execPath, [join(__dirname, 'exchange.js'), queue], {
    env: { ...process.env, ...connectionStrings, NODE_EXTRA_CA_CERTS: trustFile },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: EXCHANGE_LIMIT_MS,
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  await once(child, 'close');
  return JSON.parse(printed);
}
