/**
 * `npm run bench [-- --quick] [--json]`: durable sends, and receive-and-complete, per second at 1 KiB, beside the floor (the log alone), in
 * interleaved rounds of one run. Absolute figures say little about other machines; the shares of the floor do.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { BrokerProcess } from './broker-process.ts';
import { benchEngine } from './engine.ts';
import { formatTable, median, type Row } from './figures.ts';
import type { Load, LoadResult } from './load-client.ts';
import { benchLog, benchRecovery, type RecoveryBench } from './log.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20) {
  console.error(`--rounds '${flags.rounds}' must be a whole number from 1 to 20`);
  process.exit(2);
}

const BODY_BYTES = 1024;
const MESSAGES: ReadonlyMap<number, number> = new Map([
  [1, flags.quick ? 1000 : 3000],
  [16, flags.quick ? 10_000 : 40_000],
  [256, flags.quick ? 25_000 : 100_000],
  [1000, flags.quick ? 25_000 : 150_000],
]);
const QUEUES = [
  { name: 'plain', flag: 'plain', label: '' },
  { name: 'detecting', flag: 'detecting:duplicates', label: ', duplicate detection' },
] as const;
/** One run of the engines' loop, in memory, with the credit that bench/engine.ts grants. */
const ENGINE_MESSAGES = flags.quick ? 50_000 : 200_000;
const ENGINE_CREDIT = 1000;
const FLOOR = 'the log alone';
/** One load may take this long before the run is given up. */
const LOAD_TIMEOUT_MS = 120_000;

async function runLoad(load: Load): Promise<number> {
  const program = join(import.meta.dirname, 'load-client.js');
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(load)], {
    timeout: LOAD_TIMEOUT_MS,
  });
  return (JSON.parse(stdout) as LoadResult).perSecond;
}

const rows = new Map<string, Row>();
function note(load: string, inFlight: number, perSecond: number): void {
  const key = `${load} ${inFlight}`;
  const row = rows.get(key) ?? { load, inFlight, perSecond: [] };
  row.perSecond.push(perSecond);
  rows.set(key, row);
  if (!flags.json) console.error(`${load}, ${inFlight} in flight: ${Math.round(perSecond).toLocaleString('en')}/s`);
}

/** Messages of the log that is recovered. */
const BACKLOG = flags.quick ? 100_000 : 1_000_000;

let recovery: RecoveryBench | undefined;
const folder = mkdtempSync(join(tmpdir(), 'retrain-bench-'));
try {
  await using broker = await BrokerProcess.start({
    dataFolder: join(folder, 'broker'),
    queues: QUEUES.map(({ flag }) => flag),
  });
  for (let round = 0; round < rounds; round++) {
    for (const { direction, settled, perSecond } of benchEngine(ENGINE_MESSAGES, BODY_BYTES)) {
      if (!settled) note(`both engines alone, ${direction}`, ENGINE_CREDIT, perSecond);
    }
    for (const [inFlight, messages] of MESSAGES) {
      const [log] = await benchLog({ parentFolder: folder, messages, bodyBytes: BODY_BYTES, inFlight: [inFlight] });
      if (log) {
        note('bare write and fdatasync', inFlight, log.floorPerSecond);
        note(FLOOR, inFlight, log.messagesPerSecond);
      }
      for (const { name, label } of QUEUES) {
        const { port, keyName, key } = broker;
        const load = {
          port,
          keyName,
          key,
          queue: name,
          messages,
          inFlight,
          bodyBytes: BODY_BYTES,
          idPrefix: `${round}-${inFlight}`,
        };
        note(`durable send${label}`, inFlight, await runLoad({ ...load, kind: 'send' }));
        note(`receive and complete${label}`, inFlight, await runLoad({ ...load, kind: 'receive' }));
      }
    }
  }
  recovery = await benchRecovery({ parentFolder: folder, messages: BACKLOG, bodyBytes: BODY_BYTES });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const sorted = [...rows.values()].sort((a, b) => a.load.localeCompare(b.load) || a.inFlight - b.inFlight);
const machine = {
  node: process.version,
  platform: process.platform,
  arch: process.arch,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
};
if (flags.json) {
  const figures = sorted.map((row) => ({ ...row, median: median(row.perSecond) }));
  console.log(JSON.stringify({ machine, bodyBytes: BODY_BYTES, rounds, floor: FLOOR, figures, recovery }));
} else {
  console.log(
    `\n1 KiB messages, one connection, ${rounds} round(s), Node ${machine.node}, ${machine.cores} × ${machine.cpu}\n`,
  );
  console.log(formatTable(sorted, FLOOR));
  console.log(`\nrecovery of ${recovery.messages.toLocaleString('en')} messages: ${recovery.seconds.toFixed(2)} s`);
}
