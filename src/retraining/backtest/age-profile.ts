import { RetrainError } from '../../errors.ts';
import type { ErrorSource, GateNumbers, GateWindow, TrainedModel } from './error-source.ts';
import { countUntil, meanOf, range } from './error-source.ts';
import type { HistoryPoint } from './history.ts';

/**
 * Errors from the history of one model that was never retrained, by the age of a model: a model that is retrained has the error that this
 * one had at the same age. So the metric returns to where it was, and decays again just as it did.
 *
 * It keeps how errors scatter, but knows of no calendar: what was a season in the history comes with the age of the model, not with the
 * month.
 */
export class AgeProfile implements ErrorSource {
  readonly assumption: string;
  readonly times: readonly number[];
  readonly first: TrainedModel;
  readonly #values: readonly number[];

  /**
   * @param points of one model, in order of time
   * @param trainedAtMs when that model was trained; by default when its history begins
   */
  constructor(points: readonly HistoryPoint[], { trainedAtMs }: { trainedAtMs?: number } = {}) {
    const [first] = points;
    if (!first) throw new RetrainError('ARGUMENT_INVALID', 'the history has no observation: name a file that has some');
    if (trainedAtMs !== undefined && trainedAtMs > first.timeMs)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `the model was trained at ${new Date(trainedAtMs).toISOString()}, after its history begins at ${new Date(first.timeMs).toISOString()}: give an earlier time`,
      );
    this.times = points.map(({ timeMs }) => timeMs);
    this.#values = points.map(({ value }) => value);
    this.first = { trainedAtMs: trainedAtMs ?? first.timeMs };
    this.assumption =
      'Errors after a retraining are assumed: a retrained model has the error that the model of the history had at the same age. Seasons of the history move with it.';
  }

  train(atMs: number, champion: TrainedModel): Promise<TrainedModel | undefined> {
    return Promise.resolve(atMs > champion.trainedAtMs ? { trainedAtMs: atMs } : undefined);
  }

  errorOf(model: TrainedModel, index: number): number | undefined {
    if (model === this.first) return this.#values[index];
    const ageMs = Math.max(0, (this.times[index] ?? 0) - model.trainedAtMs);
    // The first observation of the history stands for a younger model, too.
    return this.#values[Math.max(0, countUntil(this.times, this.first.trainedAtMs + ageMs) - 1)];
  }

  /** A new model does on its first window as the model of the history did on its first. */
  compare(_: TrainedModel, champion: TrainedModel, { from, to }: GateWindow): GateNumbers | undefined {
    const known = meanOf([...range(from, to)].map((index) => this.errorOf(champion, index)));
    const young = meanOf(this.#values.slice(0, to - from));
    return known === undefined || young === undefined ? undefined : { challenger: young, champion: known };
  }
}
