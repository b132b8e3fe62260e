export { FOREVER, formatDuration, parseDuration } from './duration.ts';
export {
  changeQueueDescription,
  DEFAULT_QUEUE,
  parseQueueDescription,
  type QueueDescription,
  type QueueDescriptionChanges,
  type QueueDescriptionInput,
} from './queue.ts';
export { parseQueueFlag } from './queue-flag.ts';
