import type { MetricWindow } from '../../monitoring/tumbling-windows.ts';
import type { Trigger } from '../request.ts';
import type { Watched } from './watch.ts';

interface OfMonitor {
  readonly model: string;
  /** Its name. */
  readonly monitor: string;
}

/** What monitors tell about their work. */
export type MonitorFact =
  | (OfMonitor & {
      readonly fact: 'window-closed';
      readonly kind: Watched['kind'];
      readonly observed: number;
      readonly baseline?: number;
      readonly window: MetricWindow;
      readonly note?: string;
    })
  /** A request was accepted, or is in the outbox. */
  | (OfMonitor & { readonly fact: 'retraining-requested'; readonly trigger: Trigger; readonly id?: string })
  /** Only watching: this is what would have been requested. */
  | (OfMonitor & { readonly fact: 'retraining-withheld'; readonly trigger: Trigger })
  /** It is tried again, with the same evidence and the same id. */
  | (OfMonitor & { readonly fact: 'request-failed'; readonly reason: string })
  /** It would be refused again; the monitor goes on without it. */
  | (OfMonitor & { readonly fact: 'request-refused'; readonly reason: string })
  | (OfMonitor & {
      readonly fact: 'rows-bad';
      readonly source: string;
      readonly count: number;
      readonly reason: string;
    })
  | (OfMonitor & {
      readonly fact: 'source-restarted';
      readonly source: string;
      readonly why: 'truncated' | 'replaced';
    })
  /** A source cannot be read, or a state cannot be written; it is tried again. */
  | (OfMonitor & { readonly fact: 'monitor-held-up'; readonly reason: string })
  /** Its state or its settings cannot be used: it is left out. */
  | (OfMonitor & { readonly fact: 'monitor-failed'; readonly reason: string })
  /** What was remembered belongs to another rule, metric or kind of window. */
  | (OfMonitor & { readonly fact: 'monitor-restarted' })
  /** The registry does not tell which champion is served: should it be another one, it is still compared with the old reference. */
  | (OfMonitor & { readonly fact: 'champion-unknown'; readonly reason: string })
  /** Another model is served: the monitor starts afresh. */
  | (OfMonitor & { readonly fact: 'monitor-rebased'; readonly epoch: number });

export type MonitorLog = (fact: MonitorFact) => void;
