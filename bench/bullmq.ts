import { Queue, Worker } from 'bullmq';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from './figures.ts';
import { IDLE_MS, SETTLE_MS, SLOTS, SPACING_MS } from './retraining.ts';
import type { RetrainingFigures } from './retraining.ts';

/** How long Redis may take to start and to stop, in milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * The same of BullMQ with its own worker and a job that has nothing to do, on a Redis that syncs every command as our broker does. It keeps neither
 * ledger nor champion, and knows no models. Undefined when there is no redis-server here.
 */
export async function benchBullMq(
  parentFolder: string,
  { quick }: { quick: boolean },
): Promise<RetrainingFigures | undefined> {
  const folder = await mkdtemp(join(parentFolder, 'bench-bullmq-'));
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const redis = spawn('redis-server', [...args, '--appendonly', 'yes', '--appendfsync', 'always']);
  const exit = once(redis, 'exit').catch(() => undefined);
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for await (const line of createInterface({ input: redis.stdout, signal }))
      if (line.includes('Ready to accept connections')) break;
    if (redis.pid === undefined) return undefined;
    redis.stdout.resume();
    return await measure({ host: '127.0.0.1', port }, quick);
  } finally {
    if (redis.pid !== undefined) {
      redis.kill('SIGTERM');
      await exit;
    }
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(connection: { host: string; port: number }, quick: boolean): Promise<RetrainingFigures> {
  const count = quick ? 200 : 1000;
  const options = { connection, concurrency: SLOTS };
  const queue = new Queue<{ number: number }>('latency', { connection });
  const startedAt = new Map<number, number>();
  let told: () => void = () => undefined;
  const worker = new Worker<{ number: number }>(
    'latency',
    async (job) => {
      startedAt.set(job.data.number, performance.now());
      told();
    },
    options,
  );
  await worker.waitUntilReady();
  await delay(SETTLE_MS);
  const took: number[] = [];
  for (let number = 0; number < count; number++) {
    const started = new Promise<void>((resolve) => (told = resolve));
    await queue.add('train', { number });
    const acceptedAt = performance.now();
    if (!startedAt.has(number)) await started;
    took.push((startedAt.get(number) ?? acceptedAt) - acceptedAt);
    await delay(SPACING_MS);
  }
  const before = process.cpuUsage();
  const idleFrom = performance.now();
  await delay(quick ? IDLE_MS / 4 : IDLE_MS);
  const { user, system } = process.cpuUsage(before);
  const idleShare = (user + system) / 1000 / (performance.now() - idleFrom);
  await worker.close();
  await queue.close();
  return {
    startMedianMs: quantile(took, 0.5),
    startP99Ms: quantile(took, 0.99),
    models: count,
    modelsSeconds: await timeBacklog(connection, count),
    idleShare,
  };
}

async function timeBacklog(connection: { host: string; port: number }, jobs: number): Promise<number> {
  const queue = new Queue('backlog', { connection });
  await Promise.all(Array.from({ length: jobs }, (_, number) => queue.add('train', { number })));
  const begunAt = performance.now();
  const worker = new Worker('backlog', async () => undefined, { connection, concurrency: SLOTS });
  let completed = 0;
  await new Promise<void>((resolve) => worker.on('completed', () => ++completed === jobs && resolve()));
  const seconds = (performance.now() - begunAt) / 1000;
  await worker.close();
  await queue.close();
  return seconds;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
