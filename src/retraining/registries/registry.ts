import type { Metrics } from '../gate.ts';

/** Changes of a model's champion that a registry remembers, with their artifacts, unless its settings say otherwise. */
export const HISTORY_DEFAULT = 20;
/** The most that may be asked for: a registry reads them all at once. */
export const HISTORY_MAX = 200;
/** Artifacts of runs that were not promoted which a registry keeps, unless its settings say otherwise. */
export const REJECTED_DEFAULT = 3;
export const REJECTED_MAX = 100;
/** Characters of who changed a champion, and of the reason; longer ones are cut. */
export const BY_MAX_LENGTH = 256;
export const REASON_MAX_LENGTH = 1024;

/** What names an artifact that a registry keeps. */
export interface ArtifactRef {
  /** The run that made it. */
  readonly runId: string;
  /** Path or URI under which the registry keeps the artifact, or where it lives when that is elsewhere. */
  readonly artifact: string;
  /** SHA-256 of the artifact, 64 hex digits. */
  readonly digest: string;
}

/** The promoted model that serves now. */
export interface Champion extends ArtifactRef {
  /** Of the promotion or the rollback that made it champion. */
  readonly epoch: number;
  /** As measured when it was promoted; there it was the challenger. */
  readonly metrics: Metrics;
  /** RFC 3339: since when it is champion. */
  readonly promotedAt: string;
}

/** A run's result that was kept and is not decided on yet. */
export interface Challenger extends ArtifactRef {
  /** Of the run. */
  readonly epoch: number;
  readonly metrics: Metrics;
  /** Epoch of the champion that the trainer was given: only against that one its own numbers of the champion count. */
  readonly championEpoch: number;
  /** RFC 3339. */
  readonly keptAt: string;
}

export interface RegistryState {
  /** Epoch of the champion, 0 when there is none. */
  readonly epoch: number;
  readonly champion: Champion | undefined;
  readonly challenger: Challenger | undefined;
}

export interface ModelState extends RegistryState {
  readonly model: string;
}

/** One change of the champion. */
export interface ChampionChange extends Champion {
  readonly how: 'promoted' | 'rolled-back';
  /** Who was champion before; absent when nobody was. */
  readonly instead?: { readonly runId: string; readonly epoch: number };
  /** Who rolled back. */
  readonly by?: string;
  /** Why it was rolled back. */
  readonly reason?: string;
}

/** What a run has trained, before its ledger says so. */
export interface RunResultToKeep {
  readonly runId: string;
  readonly epoch: number;
  /** Where the trainer left the artifact: an absolute path on this host (file or folder), or a URI. */
  readonly artifact: string;
  readonly digest: string;
  readonly metrics: Metrics;
  /** Epoch of the champion that the trainer was given, 0 for none. */
  readonly championEpoch: number;
}

export interface Promotion {
  /** The epoch that `read` returned when the gate compared: another one now means that somebody else promoted since. */
  readonly expectedEpoch: number;
  /** Epoch of the run that promotes; it must come after the champion's. */
  readonly epoch: number;
  readonly runId: string;
  /** What `keep` returned; or an absolute path on this host (file or folder) that is kept now; or a URI. */
  readonly artifact: string;
  readonly digest: string;
  readonly metrics: Metrics;
}

export interface Rejection {
  readonly runId: string;
  readonly epoch: number;
}

export interface Rollback {
  /** Run whose model becomes champion again. Default: the champion before the present one was promoted. */
  readonly to?: string | undefined;
  /** The epoch that `read` returned when somebody decided this. */
  readonly expectedEpoch: number;
  /** Who; up to `BY_MAX_LENGTH` characters. */
  readonly by?: string | undefined;
  /** Why; up to `REASON_MAX_LENGTH` characters. */
  readonly reason?: string | undefined;
}

/**
 * The truth for a model's champion, its epoch and its artifacts. The champion changes by compare-and-set on the epoch, which
 * grows with every change. Two aliases name models: `champion`, and `challenger` from `keep` until a promotion or a rejection.
 *
 * Every method raises `ARGUMENT_INVALID` for what is no model's name, `DATA_CORRUPT` or `DATA_VERSION` when what is stored
 * cannot be read, `UNREACHABLE` and `UNAUTHORIZED` where the registry is a service.
 */
export interface Registry {
  read(model: string): Promise<RegistryState>;
  /** Every model with a champion or a challenger, in the order of their names. */
  list(): Promise<readonly ModelState[]>;
  /** Changes of the champion, the newest first; bounded by the registry's settings (`HISTORY_DEFAULT`). */
  history(model: string): Promise<readonly ChampionChange[]>;
  /**
   * Keeps a run's artifact where any other host finds it, and makes it the challenger unless a later run is that. Repeated
   * for the same run and epoch it is a success. Returns the artifact's new address. Raises `REGISTRY_CONFLICT` when the
   * champion is of the run's epoch or a later one (the run is fenced), and `TRAINER_FAILED` when the artifact is gone or was
   * changed since its digest was taken.
   */
  keep(model: string, result: RunResultToKeep): Promise<Challenger>;
  /** Whether an artifact is still there as it was kept. Of what lives elsewhere nothing is known: true. */
  verify(model: string, artifact: ArtifactRef): Promise<boolean>;
  /**
   * Copies an artifact into a folder of this host, checks its digest, and returns the copy's path; a copy that is there
   * already is not made again. Raises `DATA_CORRUPT` when the registry has not got it, or not with this digest, and
   * `ARGUMENT_INVALID` for one that lives elsewhere.
   */
  fetch(model: string, artifact: ArtifactRef, folder: string): Promise<string>;
  /**
   * Makes the run's artifact the champion and returns it as recorded. "Already champion by this runId" is a success, so that
   * a promotion can be repeated after a crash. Raises `REGISTRY_CONFLICT` when another epoch than expected is there, or when
   * the epoch does not come after the champion's (the order of a worker that lost its session).
   */
  promote(model: string, promotion: Promotion): Promise<Champion>;
  /** The run's artifact is not the challenger any more. Nothing happens when it was not. */
  reject(model: string, rejection: Rejection): Promise<void>;
  /**
   * Makes an earlier champion of the history champion again, under the next epoch: a run that compared before gets
   * `REGISTRY_CONFLICT`. Raises `REGISTRY_CONFLICT` when another epoch than expected is there, `ARGUMENT_INVALID` when the
   * run is not in the history, is champion already, or there is no earlier one, `DATA_CORRUPT` when its artifact is gone.
   */
  rollback(model: string, rollback: Rollback): Promise<ChampionChange>;
}
