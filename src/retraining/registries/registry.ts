import type { Metrics } from '../gate.ts';

/** The promoted model that serves now. */
export interface Champion {
  readonly runId: string;
  readonly epoch: number;
  /** Path or URI under which the registry keeps the artifact. */
  readonly artifact: string;
  /** SHA-256 of the artifact, 64 hex digits. */
  readonly digest: string;
  /** As measured when it was promoted; there it was the challenger. */
  readonly metrics: Metrics;
  /** RFC 3339. */
  readonly promotedAt: string;
}

export interface RegistryState {
  /** Epoch of the champion, 0 when there is none. */
  readonly epoch: number;
  readonly champion: Champion | undefined;
}

export interface Promotion {
  /** The epoch that `read` returned when the gate compared: another one now means that somebody else promoted since. */
  readonly expectedEpoch: number;
  /** Epoch of the run that promotes; it must come after the champion's. */
  readonly epoch: number;
  readonly runId: string;
  /** Where the trainer left the artifact: an absolute path on this host (file or folder), or a URI. */
  readonly artifact: string;
  readonly digest: string;
  readonly metrics: Metrics;
}

/** The truth for a model's champion, its epoch and its artifacts. A promotion is a compare-and-set on the epoch. */
export interface Registry {
  read(model: string): Promise<RegistryState>;
  /**
   * Makes the run's artifact the champion and returns it as recorded. "Already champion by this runId" is a success, so that
   * a promotion can be repeated after a crash. Raises `REGISTRY_CONFLICT` when another epoch than expected is there, or when
   * the epoch does not come after the champion's (the order of a worker that lost its session).
   */
  promote(model: string, promotion: Promotion): Promise<Champion>;
}
