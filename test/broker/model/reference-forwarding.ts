import { failTransfer, putBack, remove, reconsider, serve } from './reference-delivery.ts';
import { erase, write } from './reference-disk.ts';
import { checkDrafts, entryOfForwarded } from './reference-send.ts';
import { type Forwarding, type Message, type Part, type Queue, Refusal, type State, use } from './reference-state.ts';
import { overlaid } from './rules.ts';
import { copiesOf, enterCopies } from './reference-topics.ts';

// Messages that go from queue to queue by themselves (section 4.10).

const MAX_HOPS = 4;
const PAUSE_MS = 1000;

/** What a sender is told by a refusal is the reason in the transfer dead-letter queue. */
const REASONS: Record<string, string> = {
  'entity-disabled': 'MessagingEntityDisabled',
  'quota-exceeded': 'QuotaExceeded',
  'message-size-exceeded': 'MessageSizeExceeded',
  'not-allowed': 'Session id is null.',
};

/** Parts that have taken something and are to move it. */
export function movers(state: State): { queue: string; part: 'active' | 'dead' }[] {
  return state.queues.flatMap(({ name, parts }) =>
    (['active', 'dead'] as const)
      .filter((part) => (parts[part].forwarding?.taken.length ?? 0) > 0)
      .map((part) => ({ queue: name, part })),
  );
}

/** Moves all that was taken, in order, until one has to wait: everything goes back then. */
export function moveAll(state: State, queue: Queue, part: Part): void {
  const forwarding = part.forwarding as Forwarding;
  for (let message = forwarding.taken[0]; message; message = forwarding.taken[0]) {
    if (!move(state, queue, part, message)) {
      forwarding.pausedUntilMs = state.monotonicMs + PAUSE_MS;
      for (const waiting of forwarding.taken.splice(0)) putBack(state, queue, waiting);
      return;
    }
    forwarding.taken.splice(0, 1);
  }
}

/** Forwarding goes on after a pause. */
export function resume(state: State, queue: Queue, part: Part): void {
  (part.forwarding as Forwarding).pausedUntilMs = 0;
  serve(state, queue, part);
}

/** Leaving here and arriving there are one. False: it cannot be written now. */
function move(state: State, queue: Queue, part: Part, message: Message): boolean {
  if (part.forwarding?.to === undefined) return distribute(state, queue, message);
  if (message.hops >= MAX_HOPS) {
    failTransfer(state, queue, message, { reason: 'MaxTransferHopCountExceeded' });
    return true;
  }
  const destination = state.queues.find(({ name }) => name === part.forwarding?.to);
  if (!destination) {
    failTransfer(state, queue, message, { reason: 'MessagingEntityNotFound' });
    return true;
  }
  use(state, destination);
  try {
    checkDrafts(state, destination, [overlaid(message.draft, message.overlay)]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    failTransfer(state, queue, message, { reason: REASONS[error.reason] ?? 'TransferFailed' });
    return true;
  }
  const source = part.name === 'dead' ? queue.name : message.deadLetterSource;
  const entry = entryOfForwarded(state, destination, message, source);
  if (!write(state, 'broker')) return false;
  leave(state, queue, message);
  entry.enter();
  return true;
}

/** A message of a topic that was scheduled goes to the subscriptions, which is no forwarding. */
function distribute(state: State, topic: Queue, message: Message): boolean {
  const copies = copiesOf(state, topic, [message]);
  if (!write(state, 'broker')) return false;
  leave(state, topic, message);
  enterCopies(state, copies);
  return true;
}

function leave(state: State, queue: Queue, message: Message): void {
  erase(queue, message);
  remove(queue, message);
  reconsider(state, queue, message.sessionId);
}
