import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { modelPath } from '../../../src/retraining/model-name.ts';
import { RUN_LOG_BYTES } from '../../../src/retraining/trainers/run-output.ts';
import { Scene } from '../worker/worker-scene.ts';
import { openFaultWorld } from './fault-world.ts';

/** What a worker may have resident at its peak, bytes: Node itself and the client take a third of it. */
const PEAK_MAX_BYTES = 400 * 1024 * 1024;

/** A trainer that prints so much, half of it to stderr, some of it in one endless line, and then succeeds. */
function printed(megabytes: number): string {
  return `
  import fs from 'node:fs';
  import { once } from 'node:events';
  const lines = Buffer.from(('{"progress": 0.5}\\n' + 'x'.repeat(1005) + '\\n').repeat(512));
  const line = Buffer.alloc(512 * 1024, 'y');
  for (let i = 0; i < ${megabytes}; i++)
    for (const [stream, bytes] of [[process.stdout, lines], [process.stderr, line]])
      if (!stream.write(bytes)) await once(stream, 'drain');
  fs.writeFileSync(process.env.RETRAIN_OUTPUT + '/model', 'weights');
  fs.writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics: { challenger: { mape: 1 } }, artifact: 'model' }));`;
}

/** The most memory that a process ever had resident, bytes; undefined where there is no /proc. */
function residentPeakOf(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** A worker in a process of its own runs a trainer that prints so much; its memory and the run's log stay within their limits. */
export async function staysBounded(t: TestContext, { megabytes }: { megabytes: number }): Promise<void> {
  const world = await openFaultWorld(t);
  const scene = new Scene(t, world.server, { source: printed(megabytes) });
  await world.send('births');
  const worker = scene.first();
  await scene.told('promoted');
  const peak = residentPeakOf(worker.pid ?? 0);
  assert.ok(peak === undefined || peak < PEAK_MAX_BYTES, `${peak} bytes`);
  const runs = join(scene.folder, 'runs', modelPath('births'));
  const [run] = readdirSync(runs);
  const logs = readdirSync(join(runs, run ?? '')).filter((name) => name.startsWith('run.log'));
  for (const log of logs) assert.ok(statSync(join(runs, run ?? '', log)).size <= RUN_LOG_BYTES + 128 * 1024, log);
  assert.equal(logs.length, 2);
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.kill('SIGTERM');
  await ended;
  await world.auditor.emptied();
  await world.auditor.noOrphans();
  t.diagnostic(`${megabytes} MiB printed; the worker had ${peak ?? 'unknown'} bytes at its peak`);
}
