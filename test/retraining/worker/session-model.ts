import type { ServiceBusMessage } from '@azure/service-bus';
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CANCEL_TYPE, REQUESTED_TYPE, cancelMessage, requestMessage } from '../../../src/retraining/envelope.ts';
import { parseRequest } from '../../../src/retraining/request.ts';
import type { RetrainRequestInput } from '../../../src/retraining/request.ts';
import type { TrainerEnd, TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { decodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { TakeOverWatch } from '../../../src/retraining/worker/session-takeover.ts';
import { SessionWork } from '../../../src/retraining/worker/session-work.ts';
import type { ModelPolicy, WorkerContext } from '../../../src/retraining/worker/worker-context.ts';
import { Outcomes } from '../../../src/retraining/worker/worker-outcomes.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { temporaryFolder } from '../trainers/run-fixture.ts';
import { LinkDouble, ME, arrive, contentOf, leaseOn } from './session-double.ts';
import type { SessionContent } from './session-double.ts';
import { GATE, registryIn, requestFor, trainer } from './worker-fixture.ts';
import { WorkerTelemetry } from '../../../src/retraining/telemetry/worker-telemetry.ts';

// One model's session at a broker that is a double: no scheduling, no locks, no duplicates.

export const SOURCE = '/test';
export const TIME = '2026-01-01T00:00:00Z';

export function request(id: string, rest: Partial<RetrainRequestInput> = {}): ServiceBusMessage {
  const data = parseRequest(requestFor('births', rest));
  const event = { source: SOURCE, id, type: REQUESTED_TYPE, subject: 'births', time: TIME, data } as const;
  return requestMessage(event, { messageId: id, nowMs: 0 });
}

export function cancelOf(id: string, requestId: string): ServiceBusMessage {
  const event = { id, source: SOURCE, type: CANCEL_TYPE, subject: 'births', time: TIME, data: { requestId } } as const;
  return cancelMessage(event, { messageId: 'c', nowMs: 0 });
}

export interface Model {
  readonly content: SessionContent;
  readonly folder: string;
  /** As SIGTERM does. */
  shutDown(): void;
  /** The ids of each run's requests. */
  readonly runs: string[][];
  readonly sent: ServiceBusMessage[];
  readonly told: ServiceBusMessage[];
  readonly deadLetters: LinkDouble['deadLetters'];
  /** One acceptance of the session by the process that `me` is. */
  accept(me?: WorkerContext['me']): Promise<void>;
}

export function modelWith(
  t: TestContext,
  train: (run: TrainerRun, folder: string) => TrainerEnd | Promise<TrainerEnd>,
  {
    messages,
    policy = {},
    tell,
    clock = systemClock,
    fraction = 0,
  }: {
    messages: ServiceBusMessage[];
    policy?: Partial<ModelPolicy>;
    tell?: (message: ServiceBusMessage) => void;
    clock?: Clock;
    /** Of every delay that is drawn: its shortest unless given. */
    fraction?: number;
  },
): Model {
  const folder = temporaryFolder(t);
  const random = { bytes: (length: number) => systemRandom.bytes(length), fraction: () => fraction };
  const content = contentOf(...messages);
  const shutdown = new AbortController();
  const [runs, sent, told, deadLetters]: [string[][], ServiceBusMessage[], ServiceBusMessage[], Model['deadLetters']] =
    [[], [], [], []];
  const log = (): void => undefined;
  const training = trainer((run) => {
    runs.push(run.plan.requests.map(({ id }) => id));
    return train(run, folder);
  });
  const context: WorkerContext = {
    me: ME,
    policyOf: () => ({ trainer: training, gate: GATE, ...policy }),
    registry: registryIn(folder),
    outcomes: new Outcomes({
      clock,
      random,
      log,
      async send(message) {
        checkMessageId(message);
        tell?.(message);
        told.push(message);
      },
    }),
    queue: 'work',
    async send(message) {
      checkMessageId(message);
      sent.push(message);
      // What is scheduled never becomes active here.
      if (!message.scheduledEnqueueTimeUtc) arrive(content, message);
    },
    backoff: { baseMs: 0, maxMs: 0 },
    graceMs: 0,
    executed: new Set(),
    telemetry: new WorkerTelemetry({ destination: 'q', host: 'h', clock }),
    shutdown: shutdown.signal,
    clock,
    random,
    files,
    log,
  };
  const accept = async (me = ME): Promise<void> => {
    const link = new LinkDouble(content);
    const own = me === ME ? context : { ...context, me, executed: new Set<string>() };
    const watch = new TakeOverWatch(me);
    try {
      await new SessionWork({ context: own, lease: leaseOn(link, { me }), watch, unchangedForMs: 0 }).work();
    } finally {
      deadLetters.push(...link.deadLetters);
    }
  };
  return { content, folder, shutDown: () => shutdown.abort(), runs, sent, told, deadLetters, accept };
}

/** As the official client checks it. */
function checkMessageId({ messageId }: ServiceBusMessage): void {
  if (String(messageId).length > 128) throw new Error("Length of 'messageId' cannot be greater than 128 characters.");
}

export async function acceptUntilEmpty(model: Model, most = 20): Promise<void> {
  for (let i = 0; i < most && model.content.messages.length > 0; i++) await model.accept();
  assert.deepEqual(model.content.messages, []);
}

export function ledgerOf({ content }: Model) {
  return decodeLedger(content.state, 'births');
}
