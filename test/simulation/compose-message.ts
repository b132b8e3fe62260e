import type { QueueModel } from './queue-model.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SentMessage } from './sent-message.ts';
import type { Setting } from './setting.ts';

const MAX_SCHEDULED_AHEAD_MS = 8_000;
const SMALL_BYTES = 80;
/** Some expire while they are on their way, some while the broker is down, some never. */
const TTLS_MS = [1, 30, 300, 2_000, 3_600_000];

/** A message for a queue as its plan wants it: some are large, some are scheduled, some do not live long. */
export function composeMessage(options: {
  readonly setting: Setting;
  readonly model: QueueModel;
  readonly name: string;
  readonly random: SeededRandom;
  readonly scheduled: boolean;
  /** How often it is large. */
  readonly large?: number;
}): SentMessage {
  const { setting, model, name, random, scheduled, large = 0.1 } = options;
  const { sessionIds, mortal } = model.plan;
  return model.compose({
    sender: name,
    sessionId: sessionIds.length > 0 ? random.pick(sessionIds) : undefined,
    bodyBytes: random.between(1, random.chance(large) ? setting.maxBodyBytes : SMALL_BYTES),
    ...(scheduled ? { scheduledMs: setting.world.clock.wallMs() + random.between(-10, MAX_SCHEDULED_AHEAD_MS) } : {}),
    ...(mortal && random.chance(0.3) ? { ttlMs: random.pick(TTLS_MS) } : {}),
  });
}
