import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { LIMITS } from '../limits.ts';

/** Says `words` and closes: when the client has closed its direction too, or after `LIMITS.closeGraceMs`. */
export function sayLastWords(socket: Socket, clock: Clock, words: string | Buffer): void {
  // What the client still sends is read and thrown away: unread bytes would turn our close into a reset.
  socket.resume();
  socket.end(words);
  const cancel = clock.after(LIMITS.closeGraceMs, () => socket.destroy());
  socket.once('close', cancel);
}
