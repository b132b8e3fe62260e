import type { ReplayProgress, ReplayWindow } from '../demo/replay.ts';
import { outcomeOf } from '../retraining/outcome.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';
import type { Terminal } from './terminal.ts';

const BAR_CELLS = 24;

/** Shows a replay while it runs: a line for each request and its answer, and on a terminal one that moves. */
export class DemoProgress {
  readonly #terminal: Terminal;
  #window: { readonly window: ReplayWindow; readonly progress: number } | undefined;
  /** What the worker does, as far as its events tell. */
  #work = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  say(line: string): void {
    this.#terminal.line(line);
  }

  replayed(step: ReplayProgress): void {
    if (step.kind === 'window') this.#window = step;
    else this.#terminal.line(this.#requestLine(step));
    this.#redraw();
  }

  worked(event: OutcomeEvent): void {
    const outcome = outcomeOf(event);
    const { progress = 0 } = event.data;
    if (outcome === 'started') this.#work = 'training';
    else if (outcome === 'progressed') this.#work = `training ${Math.round(100 * progress)} %`;
    else this.#work = '';
    this.#redraw();
  }

  end(): void {
    this.#terminal.endLive();
  }

  #requestLine(step: Exclude<ReplayProgress, { kind: 'window' }>): string {
    if (step.kind === 'requested') {
      const { observed, threshold, window } = step.request.trigger;
      const day = window.to.slice(0, 10);
      return `${day}  request ${step.number}: error ${percent(observed)}, limit ${percent(threshold)}`;
    }
    const { number, outcome, trigger } = step.request;
    const style = outcome.verdict === 'promoted' ? 'green' : 'yellow';
    const verdict = this.#terminal.paint(style, outcome.verdict);
    const { championMape: before, challengerMape: after } = outcome;
    const metrics = before === undefined || after === undefined ? '' : `: ${percent(before)} → ${percent(after)}`;
    const reason = metrics === '' && outcome.reason !== undefined ? `: ${outcome.reason}` : metrics;
    return `${trigger.window.to.slice(0, 10)}  request ${number} ${verdict}${reason}`;
  }

  #redraw(): void {
    if (!this.#window) return;
    const { window, progress } = this.#window;
    const cells = Math.round(BAR_CELLS * progress);
    const bar = '█'.repeat(cells).padEnd(BAR_CELLS, '░');
    const errors = `frozen ${percent(window.frozenMape)}  live ${percent(window.liveMape)}`;
    this.#terminal.live(`${window.window.to.slice(0, 10)}  ${bar}  ${errors}  ${this.#work}`.trimEnd());
  }
}

function percent(value: number): string {
  return `${value.toFixed(2)} %`;
}
