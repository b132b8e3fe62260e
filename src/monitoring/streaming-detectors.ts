import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { ADWIN, Adwin, adwinOptionsSchema } from './adwin.ts';
import { DDM, Ddm, ddmOptionsSchema } from './ddm.ts';
import { KSWIN, Kswin, kswinOptionsSchema } from './kswin.ts';
import { PAGE_HINKLEY, PageHinkley, pageHinkleyOptionsSchema } from './page-hinkley.ts';
import type { StreamingDetector } from './streaming-detector.ts';

/** Which detector, and its options: what a configuration says. */
export const streamingDetectorSchema = z.discriminatedUnion('detector', [
  pageHinkleyOptionsSchema.extend({ detector: z.literal(PAGE_HINKLEY) }),
  adwinOptionsSchema.extend({ detector: z.literal(ADWIN) }),
  ddmOptionsSchema.extend({ detector: z.literal(DDM) }),
  kswinOptionsSchema.safeExtend({ detector: z.literal(KSWIN) }),
]);

export type StreamingDetectorSettings = z.input<typeof streamingDetectorSchema>;

/** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
export function createStreamingDetector(settings: StreamingDetectorSettings): StreamingDetector {
  switch (settings.detector) {
    case PAGE_HINKLEY:
      return new PageHinkley(optionsOf(settings));
    case ADWIN:
      return new Adwin(optionsOf(settings));
    case DDM:
      return new Ddm(optionsOf(settings));
    case KSWIN:
      return new Kswin(optionsOf(settings));
    default:
      throw unknownDetector(settings);
  }
}

/**
 * A detector that goes on where `state` (the parsed JSON of its `toJSON`) was taken. The options are those given now.
 *
 * @throws RetrainError `DATA_VERSION` for a state of another version, `DATA_CORRUPT` for anything else that is not a state of
 * this detector, `CONFIGURATION_INVALID` for one that the options leave no room for.
 */
export function restoreStreamingDetector(settings: StreamingDetectorSettings, state: unknown): StreamingDetector {
  switch (settings.detector) {
    case PAGE_HINKLEY:
      return PageHinkley.restore(optionsOf(settings), state);
    case ADWIN:
      return Adwin.restore(optionsOf(settings), state);
    case DDM:
      return Ddm.restore(optionsOf(settings), state);
    case KSWIN:
      return Kswin.restore(optionsOf(settings), state);
    default:
      throw unknownDetector(settings);
  }
}

function unknownDetector(settings: never): RetrainError {
  const { detector } = settings as { detector?: unknown };
  const known = [PAGE_HINKLEY, ADWIN, DDM, KSWIN].join(', ');
  return new RetrainError(
    'ARGUMENT_INVALID',
    `detector is ${JSON.stringify(detector)}, it must be one of ${known}: correct its name`,
  );
}

/** The options of one detector, without its name. */
function optionsOf<S extends StreamingDetectorSettings>(settings: S): Omit<S, 'detector'> {
  const { detector, ...options } = settings;
  void detector;
  return options;
}
