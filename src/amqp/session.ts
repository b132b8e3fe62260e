import { RetrainError } from '../errors.ts';
import type { AmqpError } from './composites.ts';
import type { Connection } from './connection.ts';
import type { AttachOptions, Link } from './link.ts';
import type { Fields } from './value.ts';

export interface SessionOptions {
  readonly incomingWindow?: number;
  readonly properties?: Fields;
}

/** A session: the window for transfer frames and the table of links (2.5). */
export class Session {
  readonly connection: Connection;
  /** For the owner. */
  context: unknown;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** The attached links. */
  get links(): Iterable<Link> {
    return [];
  }

  /** Transfer frames that the peer still takes. */
  get remoteIncomingWindow(): number {
    return 0;
  }

  /** Attaches a link from our side; `onAttach` tells of the answer. */
  attach(_options: AttachOptions): Link {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Sends end; `onEnd` follows with the peer's answer. */
  end(_error?: AmqpError): void {}
}
