import { spawn } from 'node:child_process';
import { RetrainError } from '../../errors.ts';
import { readRow } from '../monitors/observed-row.ts';
import { recordsIn } from '../monitors/record-bounds.ts';
import { readingOf } from '../monitors/row-format.ts';
import type { ErrorSource, GateNumbers, GateWindow, TrainedModel } from './error-source.ts';
import { meanOf, range } from './error-source.ts';
import type { HistoryPoint } from './history.ts';

/** Bytes that one call may print. */
const OUTPUT_MAX_BYTES = 256 * 1024 * 1024;
/** Of what a failed call said, characters that are repeated. */
const SAID_MAX_LENGTH = 300;

/** Time until which a model may see data, RFC 3339. */
const UNTIL_VARIABLE = 'RETRAIN_BACKTEST_UNTIL';

interface CommandModel extends TrainedModel {
  readonly errors: ReadonlyMap<number, number>;
}

export interface CommandErrorsOptions {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Names of the columns that it prints. */
  readonly columns: { readonly time: string; readonly value: string };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Told before each training. */
  readonly onTraining?: (untilMs: number) => void;
}

/**
 * Errors of models that a command trains for the backtest: it is given `RETRAIN_BACKTEST_UNTIL`, trains with what was known until then, and prints CSV with
 * the error of that model at each time of the history, also on the newest window before, on which it must not be fitted: there the gate compares.
 */
export class CommandErrors implements ErrorSource<CommandModel> {
  readonly assumption: string;
  readonly times: readonly number[];
  readonly first: CommandModel;
  readonly #options: CommandErrorsOptions;
  readonly #positions: ReadonlyMap<number, number>;
  /** Policies often train at the same times. */
  readonly #models = new Map<number, Promise<CommandModel>>();

  /** @param points errors of the model that serves at the beginning */
  constructor(points: readonly HistoryPoint[], options: CommandErrorsOptions) {
    this.#options = options;
    this.times = [...new Set(points.map(({ timeMs }) => timeMs))];
    this.#positions = new Map(this.times.map((timeMs, index) => [timeMs, index]));
    const errors = new Map(points.map(({ timeMs, value }) => [this.#positions.get(timeMs) ?? 0, value]));
    this.first = { trainedAtMs: -Infinity, errors };
    this.assumption = `Errors are exact: ${options.command[0] ?? ''} trains each model, and tells its error.`;
  }

  train(atMs: number, champion: CommandModel): Promise<CommandModel | undefined> {
    if (atMs <= champion.trainedAtMs) return Promise.resolve(undefined);
    let model = this.#models.get(atMs);
    if (!model) this.#models.set(atMs, (model = this.#train(atMs)));
    return model;
  }

  errorOf(model: CommandModel, index: number): number | undefined {
    return model.errors.get(index);
  }

  compare(challenger: CommandModel, champion: CommandModel, { from, to }: GateWindow): GateNumbers | undefined {
    const both = [...range(from, to)].filter((index) => challenger.errors.has(index) && champion.errors.has(index));
    const young = meanOf(both.map((index) => challenger.errors.get(index)));
    const old = meanOf(both.map((index) => champion.errors.get(index)));
    return young === undefined || old === undefined ? undefined : { challenger: young, champion: old };
  }

  async #train(atMs: number): Promise<CommandModel> {
    const { columns, onTraining } = this.#options;
    onTraining?.(atMs);
    const output = await this.#run(new Date(atMs).toISOString());
    const path = `the output of ${this.#options.command[0] ?? ''}`;
    const needed = [columns.time, columns.value];
    const reading = readingOf({ kind: 'csv', delimiter: ',' }, output, { path, needed, atEnd: true });
    const errors = new Map<number, number>();
    const start = reading?.firstRow ?? 0;
    const bytes = output.subarray(start);
    for (const row of reading?.rows(bytes, recordsIn(bytes, reading.recordEnd, { atEnd: true })) ?? []) {
      const read = 'bad' in row ? ({ kind: 'bad', reason: row.bad } as const) : readRow(row.fields, columns);
      if (read.kind === 'bad')
        throw new RetrainError('TRAINER_FAILED', `${path}: ${read.reason}: print a time and an error in each line`);
      if (read.kind !== 'observed') continue;
      const position = this.#positions.get(read.row.timeMs);
      if (position !== undefined && read.row.value !== undefined) errors.set(position, read.row.value);
    }
    return { trainedAtMs: atMs, errors };
  }

  #run(until: string): Promise<Buffer> {
    const { command, environment, signal } = this.#options;
    const [program = '', ...args] = command;
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        env: { ...environment, [UNTIL_VARIABLE]: until },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(signal && { signal }),
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      let said = '';
      const fail = (what: string, cause?: unknown): void => {
        child.kill('SIGKILL');
        reject(new RetrainError('TRAINER_FAILED', `${program} until ${until} ${what}`, { cause }));
      };
      child.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > OUTPUT_MAX_BYTES)
          fail(`printed more than ${OUTPUT_MAX_BYTES} bytes: print one line for each observation`);
        else chunks.push(chunk);
      });
      child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-SAID_MAX_LENGTH)));
      child.once('error', (error) => fail(`could not be run: ${error.message}`, error));
      child.once('close', (code, killedBy) => {
        if (code === 0) resolve(Buffer.concat(chunks));
        else fail(`ended with ${code ?? killedBy}: ${said.trim() || 'it said nothing'}`);
      });
    });
  }
}
