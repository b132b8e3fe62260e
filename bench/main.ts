/**
 * `npm run bench [-- --quick] [--json] [--rounds N] [--only PART]...`: durable sends, and receive-and-complete, per second at 1 KiB, beside the
 * floor (the log alone), in interleaved rounds of one run; then starts, backlogs and crowds. Absolute figures say little about other
 * machines; the shares of the floor do.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BacklogFigures, benchBacklog } from './backlog.ts';
import {
  formatBacklog,
  formatFilters,
  formatRetraining,
  formatStarts,
  formatTable,
  median,
  type Row,
  type StartRow,
} from './figures.ts';
import { benchBullMq } from './bullmq.ts';
import { benchFilters, type FilterRow } from './filters.ts';
import { benchRecovery, type RecoveryBench } from './log.ts';
import { benchManyQueues, benchStart } from './start.ts';
import { benchRetraining, type RetrainingFigures } from './retraining.ts';
import { benchTopics } from './topics.ts';
import { benchFan, benchThroughput, FLOOR } from './throughput.ts';

const PARTS = [
  'throughput',
  'recovery',
  'start',
  'queues',
  'sessions',
  'connections',
  'topics',
  'filters',
  'backlog',
  'retraining',
] as const;
type Part = (typeof PARTS)[number];

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string', multiple: true },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20) {
  console.error(`--rounds '${flags.rounds}' must be a whole number from 1 to 20`);
  process.exit(2);
}
const unknown = flags.only?.find((name) => !PARTS.some((part) => part === name));
if (unknown !== undefined) {
  console.error(`--only '${unknown}' must be one of ${PARTS.join(', ')}`);
  process.exit(2);
}

const BODY_BYTES = 1024;
/** Messages of the log that is recovered, and of the queue that is filled. */
const BACKLOG = flags.quick ? 100_000 : 1_000_000;
const IN_FLIGHT = 1000;
/** What a namespace holds at most. */
const QUEUES = flags.quick ? 1000 : 10_000;

const rows = new Map<string, Row>();
function note(load: string, inFlight: number, perSecond: number): void {
  const key = `${load} ${inFlight}`;
  const row = rows.get(key) ?? { load, inFlight, perSecond: [] };
  row.perSecond.push(perSecond);
  rows.set(key, row);
  if (!flags.json) console.error(`${load}, ${inFlight} in flight: ${Math.round(perSecond).toLocaleString('en')}/s`);
}

let recovery: RecoveryBench | undefined;
const starts: StartRow[] = [];
const backlogs: BacklogFigures[] = [];
const filters: FilterRow[] = [];
const retrainings: RetrainingFigures[] = [];
const bullmqs: RetrainingFigures[] = [];
const folder = mkdtempSync(join(tmpdir(), 'retrain-bench-'));
const options = { folder, quick: flags.quick, rounds, bodyBytes: BODY_BYTES, note };

const RUN: Record<Part, () => Promise<void>> = {
  throughput: () => benchThroughput(options),
  recovery: async () => {
    recovery = await benchRecovery({ parentFolder: folder, messages: BACKLOG, bodyBytes: BODY_BYTES });
  },
  start: async () => {
    for (let round = 0; round < rounds; round++) {
      const { fresh, existing } = await benchStart(folder);
      starts.push({ what: 'in a new folder', ...fresh }, { what: 'again', ...existing });
    }
  },
  queues: async () => {
    for (let round = 0; round < rounds; round++) {
      const figures = await benchManyQueues(folder, QUEUES);
      starts.push({ what: `with ${QUEUES.toLocaleString('en')} queues`, ...figures });
    }
  },
  sessions: () => benchFan(options, { connections: 4, sessions: 1000, label: '1,000 sessions' }),
  connections: () => benchFan(options, { connections: 100, sessions: 0, label: '100 connections' }),
  topics: () => benchTopics(options),
  filters: async () => void filters.push(...benchFilters({ quick: flags.quick, rounds })),
  backlog: async () => {
    const backlog = { parentFolder: folder, messages: BACKLOG, bodyBytes: BODY_BYTES, inFlight: IN_FLIGHT };
    for (let round = 0; round < rounds; round++) backlogs.push(await benchBacklog(backlog));
  },
  retraining: async () => {
    for (let round = 0; round < rounds; round++) {
      retrainings.push(await benchRetraining(folder, flags));
      const peer = await benchBullMq(folder, flags);
      if (peer) bullmqs.push(peer);
      else console.error('BullMQ is left out: there is no redis-server');
    }
  },
};

try {
  for (const part of PARTS) if (!flags.only || flags.only.includes(part)) await RUN[part]();
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
  const results = { figures, recovery, starts, backlogs, filters, retrainings, bullmqs };
  console.log(JSON.stringify({ machine, bodyBytes: BODY_BYTES, rounds, floor: FLOOR, ...results }));
} else {
  console.log(`\n1 KiB messages, ${rounds} round(s), Node ${machine.node}, ${machine.cores} × ${machine.cpu}\n`);
  const parts = [
    sorted.length > 0 ? formatTable(sorted, FLOOR) : '',
    recovery &&
      `recovery of a log of ${recovery.messages.toLocaleString('en')} messages: ${recovery.seconds.toFixed(2)} s`,
    starts.length > 0 ? formatStarts(starts) : '',
    backlogs.length > 0 ? formatBacklog(backlogs) : '',
    filters.length > 0 ? formatFilters(filters) : '',
    retrainings.length > 0 ? formatRetraining('retraining', retrainings) : '',
    bullmqs.length > 0 ? formatRetraining('BullMQ, Redis with appendfsync always', bullmqs) : '',
  ];
  console.log(parts.filter((part) => part).join('\n\n'));
}
