export { FOREVER, formatDuration, parseDuration } from './duration.ts';
export {
  DEFAULT_QUEUE,
  parseQueueDescription,
  queueDescription,
  type QueueDescription,
  type QueueDescriptionInput,
} from './queue.ts';
export { parseQueueFlag } from './queue-flag.ts';
