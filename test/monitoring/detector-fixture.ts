import assert from 'node:assert/strict';
import type { StreamingDetector, StreamingVerdict } from '../../src/monitoring/streaming-detector.ts';
import { birthsError } from './births-series.ts';
import { fixture } from './fixture.ts';

/** What a reference detector said about one stream; `steps` has one entry for every `every`-th value. */
export interface DetectorCase {
  readonly options: Readonly<Record<string, number | string>>;
  readonly stream: string;
  readonly every: number;
  readonly drifts: readonly number[];
  readonly warnings?: readonly number[];
  readonly steps: readonly unknown[];
}

export function stream(name: string): readonly number[] {
  if (name === 'births') return birthsError();
  if (name === 'births over 25') return birthsError().map((value) => (value > 25 ? 1 : 0));
  const found = (fixture('streams') as Record<string, readonly number[]>)[name];
  assert.ok(found, `no stream ${name}`);
  return found;
}

/** River's options in our spelling: `min_instances` is `minInstances`. */
export function camelCased(options: DetectorCase['options']): Record<string, number | string> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** Feeds the stream of a case and demands the same drifts and warnings; `same` compares the kept steps. */
export function assertAgrees<D extends StreamingDetector>(
  detector: D,
  known: DetectorCase,
  same: (verdict: StreamingVerdict, expected: never, detector: D) => void,
): void {
  const drifts: number[] = [];
  const warnings: number[] = [];
  for (const [index, value] of stream(known.stream).entries()) {
    const verdict = detector.update(value);
    if (verdict.drift) drifts.push(index);
    if (verdict.warning) warnings.push(index);
    if (index % known.every === 0) same(verdict, known.steps[index / known.every] as never, detector);
  }
  assert.deepEqual(drifts, known.drifts);
  assert.deepEqual(warnings, known.warnings ?? []);
}

/** Within 1e-9 of the larger of 1 and the expected value. */
export function assertClose(actual: number | undefined, expected: number, what: string, tolerance = 1e-9): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what} is ${actual}, the reference says ${expected}`,
  );
}
