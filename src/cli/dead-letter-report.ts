import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { messageJson } from './message-json.ts';
import { messageTable } from './message-table.ts';
import { onOneLine } from './printable.ts';
import { table, Terminal } from './terminal.ts';
import { counted } from './counted.ts';

type Received = ServiceBusReceivedMessage;

/** Failures told to people one by one; with `--json` all are told. */
const FAILURES_TOLD = 10;

/** What a command tells of the dead letters it handles: a line of JSON for each, or progress and a summary for people. */
export class DeadLetterReport {
  /** Selected ones that another receiver has. */
  missing = 0;
  readonly #from: string;
  readonly #json: boolean;
  readonly #progress = new Terminal(process.stderr);
  readonly #planned: Received[] = [];
  #total = 0;
  #done = 0;
  #failed = 0;

  constructor({ from, json }: { from: string; json: boolean }) {
    this.#from = from;
    this.#json = json;
  }

  begin(total: number): void {
    this.#total = total;
  }

  stopping(): void {
    if (!this.#json) this.#progress.line('stopping after those that are under way; Ctrl-C again ends at once');
  }

  /** One that would be handled. */
  planned(message: Received, newMessageId?: string): void {
    if (this.#json) this.#print({ ...identity(message), newMessageId, result: 'planned' });
    else this.#planned.push(message);
  }

  endPlan(said: string): void {
    if (this.#json) return;
    const terminal = new Terminal(process.stdout);
    if (this.#planned.length > 0) {
      const { titles, rows } = messageTable(this.#planned, terminal.columns);
      for (const line of table(titles, rows)) terminal.line(line);
    }
    terminal.line(`${said} (${this.#from})`);
  }

  replayed({ message, newMessageId, error }: { message: Received; newMessageId: string; error?: unknown }): void {
    if (error === undefined) this.#finished(message, { newMessageId, result: 'replayed' });
    else this.#failedWith(message, { newMessageId, error });
  }

  discarded(message: Received): void {
    this.#finished(message, { result: 'discarded' });
  }

  /** `limited`: whoever asked for so many knows that there are more. */
  end(what: string, { more, limited }: { more: boolean; limited: boolean }): void {
    this.#progress.endLive();
    const { missing } = this;
    if (this.#json) {
      this.#print({ summary: { done: this.#done, failed: this.#failed, missing, more } });
      return;
    }
    const parts = [
      `${this.#done} ${what}`,
      ...(this.#failed > 0 ? [`${this.#failed} failed and stay`] : []),
      ...(missing > 0 ? [`${missing} could not be had: another receiver has them`] : []),
      ...(more && !limited ? ['there are more: call it again'] : []),
    ];
    console.log(`${this.#from}: ${parts.join('; ')}`);
  }

  /** @throws RetrainError when not all were handled */
  raise(interrupted: boolean): void {
    if (interrupted) throw new RetrainError('INTERRUPTED', `interrupted after ${this.#done} of ${this.#total}`);
    if (this.#failed > 0)
      throw new RetrainError('BROKER_REFUSED', `${this.#failed} of ${this.#total} dead letters were refused and stay`);
    if (this.missing > 0)
      throw new RetrainError(
        'LOCK_LOST',
        `${this.missing} of ${this.#total} dead letters are locked by another receiver: call it again when their locks have ended`,
      );
  }

  #finished(message: Received, more: object): void {
    this.#done += 1;
    if (this.#json) this.#print({ ...identity(message), ...more });
    else this.#progress.live(`${this.#done} of ${this.#total}`);
  }

  #failedWith(message: Received, { newMessageId, error }: { newMessageId: string; error: unknown }): void {
    this.#failed += 1;
    const said = error instanceof Error ? error.message : String(error);
    if (this.#json) this.#print({ ...identity(message), newMessageId, result: 'failed', error: said });
    else if (this.#failed <= FAILURES_TOLD)
      this.#progress.line(`#${message.sequenceNumber?.toString()} ${onOneLine(said)}`);
  }

  #print(line: object): void {
    console.log(JSON.stringify(line));
  }
}

/** For people. */
export function deadLettersText(count: number, more: boolean): string {
  return `${counted(count, 'dead letter')}${more ? ' (and there are more)' : ''}`;
}

function identity(message: Received): object {
  const { sequenceNumber, messageId, deadLetterReason } = messageJson(message);
  return { sequenceNumber, messageId, deadLetterReason };
}
