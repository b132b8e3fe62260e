import { championOf, epochOf } from './registry-document.ts';
import type { RecordedChange, RecordedResult, RegistryDocument } from './registry-document.ts';
import type { Challenger, Champion, ChampionChange, RegistryState } from './registry.ts';

/** From an artifact as a document names it to the address under which the world finds it. */
export type AddressOf = (artifact: string) => string;

/** What a document says to those who ask. */
export function stateIn(document: RegistryDocument, addressOf: AddressOf): RegistryState {
  const champion = championOf(document);
  return {
    epoch: epochOf(document),
    champion: champion && championIn(champion, addressOf),
    challenger: document.challenger ? challengerIn(document.challenger, addressOf) : undefined,
  };
}

function championIn(change: RecordedChange, addressOf: AddressOf): Champion {
  const { runId, epoch, artifact, digest, metrics, promotedAt } = change;
  return { runId, epoch, artifact: addressOf(artifact), digest, metrics, promotedAt };
}

export function changeIn(change: RecordedChange, addressOf: AddressOf): ChampionChange {
  const { how, instead, by, reason } = change;
  return {
    ...championIn(change, addressOf),
    how,
    ...(instead && { instead }),
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
  };
}

export function challengerIn(result: RecordedResult, addressOf: AddressOf): Challenger {
  const { runId, epoch, artifact, digest, metrics, championEpoch, keptAt } = result;
  return { runId, epoch, artifact: addressOf(artifact), digest, metrics, championEpoch, keptAt };
}
