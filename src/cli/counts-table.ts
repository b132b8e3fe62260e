import type { EntityCounts } from './admin-entity.ts';

const TITLES = ['Entity', ' Active', ' Dead-lettered', ' Scheduled', ' Transfer', ' Transfer dead', ' Bytes'];

/** A row for each entity, subscriptions below their topics. */
export function countsTable(counts: readonly EntityCounts[]): { readonly titles: string[]; readonly rows: string[][] } {
  const rows = counts.map((each) => [
    each.kind === 'topic' ? `${each.path} (topic)` : each.path,
    ...[each.active, each.deadLettered, each.scheduled, each.transfer, each.transferDeadLettered, each.sizeInBytes].map(
      (value) => (value === undefined ? '' : String(value)),
    ),
  ]);
  return { titles: TITLES, rows };
}
