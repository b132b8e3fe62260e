import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer } from '../src/server/index.ts';
import { parseQueueFlag } from '../src/topology/index.ts';
import { BrokerProcess } from './broker-process.ts';
import { firstContact } from './first-contact.ts';

/** After this the work that a start leaves to the background is over. */
const IDLE_MS = 2000;

export interface StartFigures {
  /** From the start of the process to the first link attached. */
  readonly seconds: number;
  readonly idleRssBytes: number;
}

async function timeStart(dataFolder: string, queue: string): Promise<StartFigures> {
  await using broker = await BrokerProcess.start({ dataFolder, queues: [queue] });
  const at = await firstContact(broker.address, { queue, delivery: false });
  await delay(IDLE_MS);
  return { seconds: (at - broker.startedAt) / 1000, idleRssBytes: await broker.rssBytes() };
}

/** Starts in a folder that does not exist, and again in what the first start left. */
export async function benchStart(parentFolder: string): Promise<{ fresh: StartFigures; existing: StartFigures }> {
  const folder = await mkdtemp(join(parentFolder, 'bench-start-'));
  try {
    const fresh = await timeStart(join(folder, 'data'), 'queue');
    return { fresh, existing: await timeStart(join(folder, 'data'), 'queue') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts with many queues that an earlier run made. */
export async function benchManyQueues(parentFolder: string, queues: number): Promise<StartFigures> {
  const dataFolder = await mkdtemp(join(parentFolder, 'bench-queues-'));
  try {
    const descriptions = Array.from({ length: queues }, (_, index) => parseQueueFlag(`queue-${index}`));
    const maker = await startServer({ dataFolder, amqpPort: 0, httpPort: 0, queues: descriptions });
    await maker.close();
    return await timeStart(dataFolder, 'queue-0');
  } finally {
    await rm(dataFolder, { recursive: true, force: true });
  }
}
