import type { AmqpError } from '../amqp/index.ts';
import type { Namespace } from '../broker/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Journal } from '../storage/index.ts';
import type { AccessRules } from './access-rules.ts';
import { queueOf } from './address.ts';
import { Barrier } from './barrier.ts';
import type { Failure } from './error-mapping.ts';
import { IntakeBudget } from './intake-budget.ts';
import type { Settings } from './settings.ts';

/**
 * Who is let in. `sas`: who has the key of an access rule, with its rights. `none`: everybody who puts some token, or any name and
 * password, with all rights; only the expiry that a token states is honoured.
 */
export type Auth = 'sas' | 'none';

/** What every connection shares: the namespace, its journal, and what stands between the two and the clients. */
export class Service {
  readonly clock: Clock;
  readonly random: Random;
  readonly namespace: Namespace;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly auth: Auth;
  /** In force now; the server replaces them. */
  rules: AccessRules;
  readonly barrier = new Barrier();
  readonly intake = new IntakeBudget(() => this.journal.congested);
  /** Told of faults of our own, which a client sees as `amqp:internal-error`. */
  readonly onFault: (fault: unknown) => void;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly namespace: Namespace;
    readonly journal: Journal;
    readonly settings: Settings;
    readonly auth: Auth;
    readonly rules: AccessRules;
    readonly onFault: (fault: unknown) => void;
  }) {
    this.clock = options.clock;
    this.random = options.random;
    this.namespace = options.namespace;
    this.journal = options.journal;
    this.settings = options.settings;
    this.auth = options.auth;
    this.rules = options.rules;
    this.onFault = options.onFault;
  }

  /** The error as it goes over the wire, with the tracking text that the service appends (service-bus-protocol.md §10.6). */
  errorOf(failure: Failure, path?: string): AmqpError {
    return { condition: failure.condition, description: this.describe(failure.description, path) };
  }

  /** `description` with the tracking text. */
  describe(description: string, path?: string): string {
    const timestamp = new Date(this.clock.wallMs()).toISOString().slice(0, 19);
    const name = path === undefined ? undefined : (queueOf(path) ?? path);
    const kind = name !== undefined && this.namespace.topics.get(name) ? 'Topic' : 'Queue';
    const tracker = name === undefined ? 'NoSystemTracker' : `retrain:${kind}:${name}`;
    return `${description} TrackingId:${this.trackingId()}, SystemTracker:${tracker}, Timestamp:${timestamp}`;
  }

  /** Another one each time; by it a client's log and ours are brought together. */
  trackingId(): string {
    const hex = this.random.bytes(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}_G0`;
  }
}
