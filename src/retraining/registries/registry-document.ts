import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { metricsSchema } from '../gate.ts';
import { BY_MAX_LENGTH, HISTORY_MAX, REASON_MAX_LENGTH, REJECTED_MAX } from './registry.ts';
import type { Promotion, Rejection, Rollback } from './registry.ts';
import { rollbackTarget } from './rollback-target.ts';

/** The format that this release writes. */
export const DOCUMENT_FORMAT = 2;

const epoch = z.int().positive();
const kept = {
  runId: z.string().min(1),
  epoch,
  /** Relative to the model's artifacts, so that the registry can be moved; or a URI. */
  artifact: z.string().min(1),
  digest: z.string(),
  metrics: metricsSchema,
};

const changeSchema = z.strictObject({
  ...kept,
  /** RFC 3339. */
  promotedAt: z.string(),
  how: z.enum(['promoted', 'rolled-back']),
  instead: z.strictObject({ runId: z.string(), epoch }).optional(),
  by: z.string().optional(),
  reason: z.string().optional(),
  /** Tells two rollbacks that look alike apart. */
  nonce: z.string().optional(),
});
/** One change of the champion, as a registry records it. */
export type RecordedChange = z.output<typeof changeSchema>;

const resultSchema = z.strictObject({
  ...kept,
  championEpoch: z.int().nonnegative(),
  /** RFC 3339. */
  keptAt: z.string(),
});
/** A run's result that was kept, as a registry records it. */
export type RecordedResult = z.output<typeof resultSchema>;

export const documentSchema = z.strictObject({
  format: z.literal(DOCUMENT_FORMAT),
  model: z.string(),
  /** The newest first: that one is the champion. */
  history: z.array(changeSchema).max(HISTORY_MAX),
  challenger: resultSchema.nullable(),
  /** Results that neither are the challenger nor were promoted; the newest first. */
  rejected: z.array(resultSchema).max(REJECTED_MAX),
});
/**
 * All that a registry knows of one model. It is replaced as a whole, by whoever read the version before (compare-and-set), so
 * that a reader never sees half a change. The functions below make the next document from the present one and change nothing.
 */
export type RegistryDocument = z.output<typeof documentSchema>;

export interface Retention {
  /** Champions that are remembered with their artifacts. */
  readonly history: number;
  /** Results that were not promoted whose artifacts are kept. */
  readonly rejected: number;
}

export function emptyDocument(model: string): RegistryDocument {
  return { format: DOCUMENT_FORMAT, model, history: [], challenger: null, rejected: [] };
}

export function championOf({ history }: RegistryDocument): RecordedChange | undefined {
  return history[0];
}

/** Epoch of the champion, 0 when there is none. */
export function epochOf(document: RegistryDocument): number {
  return championOf(document)?.epoch ?? 0;
}

/** Everything whose artifact is needed. */
export function keptIn({ history, challenger, rejected }: RegistryDocument): (RecordedChange | RecordedResult)[] {
  return [...history, ...(challenger ? [challenger] : []), ...rejected];
}

/** Raises `REGISTRY_CONFLICT` when a run of this epoch has nothing to say any more. */
export function refuseFenced(document: RegistryDocument, { epoch: own }: { readonly epoch: number }): void {
  if (own > epochOf(document)) return;
  throw conflict(document, `epoch ${own} does not come after it`);
}

/** A result becomes the challenger, unless a later run is that. The challenger before was never decided on: it is put aside. */
export function withKept(document: RegistryDocument, result: RecordedResult, limits: Retention): RegistryDocument {
  refuseFenced(document, result);
  const { challenger } = document;
  if (challenger && challenger.epoch > result.epoch) return withRejected(document, result, limits);
  const next = { ...document, challenger: result };
  return challenger ? withRejected(next, challenger, limits) : next;
}

/** Raises `REGISTRY_CONFLICT` unless the promotion compared with the present champion and comes after it. */
export function refuseConflict(
  document: RegistryDocument,
  { expectedEpoch, epoch: own }: Pick<Promotion, 'expectedEpoch' | 'epoch'>,
): void {
  if (epochOf(document) !== expectedEpoch)
    throw conflict(document, `the gate compared with epoch ${expectedEpoch}; judge again against the present champion`);
  refuseFenced(document, { epoch: own });
}

export function withPromoted(
  document: RegistryDocument,
  promotion: Promotion & { readonly promotedAt: string },
  limits: Retention,
): RegistryDocument {
  refuseConflict(document, promotion);
  const { runId, epoch: own, artifact, digest, metrics, promotedAt } = promotion;
  const change: RecordedChange = {
    runId,
    epoch: own,
    artifact,
    digest,
    metrics,
    promotedAt,
    how: 'promoted',
    ...insteadOf(document),
  };
  return withoutChallenger(withChange(document, change, limits), promotion, limits);
}

/** The challenger is one no more, when it is of this run or of an earlier epoch. */
export function withoutChallenger(
  document: RegistryDocument,
  { epoch: own }: Rejection,
  limits: Retention,
): RegistryDocument {
  const { challenger } = document;
  if (!challenger || challenger.epoch > own) return document;
  const settled = { ...document, challenger: null };
  const promoted = document.history.some((change) => change.artifact === challenger.artifact);
  return promoted ? settled : withRejected(settled, challenger, limits);
}

/**
 * An earlier champion becomes champion again under the next epoch. Without a run to go back to, it is the one before the
 * present champion was promoted, so that one rollback after the other goes further back.
 */
export function withRolledBack(
  document: RegistryDocument,
  { to, expectedEpoch, by, reason }: Rollback,
  { atMs, nonce, limits }: { atMs: number; nonce: string; limits: Retention },
): RegistryDocument {
  const present = epochOf(document);
  if (present !== expectedEpoch)
    throw conflict(document, `the rollback was decided at epoch ${expectedEpoch}; look again`);
  const target = rollbackTarget(document, to);
  const { runId, artifact, digest, metrics } = target;
  const change: RecordedChange = {
    runId,
    artifact,
    digest,
    metrics,
    nonce,
    epoch: present + 1,
    promotedAt: new Date(atMs).toISOString(),
    how: 'rolled-back',
    ...insteadOf(document),
    ...(by !== undefined && { by: by.slice(0, BY_MAX_LENGTH) }),
    ...(reason !== undefined && { reason: reason.slice(0, REASON_MAX_LENGTH) }),
  };
  return withChange(document, change, limits);
}

function withChange(document: RegistryDocument, change: RecordedChange, limits: Retention): RegistryDocument {
  return { ...document, history: [change, ...document.history].slice(0, limits.history) };
}

function withRejected(document: RegistryDocument, result: RecordedResult, limits: Retention): RegistryDocument {
  return { ...document, rejected: [result, ...document.rejected].slice(0, limits.rejected) };
}

function insteadOf(document: RegistryDocument): Pick<RecordedChange, 'instead'> {
  const champion = championOf(document);
  return champion ? { instead: { runId: champion.runId, epoch: champion.epoch } } : {};
}

function conflict(document: RegistryDocument, why: string): RetrainError {
  const champion = championOf(document);
  return new RetrainError(
    'REGISTRY_CONFLICT',
    `${document.model} has a champion of epoch ${epochOf(document)} by run ${champion?.runId ?? 'none'}: ${why}`,
  );
}
