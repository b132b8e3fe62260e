import { simulate, type SimulationSummary } from './simulate.ts';

export interface SeedsOptions {
  readonly first: number;
  readonly count: number;
  readonly syncLies?: boolean;
  readonly onTrace?: (line: string) => void;
  /** Called after each run. */
  readonly onRun?: (seed: number) => void;
}

/** The command that replays a run, line by line. */
function replayCommand({ seed, syncLies }: { seed: number; syncLies: boolean }): string {
  return `npm run sim -- --seed ${seed}${syncLies ? ' --sync-lies' : ''} --trace`;
}

/**
 * Runs one seed after the other and sums up.
 *
 * @throws Error with what did not hold in the first run that failed, and the command that replays it
 */
export async function simulateSeeds(options: SeedsOptions): Promise<SimulationSummary> {
  const { first, count, syncLies = false, onTrace, onRun } = options;
  const total = { steps: 0, messages: 0, deliveries: 0, lives: 0, transactions: 0, forwarded: 0, topicCopies: 0 };
  for (let seed = first; seed < first + count; seed++) {
    try {
      const summary = await simulate({ seed, syncLies, ...(onTrace ? { onTrace } : {}) });
      for (const what of Object.keys(total) as (keyof SimulationSummary)[]) total[what] += summary[what];
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${said}\nreplay it with: ${replayCommand({ seed, syncLies })}`, { cause });
    }
    onRun?.(seed);
  }
  return total;
}
