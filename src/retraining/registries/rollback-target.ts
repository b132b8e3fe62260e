import { RetrainError } from '../../errors.ts';

/** Runs that are named to who asks for one that is not there. */
const NAMED_MAX = 5;

interface Change {
  readonly runId: string;
  readonly how: 'promoted' | 'rolled-back';
}

/**
 * The change of a history, the newest first, that a rollback goes back to: the newest of the run `to`; by default that before
 * the present champion was promoted, so that one rollback after the other goes further back. Raises `ARGUMENT_INVALID` when
 * there is none.
 */
export function rollbackTarget<C extends Change>(
  { model, history }: { readonly model: string; readonly history: readonly C[] },
  to?: string,
): C {
  const [champion] = history;
  if (!champion) throw refused(model, 'has no champion: there is nothing to roll back');
  if (to === champion.runId) throw refused(model, `has run ${to} as its champion already`);
  const others = history.filter(({ runId }) => runId !== champion.runId);
  if (to !== undefined) {
    const target = others.find(({ runId }) => runId === to);
    if (target) return target;
    const known = [...new Set(others.map(({ runId }) => runId))].slice(0, NAMED_MAX);
    const remedy = known.length > 0 ? `use one of ${known.join(', ')}` : 'there is no other';
    throw refused(model, `has no run ${to} in its history: ${remedy}`);
  }
  const promoted = history.findIndex(({ runId, how }) => runId === champion.runId && how === 'promoted');
  const earlier = promoted < 0 ? undefined : history.slice(promoted).find(({ runId }) => runId !== champion.runId);
  if (earlier) return earlier;
  throw refused(model, 'has no earlier champion in its history: name a run to go to');
}

function refused(model: string, why: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `${model} ${why}`);
}
