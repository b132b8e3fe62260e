import type { Random } from '../runtime/random.ts';
import type { Expiring } from './lock-expiry.ts';
import { BrokerRefusal } from './refusal.ts';

/** The exclusive hold of a receiver on one message. */
export class MessageLock implements Expiring<MessageLock> {
  /** 16 bytes, in the byte order of RFC 4122; new for every delivery. */
  readonly token: Buffer;
  readonly number: number;
  readonly slot: number;
  /** The message was deferred before it was locked, and is again when the lock ends without a settlement. */
  readonly wasDeferred: boolean;
  /** A transaction holds a settlement of it. */
  enlisted = false;
  /** Milliseconds since 1970. */
  lockedUntilMs = 0;
  expiresAtMs = 0;
  earlier: MessageLock | undefined;
  later: MessageLock | undefined;

  constructor(options: { token: Buffer; number: number; slot: number; wasDeferred: boolean }) {
    this.token = options.token;
    this.number = options.number;
    this.slot = options.slot;
    this.wasDeferred = options.wasDeferred;
  }
}

const PREFIX_BYTES = 10;

/** Makes lock tokens: ten bytes drawn anew at every start, then a counter, so that a token of an earlier start is known to be lost. */
export class LockTokens {
  readonly #prefix: Buffer;
  #last = 0;

  constructor(random: Random) {
    this.#prefix = random.bytes(PREFIX_BYTES);
  }

  next(): { token: Buffer; number: number } {
    const token = Buffer.allocUnsafe(16);
    this.#prefix.copy(token, 0);
    const number = ++this.#last;
    token.writeUIntBE(number, PREFIX_BYTES, 6);
    return { token, number };
  }

  /** The counter in a token of this start, or undefined for any other bytes. */
  numberOf(token: Buffer): number | undefined {
    if (token.length !== 16 || token.compare(this.#prefix, 0, PREFIX_BYTES, 0, PREFIX_BYTES) !== 0) return undefined;
    return token.readUIntBE(PREFIX_BYTES, 6);
  }
}

export function messageLockLost(): BrokerRefusal {
  return new BrokerRefusal(
    'message-lock-lost',
    'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.',
  );
}
