import { z } from 'zod';
import { RetrainError } from '../../errors.ts';

/** Files and folders of one artifact in a store of single files; an archive has no limit. */
export const ARTIFACT_ENTRIES_MAX = 10_000;

const FORMAT = 1;
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  digest: z.string(),
  /** Relative to the artifact; one with the path '' is the artifact itself. */
  entries: z
    .array(z.strictObject({ path: z.string(), kind: z.enum(['file', 'folder']), bytes: z.int().nonnegative() }))
    .max(ARTIFACT_ENTRIES_MAX),
});
/** What an artifact consists of, where each file is stored by itself. Written last: without it, there is no artifact. */
export type ArtifactManifest = z.output<typeof manifestSchema>;

export function manifestText({ digest, entries }: Omit<ArtifactManifest, 'format'>): string {
  return JSON.stringify({ format: FORMAT, digest, entries });
}

/** Raises `DATA_CORRUPT`, naming the place, for what is no manifest. */
export function parseManifest(text: string, place: string): ArtifactManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new RetrainError(
    'DATA_CORRUPT',
    `${place} is not a manifest of an artifact: restore it from a backup or remove it`,
  );
}

/** Raises `ARGUMENT_INVALID` when an artifact has more entries than a manifest may. */
export function checkEntries(from: string, entries: readonly unknown[]): void {
  if (entries.length <= ARTIFACT_ENTRIES_MAX) return;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `artifact ${from} has ${entries.length} files and folders, the limit is ${ARTIFACT_ENTRIES_MAX}: have the trainer pack them into an archive`,
  );
}
