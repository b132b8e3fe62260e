import type { Journal } from '../storage/index.ts';
import type { Duties } from './duties.ts';
import { gone, isDiskFull, killAll } from './gone.ts';
import type { Queue } from './queue.ts';
import type { Step } from './step.ts';

/** Ids that one record of a removal names. */
const IDS_PER_RECORD = 1000;

/** Ends entities with all their messages. Returns what the answer depends on. */
export function removeEntities(options: {
  readonly journal: Journal;
  readonly duties: Duties;
  readonly queues: readonly Queue[];
  /** Other records that end with them. */
  readonly others?: readonly number[];
  /** What is written with it. */
  readonly besides?: Step | undefined;
  /** Takes them out of where they are found. */
  readonly forget: () => void;
  readonly onDeleted: (queue: Queue) => void;
}): { position: number } {
  const { journal, duties, queues, others = [], besides } = options;
  const ids = [...queues.map(({ id }) => id), ...others];
  const records = [...(besides?.records ?? [])];
  for (let at = 0; at < ids.length; at += IDS_PER_RECORD)
    records.push(gone(journal, ids.slice(at, at + IDS_PER_RECORD)));
  // First, because nothing must have changed if it cannot be written.
  const position = journal.append(records, 'settle');
  besides?.apply(true);
  options.forget();
  for (const queue of queues) {
    duties.relieve(queue);
    queue.deleted();
    options.onDeleted(queue);
  }
  try {
    for (const queue of queues) killAll(journal, [...queue.forgetAll()]);
    return { position: journal.appended };
  } catch (error) {
    // The next start finds messages without a queue, and ends what was begun here.
    if (!isDiskFull(error)) throw error;
    return { position };
  }
}
