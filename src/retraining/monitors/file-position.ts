import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ReadFile } from '../../runtime/read-file.ts';

/** Bytes of a file's beginning, and of what was read last, by which it is recognised. */
const HEAD_BYTES = 4_096;
const TAIL_BYTES = 256;

const printSchema = z.strictObject({ bytes: z.int().min(0).max(HEAD_BYTES), sha256: z.string().length(32) });
type Print = z.output<typeof printSchema>;

/** How far a file has been read, and what tells that it is still the same one. */
export const filePositionSchema = z.strictObject({
  identity: z.string().max(64),
  /** Everything before it has been read. */
  offset: z.int().min(0),
  /** Of the first bytes. */
  head: printSchema,
  /** Of the last bytes before `offset`. */
  tail: printSchema,
});
export type FilePosition = z.output<typeof filePositionSchema>;

/** The position behind `offset` bytes of a file. */
export async function positionAt(file: ReadFile, offset: number): Promise<FilePosition> {
  return {
    identity: file.identity,
    offset,
    head: await printOf(file, 0, Math.min(offset, HEAD_BYTES)),
    tail: await printOf(file, Math.max(0, offset - TAIL_BYTES), Math.min(offset, TAIL_BYTES)),
  };
}

/**
 * Whether what was read before `position` is still there, whatever the file is called and however it was written: `truncated` when
 * the file is shorter now, `replaced` when it says something else.
 */
export async function comparePosition(
  file: ReadFile,
  { offset, head, tail }: FilePosition,
): Promise<'same' | 'truncated' | 'replaced'> {
  if (file.size < offset) return 'truncated';
  const headNow = await printOf(file, 0, head.bytes);
  const tailNow = await printOf(file, offset - tail.bytes, tail.bytes);
  return headNow.sha256 === head.sha256 && tailNow.sha256 === tail.sha256 ? 'same' : 'replaced';
}

async function printOf(file: ReadFile, position: number, bytes: number): Promise<Print> {
  const read = await file.read(position, bytes);
  return { bytes, sha256: createHash('sha256').update(read).digest('hex').slice(0, 32) };
}
