import { RetrainError } from '../../errors.ts';
import type { ErrorSource, GateNumbers, GateWindow, TrainedModel } from './error-source.ts';
import { meanOf, range } from './error-source.ts';
import type { HistoryPoint } from './history.ts';

interface MatrixModel extends TrainedModel {
  /** Errors by position in `times`. */
  readonly errors: ReadonlyMap<number, number>;
}

/**
 * Errors of models that were really trained: for each of them, when it was trained, and its error at each time since. A retraining takes
 * the newest one that was trained by then. Errors from before its training are those on data that it was not fitted on; the gate compares with them.
 */
export class ErrorMatrix implements ErrorSource<MatrixModel> {
  readonly assumption: string;
  readonly times: readonly number[];
  readonly first: MatrixModel;
  readonly #models: readonly MatrixModel[];

  constructor(points: readonly HistoryPoint[]) {
    this.times = [...new Set(points.map(({ timeMs }) => timeMs))].sort((a, b) => a - b);
    const positions = new Map(this.times.map((timeMs, index) => [timeMs, index]));
    const models = new Map<number, Map<number, number>>();
    for (const { timeMs, value, trainedAtMs = -Infinity } of points) {
      const errors = models.get(trainedAtMs) ?? new Map<number, number>();
      models.set(trainedAtMs, errors.set(positions.get(timeMs) ?? 0, value));
    }
    this.#models = [...models]
      .map(([trainedAtMs, errors]) => ({ trainedAtMs, errors }))
      .sort((a, b) => a.trainedAtMs - b.trainedAtMs);
    const [first] = this.#models;
    if (!first) throw new RetrainError('ARGUMENT_INVALID', 'the history has no observation: name a file that has some');
    this.first = first;
    this.assumption = `Errors are exact: those of ${this.#models.length} models that were trained at other times. A retraining takes the newest one that was trained by then.`;
  }

  train(atMs: number, champion: MatrixModel): Promise<MatrixModel | undefined> {
    const newest = this.#models.findLast(({ trainedAtMs }) => trainedAtMs <= atMs);
    return Promise.resolve(newest && newest.trainedAtMs > champion.trainedAtMs ? newest : undefined);
  }

  errorOf(model: MatrixModel, index: number): number | undefined {
    return model.errors.get(index);
  }

  compare(challenger: MatrixModel, champion: MatrixModel, { from, to }: GateWindow): GateNumbers | undefined {
    // Only where both are known: on other observations the two could not be compared.
    const both = [...range(from, to)].filter((index) => challenger.errors.has(index) && champion.errors.has(index));
    const young = meanOf(both.map((index) => challenger.errors.get(index)));
    const old = meanOf(both.map((index) => champion.errors.get(index)));
    return young === undefined || old === undefined ? undefined : { challenger: young, champion: old };
  }
}
