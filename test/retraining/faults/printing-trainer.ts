import { readFileSync } from 'node:fs';

/** A trainer that prints so much, half of it to stderr, some of it in one endless line, and then succeeds. */
export function printed(megabytes: number): string {
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
export function residentPeakOf(pid: number | 'self'): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
