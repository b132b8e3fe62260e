import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { checkedOptions } from './checked-options.ts';
import type { Cell } from './column-values.ts';
import type { Columns } from './data-drift.ts';
import { drawBelow, nextSeed } from './seeded-draw.ts';
import { parseState } from './stored-state.ts';

/** Rows that a sample may keep. */
export const SAMPLE_ROWS_MAX = 100_000;
/** Columns of a sample. */
export const SAMPLE_COLUMNS_MAX = 1_000;
/** Code units of text that one cell keeps; two longer texts that begin alike are one category. */
const CELL_LENGTH_MAX = 256;

const SEED_MAX = 2 ** 32 - 1;

const driftSampleOptionsSchema = z.strictObject({
  columns: z.array(z.string()).min(1).max(SAMPLE_COLUMNS_MAX).describe('Names of the columns that are kept.'),
  maxRows: z
    .int()
    .min(1)
    .max(SAMPLE_ROWS_MAX)
    .default(10_000)
    .describe('Rows that are kept; of more, so many are drawn at random.'),
  seed: z.int().min(0).max(SEED_MAX).default(0).describe('Start of the random draws.'),
});

export type DriftSampleOptions = z.input<typeof driftSampleOptionsSchema>;

const STATE_SCHEMA = 'retrain.drift-sample';
const STATE_VERSION = 1;

const cellSchema = z.union([z.number(), z.string().max(CELL_LENGTH_MAX), z.boolean(), z.null()]);

const stateSchema = z.strictObject({
  schema: z.literal(STATE_SCHEMA),
  version: z.literal(STATE_VERSION),
  columns: z.array(z.string()).min(1).max(SAMPLE_COLUMNS_MAX),
  seen: z.int().min(0),
  seed: z.int().min(0).max(SEED_MAX),
  /** The rows that are kept, each with its cells in the order of `columns`. */
  rows: z.array(z.array(cellSchema)).max(SAMPLE_ROWS_MAX),
});

export type DriftSampleState = z.output<typeof stateSchema>;

type KeptCell = z.output<typeof cellSchema>;

/**
 * Rows for `dataDrift`, a reference or a window of current data, in bounded memory: all of them up to `maxRows`, then a uniform
 * random sample of all that were added (Vitter's algorithm R), the same for the same seed and rows.
 */
export class DriftSample {
  readonly #options: z.output<typeof driftSampleOptionsSchema>;
  #rows: KeptCell[][] = [];
  #seen = 0;
  #seed: number;

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(options: DriftSampleOptions) {
    this.#options = checkedOptions(driftSampleOptionsSchema, 'a drift sample', options);
    this.#seed = this.#options.seed;
  }

  /**
   * @throws RetrainError `DATA_VERSION` or `DATA_CORRUPT` for what is not a state of a sample, `CONFIGURATION_INVALID` for one of other
   * columns or with more than `maxRows` rows.
   */
  static restore(options: DriftSampleOptions, state: unknown): DriftSample {
    const sample = new DriftSample(options);
    const { columns, maxRows } = sample.#options;
    const kept = parseState(stateSchema, STATE_VERSION, 'the drift sample', state);
    const torn = kept.rows.find((row) => row.length !== kept.columns.length);
    if (torn || kept.rows.length > kept.seen)
      throw new RetrainError(
        'DATA_CORRUPT',
        "the drift sample's state is not valid at rows (cells or rows are missing): remove it to start anew",
      );
    if (JSON.stringify(kept.columns) !== JSON.stringify(columns) || kept.rows.length > maxRows)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `the drift sample has ${columns.length} columns and at most ${maxRows} rows, its state has ${kept.columns.length} columns, of other names or order, or ${kept.rows.length} rows: keep the former setting, or remove the state to start anew`,
      );
    sample.#rows = kept.rows;
    sample.#seen = kept.seen;
    sample.#seed = kept.seed;
    return sample;
  }

  toJSON(): DriftSampleState {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      columns: [...this.#options.columns],
      seen: this.#seen,
      seed: this.#seed,
      rows: this.#rows.map((row) => [...row]),
    };
  }

  /** Rows that were added, kept or not. */
  get seen(): number {
    return this.#seen;
  }

  /** Takes a row by column names. A column that it does not have is missing in it; others are passed over. */
  add(row: Readonly<Record<string, Cell>>): void {
    const { columns, maxRows } = this.#options;
    const cells = columns.map((column) => (Object.hasOwn(row, column) ? keptCell(row[column]) : null));
    this.#seen += 1;
    if (this.#rows.length < maxRows) {
      this.#rows.push(cells);
      return;
    }
    this.#seed = nextSeed(this.#seed);
    const place = drawBelow(this.#seen, this.#seed);
    if (place < maxRows) this.#rows[place] = cells;
  }

  /** The rows that are kept, by columns. */
  columns(): Columns {
    return Object.fromEntries(
      this.#options.columns.map((column, index) => [column, this.#rows.map((row) => row[index] as KeptCell)]),
    );
  }
}

/** A cell as JSON can keep it. */
function keptCell(cell: Cell): KeptCell {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : null;
  if (typeof cell === 'string') return cell.slice(0, CELL_LENGTH_MAX);
  return cell ?? null;
}
