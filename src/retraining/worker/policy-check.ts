import { RetrainError } from '../../errors.ts';
import type { Backoff } from '../backoff.ts';
import { parseGateRule } from '../gate.ts';
import { PLAN_REQUESTS_MAX } from './ledger-record.ts';
import type { ModelPolicy } from './worker-context.ts';

/** The least that each number of a policy may be; a cool-down is milliseconds, the others are counts. */
const LEAST = { maxAttempts: 1, maxKills: 1, maxRunsPerDay: 1, cooldownMs: 0, maxRequests: 1 } as const;

/**
 * Returns the policy when it can work. A user's function makes it, perhaps out of a file, so types alone do not vouch for it.
 * Raises `CONFIGURATION_INVALID` naming model, field, value and limit.
 */
export function checkPolicy(model: string, policy: ModelPolicy): ModelPolicy {
  try {
    parseGateRule(policy.gate);
  } catch (error) {
    if (!(error instanceof RetrainError)) throw error;
    throw new RetrainError(error.code, `policy of ${model}: ${error.message}`, { cause: error });
  }
  for (const [field, least] of Object.entries(LEAST) as [keyof typeof LEAST, number][]) {
    const value = policy[field];
    if (value === undefined || (value >= least && (Number.isSafeInteger(value) || value === Infinity))) continue;
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `policy of ${model}: ${field} = ${value}: use a whole number, ${least} or more`,
    );
  }
  const { maxRequests = PLAN_REQUESTS_MAX, backoff } = policy;
  if (maxRequests > PLAN_REQUESTS_MAX)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `policy of ${model}: maxRequests = ${maxRequests}: use ${PLAN_REQUESTS_MAX} or less, which is what a ledger can hold`,
    );
  if (backoff) checkBackoff(model, backoff);
  return policy;
}

function checkBackoff(model: string, { baseMs, maxMs }: Backoff): void {
  if (baseMs >= 0 && maxMs >= baseMs && Number.isFinite(maxMs)) return;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `policy of ${model}: backoff from ${baseMs} to ${maxMs} ms: use milliseconds of 0 or more, the second not below the first`,
  );
}
