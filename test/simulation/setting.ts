import type { BrokerProcess } from './broker-process.ts';
import type { NamespaceModel } from './namespace-model.ts';
import type { World } from './world.ts';

/** What every actor of a run gets. */
export interface Setting {
  readonly world: World;
  readonly broker: BrokerProcess;
  readonly namespace: NamespaceModel;
  /** The longest body of a message, so that a batch of them fits the log's smallest segment. */
  readonly maxBodyBytes: number;
  /** True when the actors are to come to an end. */
  over: boolean;
}

/** How long actors do nothing between two things that they do. */
export const PAUSE_MS = 3;
