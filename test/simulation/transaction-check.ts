import { mayHaveVanished } from './expiry.ts';
import type { NamespaceModel } from './namespace-model.ts';
import type { EnlistedSend, EnlistedSettlement, TransactionModel } from './transaction-model.ts';

type Verdict = 'happened' | 'did not happen' | 'nobody can tell';

/**
 * A transaction whose commit was not answered happened as a whole or not at all. To be called when everything has been taken out of the queues
 * and completed. Of the others the queues' models know already what must be and what must not.
 */
export function checkTransactions(namespace: NamespaceModel): void {
  for (const transaction of namespace.transactions) {
    if (transaction.end !== 'unknown') continue;
    const parts: [string, Verdict][] = [
      ...transaction.sends.map((send): [string, Verdict] => [`sending ${send.message.uid}`, sent(namespace, send)]),
      ...transaction.settlements.map((one): [string, Verdict] => [
        `${one.kind} of ${one.record.copy.uid}`,
        settled(namespace, transaction, one),
      ]),
    ];
    const told = parts.filter(([, verdict]) => verdict !== 'nobody can tell');
    if (new Set(told.map(([, verdict]) => verdict)).size > 1)
      namespace.world.violate(
        `transaction ${transaction.name} happened in part: ${told.map((part) => part.join(' ')).join(', ')}`,
      );
  }
}

function sent(namespace: NamespaceModel, { model, message }: EnlistedSend): Verdict {
  if (message.copies.length > 0) return 'happened';
  if (mayBeGone(namespace, model.name) || mayHaveVanished(namespace, message)) return 'nobody can tell';
  return 'did not happen';
}

function settled(
  namespace: NamespaceModel,
  { deadLetterReason }: TransactionModel,
  { model, record, kind }: EnlistedSettlement,
): Verdict {
  const { copy } = record;
  const next = copy.deliveries[copy.deliveries.indexOf(record) + 1];
  if (kind === 'complete') {
    if (next) return 'did not happen';
    const message = namespace.messageOf(copy.uid);
    const gone = mayBeGone(namespace, model.name) || !message || mayHaveVanished(namespace, message, copy);
    return gone ? 'nobody can tell' : 'happened';
  }
  if (!next || next.place !== record.place) return 'nobody can tell';
  if (kind === 'dead-letter') return next.deadLetterReason === deadLetterReason ? 'happened' : 'did not happen';
  if (kind === 'defer' && !record.fetched && next.from === 'queue') return next.fetched ? 'happened' : 'did not happen';
  return 'nobody can tell';
}

/** Messages of the queue, or of those that it forwards to, may be gone without having been seen. */
function mayBeGone(namespace: NamespaceModel, queue: string): boolean {
  const island = namespace.islands.find((queues) => queues.some(({ name }) => name === queue)) ?? [];
  return island.some(({ mayLack, sweeps }) => mayLack > 0 || sweeps.length > 0);
}
