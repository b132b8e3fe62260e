import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import { firstContact } from './first-contact.ts';
import { openLog } from './log.ts';
import { runLoad } from './run-load.ts';

export interface BacklogFigures {
  readonly messages: number;
  readonly fillSeconds: number;
  /** Messages a second in the first and the last tenth of the fill: what the backlog costs the sender. */
  readonly fillPerSecondFirst: number;
  readonly fillPerSecondLast: number;
  readonly rssBeforeBytes: number;
  readonly rssAfterBytes: number;
  readonly rssBytesPerMessage: number;
  /** After kill -9: from the start of the process to the first message delivered, and the log alone. */
  readonly recoverySeconds: number;
  readonly logRecoverySeconds: number;
  readonly logRecoveryCpuSeconds: number;
  readonly rssRecoveredBytes: number;
  readonly drainSeconds: number;
}

/** Fills one queue, kills the broker, starts it again and empties the queue. */
export async function benchBacklog(options: {
  readonly parentFolder: string;
  readonly messages: number;
  readonly bodyBytes: number;
  readonly inFlight: number;
}): Promise<BacklogFigures> {
  const { messages, bodyBytes, inFlight } = options;
  const folder = await mkdtemp(join(options.parentFolder, 'bench-backlog-'));
  const dataFolder = join(folder, 'data');
  const queue = 'backlog';
  const load = { queue, messages, inFlight, bodyBytes, idPrefix: 'b' };
  try {
    const filled = await BrokerProcess.start({ dataFolder, queues: [queue] });
    await using filling = filled;
    // So that code that is compiled and buffers that are used whatever the backlog do not count as its memory.
    await runLoad({ ...filled.address, ...load, kind: 'send', messages: inFlight * 10, idPrefix: 'w' });
    await runLoad({ ...filled.address, ...load, kind: 'receive', messages: inFlight * 10 });
    const rssBeforeBytes = await filled.rssBytes();
    const fill = await runLoad({ ...filled.address, ...load, kind: 'send' });
    const rssAfterBytes = await filled.rssBytes();
    await filling.kill();

    const log = await timeLogRecovery(dataFolder, folder);
    await using broker = await BrokerProcess.start({ dataFolder, queues: [queue] });
    const recoveredAt = await firstContact(broker.address, { queue, delivery: true });
    const rssRecoveredBytes = await broker.rssBytes();
    const drain = await runLoad({ ...broker.address, ...load, kind: 'receive', messages: messages - 1 });
    return {
      messages,
      fillSeconds: fill.seconds,
      fillPerSecondFirst: fill.tenths[0] ?? 0,
      fillPerSecondLast: fill.tenths.at(-1) ?? 0,
      rssBeforeBytes,
      rssAfterBytes,
      rssBytesPerMessage: (rssAfterBytes - rssBeforeBytes) / messages,
      recoverySeconds: (recoveredAt - broker.startedAt) / 1000,
      logRecoverySeconds: log.seconds,
      logRecoveryCpuSeconds: log.cpuSeconds,
      rssRecoveredBytes,
      drainSeconds: drain.seconds,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** On a copy, because recovery tidies up what a crash left. */
async function timeLogRecovery(dataFolder: string, folder: string): Promise<{ seconds: number; cpuSeconds: number }> {
  const copy = join(folder, 'copy');
  await cp(join(dataFolder, 'log'), copy, { recursive: true, filter: (source) => !/\/lock\.[^/]*$/.test(source) });
  const startedAt = performance.now();
  const before = process.cpuUsage();
  const log = await openLog(copy, {});
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedAt) / 1000;
  await log.close();
  await rm(copy, { recursive: true });
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}
