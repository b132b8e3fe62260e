import type { Transport, TransportListener } from '../../src/server/transport.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { World } from './world.ts';

const LATENCY_MS = 0.15;
/** No chunk is on its way for longer: a server that starts again is not met by answers of its predecessor. */
export const MAX_LATENCY_MS = 4;

/**
 * One end of a connection in memory. What is written arrives later, in order, in pieces that have nothing to do with what was written.
 * A cut can lose what is on its way.
 */
export class PipeEnd implements Transport {
  readonly peer: string;
  readonly #world: World;
  readonly #random: SeededRandom;
  #other: PipeEnd | undefined;
  #listener: TransportListener | undefined;
  /** Pieces that have arrived while nobody reads. */
  #unread: (Buffer | 'end')[] = [];
  #paused = false;
  #lastArrivalMs = 0;
  #pendingBytes = 0;
  #ended = false;
  #peerEnded = false;
  /** Nothing is said to the owner of this end any more. */
  #closed = false;

  private constructor(world: World, peer: string, random: SeededRandom) {
    this.#world = world;
    this.peer = peer;
    this.#random = random;
  }

  static pair(world: World, name: string): { client: PipeEnd; server: PipeEnd } {
    const random = world.random.fork();
    const client = new PipeEnd(world, 'server', random);
    const server = new PipeEnd(world, name, random);
    client.#other = server;
    server.#other = client;
    return { client, server };
  }

  open(listener: TransportListener): void {
    this.#listener = listener;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  write(buffers: readonly Buffer[]): void {
    if (this.#closed || this.#ended) return;
    const bytes = Buffer.concat(buffers);
    this.#pendingBytes += bytes.length;
    let start = 0;
    while (start < bytes.length) {
      const rest = bytes.length - start;
      const length = this.#random.chance(0.2) ? this.#random.between(1, rest) : rest;
      this.#send(bytes.subarray(start, start + length));
      start += length;
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  end(): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    this.#send('end');
    this.#closeWhenBothEnded();
  }

  /** Closes this end at once. The peer still gets what is on its way, or not all of it. */
  destroy(): void {
    this.#close(true);
  }

  /** As `destroy`, when the owner of this end has died and is told nothing. */
  abandon(): void {
    this.#listener = undefined;
    this.#close(true);
  }

  #send(piece: Buffer | 'end'): void {
    const now = this.#world.clock.monotonicMs();
    const other = this.#other as PipeEnd;
    const latencyMs = Math.min(MAX_LATENCY_MS, this.#random.delayMs(LATENCY_MS));
    const arrivalMs = Math.max(this.#lastArrivalMs, now + latencyMs);
    this.#lastArrivalMs = arrivalMs;
    this.#world.after(arrivalMs - now, () => {
      other.#unread.push(piece);
      other.#deliver();
    });
  }

  #deliver(): void {
    while (!this.#closed && !this.#paused && this.#listener) {
      const piece = this.#unread.shift();
      if (piece === undefined) return;
      if (piece === 'end') {
        this.#peerEnded = true;
        // A socket ends its own side, too, when the peer has ended.
        if (!this.#ended) this.end();
        this.#closeWhenBothEnded();
        return;
      }
      (this.#other as PipeEnd).#taken(piece.length);
      this.#listener.onData(piece);
    }
  }

  #taken(bytes: number): void {
    this.#pendingBytes -= bytes;
    if (this.#pendingBytes === 0 && !this.#closed) this.#listener?.onDrain();
  }

  #closeWhenBothEnded(): void {
    if (this.#ended && this.#peerEnded) this.#close(false);
  }

  #close(tellPeer: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unread = [];
    const listener = this.#listener;
    // As a socket does: not within the call that closes it.
    if (listener) this.#world.after(0, () => listener.onClose());
    const other = this.#other as PipeEnd;
    if (!tellPeer || other.#closed) return;
    const now = this.#world.clock.monotonicMs();
    // A reset overtakes what is on its way.
    const resetMs = this.#random.chance(0.5) ? this.#random.delayMs(LATENCY_MS) : this.#lastArrivalMs - now + 1;
    this.#world.after(Math.min(MAX_LATENCY_MS, Math.max(0, resetMs)), () => other.#close(false));
  }
}
