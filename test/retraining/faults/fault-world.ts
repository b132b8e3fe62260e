import type { TestContext } from 'node:test';
import type { RequestOptions } from '../../../src/retraining/request-draft.ts';
import type { RetrainRequestInput } from '../../../src/retraining/request.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import type { RunningServer } from '../../../src/server/index.ts';
import { QUEUE, openWorld, requestFor } from '../worker/worker-fixture.ts';
import type { ServerSettings, World } from '../worker/worker-fixture.ts';
import { AmqpWire } from './amqp-wire.ts';
import { Auditor } from './auditor.ts';

/** A world in which everything that is sent is known to an auditor. */
export interface FaultWorld extends World {
  readonly auditor: Auditor;
  /** Between broker and workers that are given its connection string. */
  readonly wire: AmqpWire;
  send(model?: string, rest?: Partial<RetrainRequestInput>, options?: RequestOptions): Promise<string>;
  /** Whether such a fact was told. */
  saw(fact: WorkerFact['fact']): boolean;
}

export async function openFaultWorld(
  t: Pick<TestContext, 'after'>,
  settings: ServerSettings = {},
  shared?: { server: RunningServer; suffix: string },
): Promise<FaultWorld> {
  const world = await openWorld(t, settings, shared);
  const { folder, server, registry } = world;
  const auditor = new Auditor({
    connectionString: server.connectionString,
    queue: `${QUEUE}${shared?.suffix ?? ''}`,
    outcomes: () => world.outcomes(),
    registry,
    folder,
    sessions: settings.plain !== true,
  });
  return {
    ...world,
    auditor,
    wire: await AmqpWire.open(t, server),
    async send(model = 'births', rest = {}, options = {}) {
      const { id } = await world.producer.request(requestFor(model, rest), options);
      auditor.sent(model, id);
      return id;
    },
    saw: (name) => world.facts.some(({ fact }) => fact === name),
  };
}
