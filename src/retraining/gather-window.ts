import { createHash } from 'node:crypto';

/**
 * When requests of this window become active, wall-clock milliseconds: the next multiple of the window after `nowMs`, shifted
 * by a hash of the model, so that the models of a namespace do not all wake up at once. All requests for one model that
 * are sent within one window share it, and so cost one run; none waits longer than one window.
 */
export function endOfGathering(model: string, { windowMs, nowMs }: { windowMs: number; nowMs: number }): number {
  const phaseMs = createHash('sha256').update(model).digest().readUIntBE(0, 6) % windowMs;
  return (Math.floor((nowMs - phaseMs) / windowMs) + 1) * windowMs + phaseMs;
}
