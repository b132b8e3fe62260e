/** Tells whether the whole of a text is like the pattern. */
export type LikePattern = (text: string) => boolean;

/** A pattern's parts: texts, `_` for one character each, and `%` for any number of them. */
type Part = '%' | { readonly character: string } | '_';

/**
 * A pattern of LIKE: `%` is any text, `_` any one character (UTF-16 unit), and what follows the escape character is itself. Returns undefined when
 * the escape character stands last, where nothing follows it.
 *
 * Text and pattern are outside input: a match takes a time in proportion to the text's length times the pattern's at most, divided by 32, whatever
 * they are.
 */
export function compileLike(pattern: string, escape: string | undefined): LikePattern | undefined {
  const parts = partsOf(pattern, escape);
  if (!parts) return undefined;
  if (parts.includes('_')) return automaton(parts);
  return texts(parts);
}

function partsOf(pattern: string, escape: string | undefined): Part[] | undefined {
  const parts: Part[] = [];
  for (let index = 0; index < pattern.length; index += 1) {
    let character = pattern[index] as string;
    if (character === escape) {
      index += 1;
      if (index === pattern.length) return undefined;
      character = pattern[index] as string;
    } else if (character === '_') {
      parts.push('_');
      continue;
    } else if (character === '%') {
      if (parts.at(-1) !== '%') parts.push('%');
      continue;
    }
    parts.push({ character });
  }
  return parts;
}

/** Without `_`: the texts between the `%`, of which each stands as far to the left as it can. */
function texts(parts: readonly Part[]): LikePattern {
  const pieces = [''];
  for (const part of parts) {
    if (part === '%') pieces.push('');
    else if (part !== '_') pieces[pieces.length - 1] += part.character;
  }
  const first = pieces[0] as string;
  if (pieces.length === 1) return (text) => text === first;
  const last = pieces.at(-1) as string;
  const between = pieces.slice(1, -1);
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const piece of between) {
      const found = text.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}

const WORD_BITS = 32;

/**
 * With `_`: all positions in the pattern that the text so far can have led to, as the bits of some words, which one pass over the text moves on.
 * Bit n is set when the first n parts that stand for a character are matched.
 */
function automaton(parts: readonly Part[]): LikePattern {
  const states = parts.filter((part) => part !== '%');
  const words = Math.floor(states.length / WORD_BITS) + 1;
  const set = (bits: Int32Array, index: number): void => {
    bits[index >>> 5] = (bits[index >>> 5] as number) | (1 << (index & 31));
  };
  /** States that any character leaves as they are. */
  const loops = new Int32Array(words);
  /** By character, the states that it leads to; `_` leads there with every character. */
  const anyCharacter = new Int32Array(words);
  const byCharacter = new Map<string, Int32Array>();
  let state = 0;
  for (const part of parts) {
    if (part === '%') set(loops, state);
    else {
      state += 1;
      if (part === '_') set(anyCharacter, state);
      else {
        const bits = byCharacter.get(part.character) ?? new Int32Array(words);
        set(bits, state);
        byCharacter.set(part.character, bits);
      }
    }
  }
  for (const bits of byCharacter.values())
    for (let word = 0; word < words; word += 1) bits[word] = (bits[word] as number) | (anyCharacter[word] as number);
  return (text) => {
    const now = new Int32Array(words);
    now[0] = 1;
    for (let index = 0; index < text.length; index += 1) {
      const leadsTo = byCharacter.get(text[index] as string) ?? anyCharacter;
      let carry = 0;
      for (let word = 0; word < words; word += 1) {
        const before = now[word] as number;
        now[word] = (((before << 1) | carry) & (leadsTo[word] as number)) | (before & (loops[word] as number));
        carry = before >>> 31;
      }
    }
    return (((now[state >>> 5] as number) >>> (state & 31)) & 1) === 1;
  };
}
