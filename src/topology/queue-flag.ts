import { RetrainError } from '../errors.ts';
import { parseQueueDescription, queueDescription, type QueueDescription } from './queue.ts';

/** Short names of the two properties that most queues switch on. */
const SHORT_NAMES: Record<string, string> = { sessions: 'requiresSession', duplicates: 'requiresDuplicateDetection' };

/**
 * The queue that a command line flag describes: `NAME`, or `NAME:` and a comma-separated list of properties, each either a short name
 * (`sessions`, `duplicates`), a boolean property's name, or `property=value`: `orders:sessions,duplicates,maxDeliveryCount=10,lockDuration=PT1M`.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function parseQueueFlag(flag: string): QueueDescription {
  const colon = flag.indexOf(':');
  const name = colon < 0 ? flag : flag.slice(0, colon);
  const description: Record<string, unknown> = { name };
  const settings = colon < 0 ? [] : flag.slice(colon + 1).split(',');
  for (const setting of settings) {
    const equals = setting.indexOf('=');
    const key = (equals < 0 ? setting : setting.slice(0, equals)).trim();
    const property = SHORT_NAMES[key] ?? key;
    if (property === 'name' || !(property in queueDescription.shape)) {
      const known = [
        ...Object.keys(SHORT_NAMES),
        ...Object.keys(queueDescription.shape).filter((known) => known !== 'name'),
      ];
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `queue '${name}': unknown property '${key}'; known are ${known.join(', ')}`,
      );
    }
    description[property] = equals < 0 ? true : parseValue(setting.slice(equals + 1).trim());
  }
  return parseQueueDescription(description);
}

function parseValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
