/** What is further away is another word, not a slip of the hand. */
const MAX_DISTANCE = 3;

/** The known name that was probably meant, or undefined when none is near. */
export function nearName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let nearest: string | undefined;
  let least = Math.min(MAX_DISTANCE, Math.ceil(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = distanceOf(wanted, candidate.toLowerCase());
    if (distance >= least) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

/** `unknown property 'x'`, with the one that was meant or all that there are. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const near = nearName(name, known);
  const remedy = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`;
  return `unknown ${what} '${name}'; ${remedy}`;
}

/** How many letters must be put in, taken out or replaced (Levenshtein). */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
