import { missingYears } from './error-tally.ts';
import type { AnsweredRequest, ReplayResult, ReplayVerdict } from './replay.ts';

/** No line of a table is longer. */
export const TABLE_MAX_COLUMNS = 100;
/** The length of the bar that stands for the worst year. */
const BAR_COLUMNS = 36;
const COLUMN_GAP = '  ';
const LIVE_CELL = '█';
const FROZEN_CELL = '░';

export interface TableOptions {
  /** Whether to mark verdicts and headings by ANSI escape sequences (ECMA-48 SGR); the words tell the same without. */
  readonly color: boolean;
}

interface Column<Row> {
  readonly heading: string;
  readonly align: 'left' | 'right';
  readonly text: (row: Row) => string;
  readonly paint?: (row: Row) => SgrStyle | undefined;
}

/** Parameters of Select Graphic Rendition, ECMA-48 8.3.117. */
const SGR = { bold: 1, red: 31, green: 32, yellow: 33 } as const;
type SgrStyle = keyof typeof SGR;

const VERDICT_STYLES: Record<ReplayVerdict, SgrStyle> = {
  promoted: 'green',
  rejected: 'yellow',
  'dead-lettered': 'red',
  cancelled: 'red',
};

/** A line per year: both errors, a bar that shows them, and what was asked for in it. */
export function yearTable(result: ReplayResult, options: TableOptions): string {
  const worst = Math.max(...result.years.map(({ mapeFrozen, mapeLive }) => Math.max(mapeFrozen, mapeLive)));
  const verdicts = verdictsByYear(result.requests);
  const table = renderTable(
    [
      { heading: 'Year', align: 'left', text: ({ year }) => String(year) },
      { heading: 'Days', align: 'right', text: ({ days }) => String(days) },
      { heading: 'Frozen', align: 'right', text: ({ mapeFrozen }) => percent(mapeFrozen) },
      { heading: 'Live', align: 'right', text: ({ mapeLive }) => percent(mapeLive) },
      {
        heading: `${LIVE_CELL} live ${FROZEN_CELL} frozen`,
        align: 'left',
        text: ({ mapeLive, mapeFrozen }) => bar({ live: mapeLive, frozen: mapeFrozen, worst }),
      },
      { heading: 'Requests', align: 'left', text: ({ year }) => verdicts.get(year) ?? '' },
    ],
    result.years,
    options,
  );
  const [heading, ...lines] = table.split('\n');
  return [heading, ...lines.flatMap((line, index) => [...gapBefore(result, index), line])].join('\n');
}

function gapBefore({ years }: ReplayResult, index: number): string[] {
  const gap = missingYears(years).find(({ next }) => next === years[index]?.year);
  return gap ? [`${gap.from} to ${gap.to}: not in the data`] : [];
}

/** A line per request: the window that raised it, the numbers of monitor and gate, and what became of it. */
export function requestTable(result: ReplayResult, options: TableOptions): string {
  if (result.requests.length === 0) return 'No window decayed, so nothing was requested.';
  const gate = (value: number | undefined): string => (value === undefined ? '-' : percent(value));
  return renderTable(
    [
      { heading: '#', align: 'right', text: ({ number }) => String(number) },
      { heading: 'Decayed window', align: 'left', text: ({ trigger }) => windowText(trigger.window) },
      { heading: 'Observed', align: 'right', text: ({ trigger }) => percent(trigger.observed) },
      { heading: 'Limit', align: 'right', text: ({ trigger }) => percent(trigger.threshold) },
      { heading: 'Champion', align: 'right', text: ({ outcome }) => gate(outcome.championMape) },
      { heading: 'Challenger', align: 'right', text: ({ outcome }) => gate(outcome.challengerMape) },
      {
        heading: 'Outcome',
        align: 'left',
        text: ({ outcome }) => outcome.verdict,
        paint: ({ outcome }) => VERDICT_STYLES[outcome.verdict],
      },
    ],
    result.requests,
    options,
  );
}

/** Two lines: what the requests came to, and both errors over all days. */
export function totalsText({ totals, ratio, windowDays }: ReplayResult): string {
  const { requests, promoted, rejected, deadLettered, days, mapeFrozen, mapeLive } = totals;
  const other = requests - promoted - rejected - deadLettered;
  const parts = [`${promoted} promoted`, `${rejected} rejected`, `${deadLettered} dead-lettered`];
  if (other > 0) parts.push(`${other} cancelled`);
  return [
    `${requests} ${requests === 1 ? 'request' : 'requests'} (${windowDays}-day windows, limit ${ratio} times the reference): ${parts.join(', ')}`,
    `error over ${days} days: ${percent(mapeFrozen)} frozen, ${percent(mapeLive)} live`,
  ].join('\n');
}

function percent(value: number): string {
  return `${value.toFixed(2)} %`;
}

function windowText({ from, to }: { from: string; to: string }): string {
  return `${from.slice(0, 10)} to ${to.slice(0, 10)}`;
}

function bar({ live, frozen, worst }: { live: number; frozen: number; worst: number }): string {
  const cells = (value: number): number => (worst > 0 ? Math.round((BAR_COLUMNS * value) / worst) : 0);
  return LIVE_CELL.repeat(cells(live)).padEnd(cells(frozen), FROZEN_CELL);
}

function verdictsByYear(requests: readonly AnsweredRequest[]): Map<number, string> {
  const byYear = new Map<number, Map<ReplayVerdict, number>>();
  for (const { trigger, outcome } of requests) {
    const year = Number(trigger.window.to.slice(0, 4));
    const counts = byYear.get(year) ?? new Map<ReplayVerdict, number>();
    counts.set(outcome.verdict, (counts.get(outcome.verdict) ?? 0) + 1);
    byYear.set(year, counts);
  }
  const text = (counts: Map<ReplayVerdict, number>): string =>
    [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ');
  return new Map([...byYear].map(([year, counts]) => [year, text(counts)]));
}

function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], { color }: TableOptions): string {
  const last = columns.length - 1;
  const widths = columns.map(({ heading, text }, index) =>
    index === last ? 0 : Math.max(heading.length, ...rows.map((row) => text(row).length)),
  );
  const left = TABLE_MAX_COLUMNS - widths.reduce((sum, width) => sum + width, COLUMN_GAP.length * last);
  const fit = (text: string, index: number): string => {
    if (index === last && text.length > left) return `${text.slice(0, left - 1)}…`;
    const width = widths[index] ?? 0;
    return columns[index]?.align === 'right' ? text.padStart(width) : text.padEnd(width);
  };
  const paint = (text: string, style: SgrStyle | undefined): string =>
    color && style ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text;
  const heading = columns.map((column, index) => paint(fit(column.heading, index), 'bold'));
  const lines = rows.map((row) =>
    columns.map(({ text, paint: style }, index) => paint(fit(text(row), index), style?.(row))),
  );
  return [heading, ...lines].map((line) => line.join(COLUMN_GAP).trimEnd()).join('\n');
}
