import { join } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import { benchEngine } from './engine.ts';
import { benchLog } from './log.ts';
import { runLoad } from './run-load.ts';

/** The row that the others are shares of. */
export const FLOOR = 'the log alone';

/** Told of each figure: what was measured, messages in flight, messages a second. */
export type Note = (load: string, inFlight: number, perSecond: number) => void;

export interface ThroughputOptions {
  readonly folder: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly bodyBytes: number;
  readonly note: Note;
}

const QUEUES = [
  { name: 'plain', flag: 'plain', label: '' },
  { name: 'detecting', flag: 'detecting:duplicates', label: ', duplicate detection' },
] as const;
/** The credit that bench/engine.ts grants. */
const ENGINE_CREDIT = 1000;

/** Durable sends, and receive-and-complete, beside the floor and the engines alone, in interleaved rounds. */
export async function benchThroughput({ folder, quick, rounds, bodyBytes, note }: ThroughputOptions): Promise<void> {
  const messagesAt: ReadonlyMap<number, number> = new Map([
    [1, quick ? 1000 : 3000],
    [16, quick ? 10_000 : 40_000],
    [256, quick ? 25_000 : 100_000],
    [1000, quick ? 25_000 : 150_000],
  ]);
  await using broker = await BrokerProcess.start({
    dataFolder: join(folder, 'broker'),
    queues: QUEUES.map(({ flag }) => flag),
  });
  for (let round = 0; round < rounds; round++) {
    for (const { direction, settled, perSecond } of benchEngine(quick ? 50_000 : 200_000, bodyBytes)) {
      if (!settled) note(`both engines alone, ${direction}`, ENGINE_CREDIT, perSecond);
    }
    for (const [inFlight, messages] of messagesAt) {
      const [log] = await benchLog({ parentFolder: folder, messages, bodyBytes, inFlight: [inFlight] });
      if (log) {
        note('bare write and fdatasync', inFlight, log.floorPerSecond);
        note(FLOOR, inFlight, log.messagesPerSecond);
      }
      for (const { name: queue, label } of QUEUES) {
        const load = { ...broker.address, queue, messages, inFlight, bodyBytes, idPrefix: `${round}-${inFlight}` };
        note(`durable send${label}`, inFlight, (await runLoad({ ...load, kind: 'send' })).perSecond);
        note(`receive and complete${label}`, inFlight, (await runLoad({ ...load, kind: 'receive' })).perSecond);
      }
    }
  }
}

/** One client with as many connections as are given, and messages over as many sessions, each of which gets a receiver. */
export async function benchFan(
  { folder, quick, rounds, bodyBytes, note }: ThroughputOptions,
  { connections, sessions, label }: { connections: number; sessions: number; label: string },
): Promise<void> {
  const messages = quick ? 20_000 : 100_000;
  const inFlight = 1000;
  await using broker = await BrokerProcess.start({
    dataFolder: join(folder, 'fan'),
    queues: ['fan', 'fan-sessions:sessions'],
  });
  const queue = sessions > 0 ? 'fan-sessions' : 'fan';
  for (let round = 0; round < rounds; round++) {
    const load = { ...broker.address, queue, messages, inFlight, bodyBytes, connections, sessions };
    const send = await runLoad({ ...load, kind: 'send', idPrefix: String(round) });
    note(`durable send, ${label}`, inFlight, send.perSecond);
    const receive = await runLoad({ ...load, kind: 'receive', idPrefix: '' });
    note(`receive and complete, ${label}`, inFlight, receive.perSecond);
  }
}
