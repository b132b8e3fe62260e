/**
 * What a terminal must not be given: control characters (a message could move the cursor or retitle the window), marks that
 * turn the direction of text, separators of lines, and halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text on one line, with escapes such as `\n` and `\u{1b}` for what is not printable. */
export function onOneLine(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** The same text with its line breaks and tabs. */
export function onLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.split('\t').map(onOneLine).join('\t'));
}

/** Cuts a text that is longer than `length` characters and says so. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const kept = text.slice(0, Math.max(0, length - 1));
  return `${kept.replace(/[\ud800-\udbff]$/, '')}…`;
}

function escaped(character: string): string {
  return SHORT[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
