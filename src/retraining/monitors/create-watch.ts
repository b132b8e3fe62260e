import { RetrainError } from '../../errors.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { ruleOf } from './monitor-settings.ts';
import { WindowWatch } from './watch.ts';
import type { Watch } from './watch.ts';

/**
 * The watch that a monitor's settings describe; with `state` (the parsed JSON of its `toJSON`) it goes on where that was taken.
 *
 * @throws RetrainError `ARGUMENT_INVALID` for options that cannot be meant; `DATA_VERSION` and `DATA_CORRUPT` for a state that
 * cannot be read.
 */
export function createWatch(settings: MonitorSettings, state?: unknown): Watch {
  const rule = ruleOf(settings);
  switch (rule) {
    case 'ratio':
    case 'absolute':
    case 'sigma':
      return new WindowWatch(settings, state);
    default:
      throw new RetrainError('CONFIGURATION_INVALID', `monitor ${settings.name}: the rule ${rule} is not known here`);
  }
}
