import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import type { LedgerEvent } from '../../../src/retraining/worker/ledger.ts';
import type { Ledger, RunRequest } from '../../../src/retraining/worker/ledger-record.ts';

// The events of one run of two requests, for the tests of the ledger.

export const owner = { host: 'h', pid: 1, startTime: '100' };
export const a: RunRequest = { source: '/s', id: 'a', hop: 0 };
export const b: RunRequest = { source: '/s', id: 'b', hop: 0 };
export const noon = Date.UTC(2026, 0, 1, 12);
export const digest = 'd'.repeat(64);

export const started = (epoch = 1, requests = [a, b]): LedgerEvent => ({
  type: 'started',
  runId: `run-${epoch}`,
  epoch,
  owner,
  atMs: noon,
  requests,
});
export const restarted = { type: 'restarted', owner, epoch: 2, atMs: noon, interrupted: true } as const;
export const limits = { maxAttempts: 3, maxKills: 2 };
export const trained: LedgerEvent = {
  type: 'trained',
  atMs: noon,
  metrics: { challenger: { mape: 1 } },
  artifact: '/x',
  digest,
};
export const decided = {
  type: 'decided' as const,
  atMs: noon,
  verdict: 'promote' as const,
  reason: 'better',
  registryEpoch: 0,
  previousChampion: null,
  pendingEvents: [{ outcome: 'promoted' as const }],
} satisfies LedgerEvent;
export const stopped = (over: Partial<LedgerEvent & { type: 'stopped' }> = {}): LedgerEvent => ({
  type: 'stopped',
  atMs: noon,
  attempt: 'failed',
  resolution: 'retry',
  reason: 'exit 75',
  exitCode: 75,
  retryAtMs: noon + 1000,
  pendingEvents: [{ outcome: 'failed' }],
  ...over,
});

export function run(...events: LedgerEvent[]): Ledger {
  return events.reduce(advance, emptyLedger('m'));
}
