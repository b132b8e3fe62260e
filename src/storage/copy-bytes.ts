/** Below this length a loop in JavaScript beats the fixed cost of a native copy. */
const NATIVE_FROM_BYTES = 96;

/** Copies `source[start, end)` to `at` of the target and returns where the copy ends. */
export function copyBytes(
  source: Buffer,
  { start, end }: { start: number; end: number },
  { target, at }: { target: Buffer; at: number },
): number {
  if (end - start >= NATIVE_FROM_BYTES) return at + source.copy(target, at, start, end);
  for (let from = start, to = at; from < end; from++, to++) target[to] = source[from] as number;
  return at + end - start;
}
