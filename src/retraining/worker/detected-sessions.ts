import type { NextSession, SessionLink, SessionSource } from './session-link.ts';
import type { PlainSessions } from './plain-sessions.ts';
import type { WorkerConnection } from './worker-connection.ts';

export interface DetectedSessionsOptions {
  readonly connection: WorkerConnection;
  /** Whether the queue has sessions; the broker is asked when it is not said. */
  readonly known: boolean | undefined;
  /** Makes sessions of a queue that has none. */
  readonly plain: () => PlainSessions;
  /** Called when the queue turned out to have none. */
  readonly onPlain: () => void;
}

/** Sessions of a queue of which the first accept finds out whether it has any; until then the broker may be away. */
export class DetectedSessions implements SessionSource {
  readonly #options: DetectedSessionsOptions;
  #plain: PlainSessions | undefined;
  #source: Promise<SessionSource> | undefined;

  constructor(options: DetectedSessionsOptions) {
    this.#options = options;
  }

  async acceptNext(): Promise<NextSession> {
    return (await this.#detected()).acceptNext();
  }

  async accept(model: string): Promise<SessionLink> {
    return (await this.#detected()).accept(model);
  }

  replace(): Promise<void> {
    return (this.#plain ?? this.#options.connection).replace();
  }

  async close(): Promise<void> {
    await this.#plain?.close();
  }

  #detected(): Promise<SessionSource> {
    this.#source ??= this.#detect().catch((error: unknown) => {
      this.#source = undefined;
      throw error;
    });
    return this.#source;
  }

  async #detect(): Promise<SessionSource> {
    const { connection, known, plain, onPlain } = this.#options;
    if (known ?? (await connection.hasSessions())) return connection;
    this.#plain = plain();
    onPlain();
    return this.#plain;
  }
}
