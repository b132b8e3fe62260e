import type { Metrics } from './gate.ts';

/** The promoted model that serves now. */
export interface Champion {
  readonly runId: string;
  readonly epoch: number;
  /** Path or URI under which the registry keeps the artifact. */
  readonly artifact: string;
  /** SHA-256 of the artifact, 64 hex digits. */
  readonly digest: string;
  readonly metrics: Metrics;
  /** RFC 3339. */
  readonly promotedAt: string;
}

export interface RegistryState {
  /** Epoch of the last promotion, 0 when there was none. */
  readonly epoch: number;
  readonly champion: Champion | undefined;
}

export interface Promotion {
  /** The epoch that `read` returned when the gate compared; another one now means that somebody else promoted. */
  readonly expectedEpoch: number;
  readonly epoch: number;
  readonly runId: string;
  /** Where the trainer left the artifact: a path on this host, or a URI. */
  readonly artifact: string;
  readonly digest: string;
  readonly metrics: Metrics;
}

/** The truth for a model's champion and its epoch. */
export interface Registry {
  read(model: string): Promise<RegistryState>;
  /** Returns the champion as recorded. */
  promote(model: string, promotion: Promotion): Promise<Champion>;
}
