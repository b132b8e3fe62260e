/** Bytes of UTF-8 that `value` takes as JSON. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** JSON writes a control character, or half a surrogate pair, as six bytes. */
const BYTES_PER_CHARACTER_MAX = 6;

/** Cuts `text` so that it takes at most `maxBytes` as JSON, quotes included; what is kept is its start or its end. */
export function clipText(text: string, { maxBytes, keep }: { maxBytes: number; keep: 'start' | 'end' }): string {
  let kept = keep === 'start' ? text.slice(0, maxBytes) : text.slice(-maxBytes);
  for (let excess = jsonBytes(kept) - maxBytes; excess > 0; excess = jsonBytes(kept) - maxBytes) {
    const cut = Math.ceil(excess / BYTES_PER_CHARACTER_MAX);
    kept = keep === 'start' ? kept.slice(0, -cut) : kept.slice(cut);
  }
  return kept;
}
