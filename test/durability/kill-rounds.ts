import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { BrokerChild } from './broker-child.ts';
import { QUEUE_FLAG, Traffic } from './traffic.ts';

/** Messages that must have come through before the next kill: a round in which nothing happens proves nothing. */
const PROGRESS_MESSAGES = 5;
const PROGRESS_LIMIT_MS = 30_000;
const MAX_PAUSE_MS = 300;

/**
 * Kills the broker under its clients, again and again, and checks what they were promised. It runs in a thread that is ended afterwards:
 * calls of the official client that lost their connection leave timers of a minute behind.
 */
export async function killRounds(rounds: number): Promise<void> {
  const thread = new Worker(import.meta.filename, { workerData: { rounds } });
  try {
    const [broken] = (await once(thread, 'message')) as [readonly string[]];
    assert.deepEqual(broken, []);
  } finally {
    await thread.terminate();
  }
}

/** Returns the rules that were broken. */
async function play(rounds: number): Promise<readonly string[]> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'retrain-durability-'));
  let broker = await BrokerChild.start({ dataFolder, amqpPort: 0, queue: QUEUE_FLAG });
  const { connectionString, amqpPort } = broker;
  const traffic = new Traffic(connectionString);
  try {
    traffic.start();
    for (let round = 1; round <= rounds; round++) {
      const busy = await traffic.progress(PROGRESS_MESSAGES, PROGRESS_LIMIT_MS);
      if (!busy) return [`nothing went on for ${PROGRESS_LIMIT_MS} ms in round ${round}`, ...traffic.broken];
      await delay(Math.random() * MAX_PAUSE_MS);
      await broker.kill();
      broker = await BrokerChild.start({ dataFolder, amqpPort, queue: QUEUE_FLAG });
    }
    await traffic.stop();
    await traffic.drain();
    return traffic.broken;
  } finally {
    await broker.kill();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

if (!isMainThread) {
  const { rounds } = workerData as { rounds: number };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage(await play(rounds));
}
