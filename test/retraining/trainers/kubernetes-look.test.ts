import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasLog, lookAtJob, newestPod } from '../../../src/retraining/trainers/kubernetes-look.ts';
import type { JobState, PodState } from '../../../src/retraining/trainers/kubernetes-look.ts';

function job(...conditions: readonly (readonly [string, string?])[]): JobState {
  return {
    metadata: { name: 'j', uid: 'u' },
    status: { conditions: conditions.map(([type, reason = 'R']) => ({ type, status: 'True', reason, message: 'm' })) },
  };
}

type Terminated = { exitCode: number; reason?: string; message?: string };

function pod(terminated: Terminated | undefined, status: object = {}, metadata: object = {}): PodState {
  const containerStatuses = [{ name: 'train', state: terminated ? { terminated } : {} }];
  return { metadata: { name: 'p', ...metadata }, status: { containerStatuses, ...status } };
}

const FAILED = job(['FailureTarget'], ['Failed', 'BackoffLimitExceeded']);
const DISRUPTED = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] };

const TABLE: readonly (readonly [string, PodState | undefined, string, RegExp])[] = [
  ['exit code 64', pod({ exitCode: 64, reason: 'Error' }), 'permanent', /exit code 64$/],
  ['exit code 75', pod({ exitCode: 75, reason: 'Error' }), 'retry', /75/],
  ['killed for want of memory', pod({ exitCode: 137, reason: 'OOMKilled' }), 'killed', /137 \(OOMKilled\)/],
  ['preemption', pod({ exitCode: 137 }, DISRUPTED), 'interrupted', /PreemptionByScheduler/],
  [
    'eviction, as older releases tell it',
    pod(undefined, { reason: 'Evicted', message: 'disk' }),
    'interrupted',
    /Evicted: disk/,
  ],
  ['SIGTERM of a deletion', pod({ exitCode: 143 }), 'interrupted', /143/],
  ['SIGKILL of a deletion', pod({ exitCode: 137 }, {}, { deletionTimestamp: 'x' }), 'interrupted', /deleted/],
  ['a pod that is gone', undefined, 'interrupted', /gone/],
  [
    'no such command in the image',
    pod({ exitCode: 128, reason: 'StartError', message: 'exec: no' }),
    'permanent',
    /exec: no/,
  ],
  [
    'another container that failed',
    pod({ exitCode: 0 }, { initContainerStatuses: [{ name: 'fetch', state: { terminated: { exitCode: 3 } } }] }),
    'retry',
    /container fetch ended with exit code 3/,
  ],
];
for (const [what, state, meaning, reason] of TABLE)
  test(`a Job that failed by ${what} is ${meaning}`, () => {
    const look = lookAtJob(FAILED, state, 'train');
    assert.ok(look.state === 'failed');
    assert.equal(look.meaning, meaning);
    assert.match(look.reason, reason);
  });

test('a Job over its deadline costs an attempt, and says what its pod was waiting for', () => {
  const waiting = { name: 'train', state: { waiting: { reason: 'ImagePullBackOff', message: 'no such tag' } } };
  const state = pod(undefined, { containerStatuses: [waiting] });
  const look = lookAtJob(job(['Failed', 'DeadlineExceeded']), state, 'train');
  assert.ok(look.state === 'failed');
  assert.equal(look.meaning, 'retry');
  assert.match(look.reason, /longer than.*ImagePullBackOff no such tag/);
});

test('a Job runs until it is complete or failed, whatever is announced before', () => {
  for (const announced of ['SuccessCriteriaMet', 'FailureTarget', 'Suspended'])
    assert.equal(lookAtJob(job([announced]), pod({ exitCode: 0 }), 'train').state, 'running');
});

test('the result of a Job is what its container left for its status, and one that was cut says so', () => {
  const look = lookAtJob(job(['Complete']), pod({ exitCode: 0, message: '{}' }), 'train');
  assert.deepEqual(look, { state: 'succeeded', result: '{}' });
  const cut = lookAtJob(job(['Complete']), pod({ exitCode: 0, message: 'x'.repeat(4096) }), 'train');
  assert.ok(cut.state === 'succeeded');
  assert.match(String(cut.result), /4096 bytes are kept/);
});

test('there is a log when the container has begun', () => {
  assert.equal(hasLog(pod(undefined), 'train'), false);
  assert.equal(hasLog(pod({ exitCode: 1 }), 'train'), true);
  assert.equal(hasLog(pod({ exitCode: 1 }), 'other'), false);
});

test('of several pods the newest is looked at', () => {
  const [old, young] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'].map((creationTimestamp) =>
    pod(undefined, {}, { creationTimestamp }),
  ) as [PodState, PodState];
  assert.equal(newestPod([young, old]), young);
  assert.equal(newestPod([]), undefined);
});
