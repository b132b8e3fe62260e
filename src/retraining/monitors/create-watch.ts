import type { Columns } from '../../monitoring/data-drift.ts';
import { DriftWatch } from './drift-watch.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { ruleOf } from './monitor-settings.ts';
import { StreamingWatch } from './streaming-watch.ts';
import { WindowWatch } from './watch.ts';
import type { Watch } from './watch.ts';

/**
 * The watch that a monitor's settings describe; with `state` (the parsed JSON of its `toJSON`) it goes on where that was taken.
 *
 * @param reference rows of the file that the settings name for data drift
 * @throws RetrainError `ARGUMENT_INVALID` for options that cannot be meant; `DATA_VERSION` and `DATA_CORRUPT` for a state that
 * cannot be read.
 */
export function createWatch(settings: MonitorSettings, state?: unknown, reference?: Columns): Watch {
  switch (ruleOf(settings)) {
    case 'ratio':
    case 'absolute':
    case 'sigma':
      return new WindowWatch(settings, state);
    case 'pageHinkley':
    case 'adwin':
    case 'ddm':
    case 'kswin':
      return new StreamingWatch(settings, state);
    case 'drift':
      return new DriftWatch(settings, state, reference);
  }
}
