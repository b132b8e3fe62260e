import { METHODS } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';

/** What a client speaks, by its first bytes. */
export type Protocol = 'amqp' | 'tls' | 'http' | 'unknown';

/** Every AMQP header begins so, the one of SASL too (AMQP 1.0, part 2, section 2.2). */
const AMQP = Buffer.from('AMQP');
/** A handshake record of TLS, of any version (RFC 8446, section 5.1; RFC 6101, section 5.2.1). */
const TLS = Buffer.from([0x16, 0x03]);
const HTTP = METHODS.map((method) => Buffer.from(`${method} `));

const NOTHING = Buffer.alloc(0);

/** What begins with `bytes`; undefined when that takes more of them. At most as many as the longest HTTP method has are needed. */
export function protocolOf(bytes: Buffer): Protocol | undefined {
  const candidates: readonly (readonly [Protocol, readonly Buffer[]])[] = [
    ['amqp', [AMQP]],
    ['tls', [TLS]],
    ['http', HTTP],
  ];
  let mayBe = false;
  for (const [protocol, beginnings] of candidates)
    for (const beginning of beginnings) {
      const length = Math.min(bytes.length, beginning.length);
      if (bytes.compare(beginning, 0, length, 0, length) !== 0) continue;
      if (length === beginning.length) return protocol;
      mayBe = true;
    }
  return mayBe ? undefined : 'unknown';
}

/**
 * Waits for the first bytes of a client, and calls `onKnown` once with what it speaks and what it has said by then; nobody listens to
 * the socket any more. One that does not say enough within `withinMs` is closed.
 */
export function readProtocol(
  socket: Socket,
  options: {
    readonly clock: Clock;
    readonly withinMs: number;
    readonly onKnown: (protocol: Protocol, bytes: Buffer) => void;
  },
): void {
  const { clock, withinMs, onKnown } = options;
  let bytes: Buffer = NOTHING;
  const cancel = clock.after(withinMs, () => socket.destroy());
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const protocol = protocolOf(bytes);
    if (protocol === undefined) return;
    cancel();
    socket.off('data', onData);
    socket.off('close', cancel);
    onKnown(protocol, bytes);
  };
  socket.on('data', onData);
  socket.on('close', cancel);
}
