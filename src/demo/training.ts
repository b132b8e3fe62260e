import { RetrainError } from '../errors.ts';
import { dayNumber, isoDay } from './calendar.ts';
import type { BirthDay } from './features.ts';
import { fitBirthsModel, mape } from './births-model.ts';
import type { BirthsModel } from './births-model.ts';

/** Three years: what every model of the demo is fitted on. */
export const TRAINING_DAYS = 1096;
/** A quarter of a year: what is judged at a time, by the monitor as by the gate. */
export const WINDOW_DAYS = 91;
/** The first model is fitted on 1969 to 1971. */
export const FIRST_SERVED_DAY = dayNumber(1972, 1, 1);

/** The model that the demo starts with, and that the frozen line of the report never replaces. */
export function fitFirstModel(days: readonly BirthDay[]): BirthsModel {
  return fitBirthsModel(days.filter(({ day }) => day < FIRST_SERVED_DAY));
}

export interface ChallengeOptions {
  /** The last day that training and evaluation may look at. */
  readonly until: number;
  readonly windowDays: number;
  readonly trainingDays: number;
}

/** The days of one challenge; the two lists never have a day in common. */
export interface Challenge {
  readonly training: readonly BirthDay[];
  readonly evaluation: readonly BirthDay[];
}

/**
 * Cuts the newest `windowDays` days up to `until` off for evaluation, and takes the `trainingDays` days before them for
 * training. Both count days that can be forecast. So soon after a gap in the data the training days reach back over it: a
 * model fitted on the few days since would not know a full year.
 *
 * @throws RetrainError `ARGUMENT_INVALID` when there are not as many days.
 */
export function cutChallenge(
  days: readonly BirthDay[],
  { until, windowDays, trainingDays }: ChallengeOptions,
): Challenge {
  let end = days.length;
  while (end > 0 && (days[end - 1] as BirthDay).day > until) end -= 1;
  if (end < windowDays + trainingDays)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `trainUntil is ${isoDay(until)}, with ${end} days of data up to it, but windowDays ${windowDays} and trainingDays ${trainingDays} are asked for: give a later day or fewer days`,
    );
  const cut = end - windowDays;
  return { training: days.slice(cut - trainingDays, cut), evaluation: days.slice(cut, end) };
}

export interface ChallengeResult {
  readonly challenger: BirthsModel;
  /** In percent, both on `evaluation`. `champion` only when there is one. */
  readonly mape: { readonly challenger: number; readonly champion?: number };
}

/** Fits a challenger and measures it and the champion on the same window, on which the challenger was not fitted. */
export function challenge({ training, evaluation }: Challenge, champion: BirthsModel | undefined): ChallengeResult {
  const challenger = fitBirthsModel(training);
  return {
    challenger,
    mape: {
      challenger: mape(challenger, evaluation),
      ...(champion && { champion: mape(champion, evaluation) }),
    },
  };
}
