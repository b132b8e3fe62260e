import type { ServiceBusMessage } from '@azure/service-bus';
import type { MessageSender } from '../../src/retraining/message-sender.ts';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import type { ProducerOptions } from '../../src/retraining/producer.ts';
import type { RetrainRequestInput } from '../../src/retraining/request.ts';
import { FakeClock } from '../fake-clock.ts';

export const input: RetrainRequestInput = {
  model: { name: 'births/us' },
  trigger: {
    kind: 'performance-decay',
    metric: 'mape',
    window: { from: '2025-01-01T00:00:00Z', to: '2025-04-01T00:00:00Z' },
  },
};

/** Takes messages, or fails as often as it is told to. */
export class FakeSender implements MessageSender {
  readonly sent: ServiceBusMessage[] = [];
  failures: Error[] = [];
  tries = 0;
  closed = 0;
  /** Calls that were told to stop. */
  aborted = 0;
  onSend: () => Promise<void> = async () => undefined;

  async sendMessages(message: ServiceBusMessage, options: { abortSignal?: AbortSignal } = {}): Promise<void> {
    this.tries++;
    options.abortSignal?.addEventListener('abort', () => this.aborted++);
    await this.onSend();
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.sent.push(message);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/** Shorter than every limit of a call, and no shorter than the pauses between tries, milliseconds. */
const PAUSE_MAX_MS = 2_001;

/** A clock whose pauses end at once; what limits a call, and is cancelled, is none. */
class HastyClock extends FakeClock {
  override after(delayMs: number, callback: () => void): () => void {
    const cancel = super.after(delayMs, callback);
    if (delayMs < PAUSE_MAX_MS) queueMicrotask(() => this.advance(delayMs));
    return cancel;
  }
}

export function producing(options: Partial<ProducerOptions> = {}) {
  const sender = new FakeSender();
  const clock = new HastyClock();
  return { sender, clock, producer: new RetrainingProducer({ sender, clock, source: '/monitor', ...options }) };
}

/** Nobody listens. */
export const refused = (): Error =>
  Object.assign(new Error('connect ECONNREFUSED'), { errno: -111, syscall: 'connect' });
