import { z } from 'zod';
import { PAGE_HINKLEY, PageHinkley, pageHinkleyOptionsSchema } from './page-hinkley.ts';
import type { StreamingDetector } from './streaming-detector.ts';

/** Which detector, and its options: what a configuration says. */
export const streamingDetectorSchema = z.discriminatedUnion('detector', [
  pageHinkleyOptionsSchema.extend({ detector: z.literal(PAGE_HINKLEY) }),
]);

export type StreamingDetectorSettings = z.input<typeof streamingDetectorSchema>;

/** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
export function createStreamingDetector(settings: StreamingDetectorSettings): StreamingDetector {
  const { detector: _, ...options } = settings;
  return new PageHinkley(options);
}

/**
 * A detector that goes on where `state` (the parsed JSON of its `toJSON`) was taken. The options are those given now.
 *
 * @throws RetrainError `DATA_VERSION` for a state of another version, `DATA_CORRUPT` for anything else that is not a state of
 * this detector, `CONFIGURATION_INVALID` for one that the options leave no room for.
 */
export function restoreStreamingDetector(settings: StreamingDetectorSettings, state: unknown): StreamingDetector {
  const { detector: _, ...options } = settings;
  return PageHinkley.restore(options, state);
}
