/** Random numbers from a seed of 32 bits, so that a draw can be repeated: the golden-ratio sequence with the finalizer of MurmurHash3. */
const STEP = 0x9e3779b9;

/** The seed after this one; all 2^32 come before one comes again. */
export function nextSeed(seed: number): number {
  return (seed + STEP) >>> 0;
}

/** 32 bits that look random, of a seed. */
function mixed(seed: number): number {
  let bits = seed;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** `count` different indices below `population`, each equally likely. Other seeds give other draws; the same one gives the same. */
export function drawIndices(population: number, count: number, seed: number): number[] {
  const left = Array.from({ length: population }, (_, index) => index);
  let state = mixed(seed);
  // The start of a shuffle by Fisher and Yates.
  for (let index = 0; index < count; index += 1) {
    state = nextSeed(state);
    const other = index + drawBelow(population - index, state);
    [left[index], left[other]] = [left[other] as number, left[index] as number];
  }
  return left.slice(0, count);
}

/** A whole number from 0 to `limit - 1`, of a seed. */
export function drawBelow(limit: number, seed: number): number {
  return Math.floor((mixed(seed) / 2 ** 32) * limit);
}
