import { PROPERTIES, Writer, writeComposite } from '../src/amqp/index.ts';
import { compileFilter, type Filter, type FilterDescription, FilterIndex, FilterUuid } from '../src/filter/index.ts';
import { propertiesOf } from '../src/server/message-properties.ts';
import { median } from './figures.ts';

/** What the filters of one topic cost, of which one matches each message. CPU time of the process, reading the message's properties included. */
export interface FilterRow {
  readonly filters: string;
  readonly count: number;
  /** Microseconds for each message, by the index. */
  readonly micros: number;
  /** The same, trying one filter after the other. */
  readonly naiveMicros: number;
}

const COUNTS = [1, 20, 2000];
/** Different messages, which come by turns. */
const MESSAGES = 500;

const KINDS: readonly { readonly filters: string; readonly describe: (tenant: string) => FilterDescription }[] = [
  {
    filters: 'correlation filters: label and a property',
    describe: (tenant) => ({
      filterType: 'CorrelationFilter',
      correlationFilter: { label: 'order', properties: { tenant } },
    }),
  },
  {
    filters: 'SQL filters: two equalities and a comparison',
    describe: (tenant) => sql(`sys.Label = 'order' AND tenant = '${tenant}' AND quantity > 5`),
  },
  {
    filters: 'SQL filters: IN, or a property that is missing',
    describe: (tenant) => sql(`tenant IN ('${tenant}', '${tenant}-test') OR owner = '${tenant}'`),
  },
  {
    filters: 'correlation filters: a property of its own each',
    describe: (tenant) => ({ filterType: 'CorrelationFilter', correlationFilter: { properties: { [tenant]: true } } }),
  },
  // What no table can find: each filter is tried.
  { filters: 'SQL filters: LIKE', describe: (tenant) => sql(`tenant LIKE '${tenant}%' AND EXISTS(quantity)`) },
];

function sql(sqlExpression: string): FilterDescription {
  return { filterType: 'SqlFilter', sqlFilter: { sqlExpression } };
}

/** Tenants have names of one length, so that none begins with another one's. */
function tenantOf(index: number): string {
  return `tenant-${String(index).padStart(4, '0')}`;
}

function messageOf(tenant: string): Buffer {
  const writer = new Writer();
  writeComposite(writer, PROPERTIES, { messageId: `id of ${tenant}`, subject: 'order' });
  writer.writeDescriptor(0x74);
  writer.writeMap(
    new Map<string, string | number | boolean>([
      [tenant, true],
      ['tenant', tenant],
      ['quantity', 10],
      ['region', 'north'],
    ]),
  );
  writer.writeDescriptor(0x75);
  writer.writeBinary(Buffer.alloc(1024));
  return writer.take();
}

export function benchFilters({ quick, rounds }: { quick: boolean; rounds: number }): FilterRow[] {
  const environment = { newId: () => new FilterUuid('00000000-0000-4000-8000-000000000000') };
  const rows: FilterRow[] = [];
  for (const { filters: kind, describe } of KINDS) {
    for (const count of COUNTS) {
      const filters = Array.from({ length: count }, (_, index) =>
        compileFilter(describe(tenantOf(index)), environment),
      );
      const messages = Array.from({ length: MESSAGES }, (_, index) => messageOf(tenantOf(index % count)));
      const index = new FilterIndex<number>();
      for (const [key, filter] of filters.entries()) index.add(key, filter);
      const runs = quick ? 20_000 : 100_000;
      const naiveRuns = Math.ceil(runs / Math.max(1, count / 20));
      const indexed: number[] = [];
      const naive: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        // The first round warms up.
        const found = perMessage(messages, runs, (message) => matchedByIndex(index, message));
        const tried = perMessage(messages, naiveRuns, (message) => matchedOneByOne(filters, message));
        if (round === 0) continue;
        indexed.push(found);
        naive.push(tried);
      }
      rows.push({ filters: kind, count, micros: median(indexed), naiveMicros: median(naive) });
    }
  }
  return rows;
}

function matchedByIndex(index: FilterIndex<number>, message: Buffer): number {
  const matched = index.match(
    () => propertiesOf(message),
    (_, error) => {
      throw error;
    },
  );
  return matched.length;
}

function matchedOneByOne(filters: readonly Filter[], message: Buffer): number {
  const properties = propertiesOf(message);
  let matched = 0;
  for (const filter of filters) if (filter.matches(properties)) matched += 1;
  return matched;
}

function perMessage(messages: readonly Buffer[], runs: number, match: (message: Buffer) => number): number {
  const begin = process.cpuUsage();
  let matched = 0;
  for (let run = 0; run < runs; run++) matched += match(messages[run % messages.length] as Buffer);
  const { user, system } = process.cpuUsage(begin);
  if (matched !== runs) throw new Error(`${matched} matches for ${runs} messages`);
  return (user + system) / runs;
}
