import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { metricsSchema } from '../gate.ts';
import { DOCUMENT_FORMAT, documentSchema } from './registry-document.ts';
import type { RecordedChange, RegistryDocument } from './registry-document.ts';

/** Of releases before there were challengers: one champion in each record. */
const FIRST_FORMAT = 1;

const firstSchema = z.strictObject({
  format: z.literal(FIRST_FORMAT),
  model: z.string(),
  runId: z.string().min(1),
  epoch: z.int().positive(),
  /** `artifacts/<place>`, or a URI. */
  artifact: z.string().min(1),
  digest: z.string(),
  metrics: metricsSchema,
  promotedAt: z.string(),
});

export type ParsedDocument =
  | { readonly format: 1; readonly model: string; readonly change: RecordedChange }
  | { readonly format: 2; readonly model: string; readonly document: RegistryDocument };

/**
 * Reads what a store keeps. Raises `DATA_CORRUPT` for what is no document, or not the model's, and `DATA_VERSION` for one of
 * another release; both name the place and what to do.
 */
export function parseDocument(text: string, { path, model }: { path: string; model?: string }): ParsedDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RetrainError('DATA_CORRUPT', `${path} is not JSON: restore it from a backup or remove it`, {
      cause: error,
    });
  }
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (format !== FIRST_FORMAT && format !== DOCUMENT_FORMAT)
    throw new RetrainError(
      'DATA_VERSION',
      `${path} has format ${JSON.stringify(format)}, this release reads ${FIRST_FORMAT} and ${DOCUMENT_FORMAT}: use the release that wrote it`,
    );
  const schema = format === FIRST_FORMAT ? firstSchema : documentSchema;
  const parsed = schema.safeParse(value);
  if (!parsed.success || (model !== undefined && parsed.data.model !== model)) {
    const issue = parsed.error?.issues[0];
    const why = issue ? `${issue.path.join('.')}: ${issue.message}` : `it belongs to ${parsed.data?.model}`;
    throw new RetrainError('DATA_CORRUPT', `${path} is not a record of a champion (${why}): restore it from a backup`);
  }
  if (parsed.data.format === DOCUMENT_FORMAT)
    return { format: DOCUMENT_FORMAT, model: parsed.data.model, document: parsed.data };
  const { format: _, model: owner, artifact, ...rest } = parsed.data;
  const place = artifact.replace(/^artifacts\//, '');
  return { format: FIRST_FORMAT, model: owner, change: { ...rest, artifact: place, how: 'promoted' } };
}

export function documentText(document: RegistryDocument): string {
  return JSON.stringify(document, undefined, 2);
}
