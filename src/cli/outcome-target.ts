import { RetrainError } from '../errors.ts';
import { ID_START_MIN_LENGTH, findTarget } from '../retraining/explanation.ts';
import type { Found } from '../retraining/explanation.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';
import { onOneLine } from './printable.ts';

/** For the argument of a command. */
export const RUN_ARGUMENT = `id of a run, or its first characters (${ID_START_MIN_LENGTH} or more)`;

/**
 * What an id, or the start of one, names; undefined when no event knows it.
 *
 * @throws RetrainError `ARGUMENT_INVALID` when it could be several
 */
export function targetOf(
  events: readonly OutcomeEvent[],
  text: string,
): Extract<Found, { kind: 'request' | 'run' }> | undefined {
  const found = findTarget(events, text);
  if (found.kind === 'unknown') return undefined;
  if (found.kind !== 'ambiguous') return found;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `"${onOneLine(text)}" can be ${found.candidates.map(onOneLine).join(', ')}: give more of the id`,
  );
}

/** @throws RetrainError `ENTITY_NOT_FOUND` */
export function unknownTarget(
  text: string,
  { events, from }: { events: readonly OutcomeEvent[]; from: string },
): never {
  const [first] = events;
  const known =
    first === undefined
      ? 'there are no events there: name the topic with --outcomes, or the state folder of a worker with --state'
      : `its first event is of ${first.time}`;
  throw new RetrainError('ENTITY_NOT_FOUND', `nothing is known of "${onOneLine(text)}" in ${from}; ${known}`);
}
