import { RetrainError } from '../errors.ts';
import { MAX_REFS } from './frame.ts';
import { type LogRecord, RecordKind } from './journal.ts';
import type { Liveness } from './liveness.ts';

/** Above this many records the bodies of a batch are looked up in a set. */
const SCAN_UP_TO = 8;

/**
 * Checks a batch before anything of it is appended: a record that breaks the rules of its kind would make recovery refuse the whole log.
 *
 * @throws RetrainError `ARGUMENT_INVALID`.
 */
export function checkBatch(
  batch: readonly LogRecord[],
  { liveness, nextId }: { liveness: Liveness; nextId: number },
): void {
  let bodies: Set<number> | undefined;
  const isNewBody = (id: number): boolean => {
    if (batch.length <= SCAN_UP_TO) return batch.some((other) => other.id === id && other.kind === RecordKind.body);
    bodies ??= new Set(batch.filter(({ kind }) => kind === RecordKind.body).map((body) => body.id));
    return bodies.has(id);
  };
  for (const { kind, id, refs } of batch) {
    if (!(id > 0 && id < nextId)) throw broken(id, 'its id does not come from nextId');
    if (liveness.table.find(id)) throw broken(id, 'it has been appended before');
    if (refs.length > MAX_REFS) throw broken(id, `it has ${refs.length} refs, the limit is ${MAX_REFS}`);
    if (kind === RecordKind.body && refs.length > 0) throw broken(id, 'a body has no refs');
    if (kind === RecordKind.change && (refs.length < 1 || refs.length > 2)) {
      throw broken(id, 'a change has an owner and at most one change that it supersedes');
    }
    for (let index = 0; index < refs.length; index++) {
      const ref = refs[index] as number;
      if (!(ref > 0 && ref < id)) throw broken(id, `ref ${ref} is not the id of an earlier record`);
      const target = liveness.kindOf(ref);
      if (kind === RecordKind.entry) {
        const held = target === RecordKind.body && liveness.isLive(ref);
        if (!held && !isNewBody(ref)) throw broken(id, `ref ${ref} is not the body of a live entry`);
      } else if (target !== undefined && !mayName(kind, index, target)) {
        throw broken(id, `ref ${ref} is a record of another kind`);
      }
    }
  }
}

/** What a change or a gone names may be dead, or gone from the disk; but never of a kind that it cannot name. */
function mayName(kind: number, index: number, target: number): boolean {
  if (kind === RecordKind.gone) return target === RecordKind.entry || target === RecordKind.change;
  return target === (index === 0 ? RecordKind.entry : RecordKind.change);
}

function broken(id: number, why: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `record ${id} cannot be appended: ${why}`);
}
