// What the worker and the process of a module say to each other: lines of JSON on a pair of connected sockets that passes by
// the supervisor. Both ends are of one release and trust each other. A process performs one order after the other.

/** The file descriptor of the channel in the module's process. */
export const CHANNEL_FD = 3;

export interface TrainOrder {
  /** Absolute path of the ES module. */
  readonly module: string;
  /** The name of its function. */
  readonly exportName: string;
  /** The variables of this run; those of the run before are taken away. */
  readonly env: Readonly<Record<string, string>>;
  /** Written to stdout and stderr when the run is over: what comes after it is no longer the run's. */
  readonly marker: string;
  /** Where pid and start time of the process are written while it runs. */
  readonly processFile: string;
}

export type TrainReport =
  /** The order was taken. A process that ends before it never saw the order. */
  | { readonly report: 'began' }
  /** The function ended, as a command that exits with `code` does; without `reusable` the process exits with it, too. */
  | { readonly report: 'ended'; readonly code: number; readonly reusable: boolean };

export function parseTrainOrder(line: string): TrainOrder {
  return JSON.parse(line) as TrainOrder;
}

export function parseTrainReport(line: string): TrainReport {
  return JSON.parse(line) as TrainReport;
}
