/**
 * The byte stream of one client, as the server needs it. A socket is one implementation (`socket-transport.ts`), a pipe in
 * memory of a simulation another: nothing behind this interface knows of sockets.
 */
export interface Transport {
  /** Who is at the other end, for logs. */
  readonly peer: string;
  /** Bytes that were written and that the peer has not taken yet. */
  readonly pendingBytes: number;
  /** Writes all buffers, in order, with one system call if possible. */
  write(buffers: readonly Buffer[]): void;
  /** No `onData` until `resume`. */
  pause(): void;
  resume(): void;
  /** Closes our direction after everything written has gone, and the whole when the peer closes its own. */
  end(): void;
  /** Closes at once; what was not taken is lost. */
  destroy(): void;
}

/** What a transport tells its owner. `onClose` comes exactly once and last. */
export interface TransportListener {
  onData(chunk: Buffer): void;
  /** The peer took what was written: `pendingBytes` went down to 0. */
  onDrain(): void;
  onClose(): void;
}
