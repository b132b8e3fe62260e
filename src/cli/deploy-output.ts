import { systemClock } from '../runtime/clock.ts';
import type { DeployFact } from './deploy-event.ts';
import { lossText } from './deploy-loss.ts';
import { factLogger } from './fact-logger.ts';
import { clip, onLines, onOneLine } from './printable.ts';
import { table, Terminal } from './terminal.ts';
import type { TextStream } from './terminal.ts';

type Style = Parameters<Terminal['paint']>[0];

interface Word {
  readonly sign: string;
  readonly style: Style;
  readonly planned: string;
  readonly done: string;
  readonly doing: string;
}

const WORDS: Readonly<Record<string, Word>> = {
  create: { sign: '+', style: 'green', planned: 'create', done: 'created', doing: 'creating' },
  update: { sign: '~', style: 'yellow', planned: 'update', done: 'updated', doing: 'updating' },
  replace: { sign: '±', style: 'magenta', planned: 'replace', done: 'replaced', doing: 'replacing' },
  delete: { sign: '-', style: 'red', planned: 'delete', done: 'deleted', doing: 'deleting' },
  import: { sign: '=', style: 'green', planned: 'import', done: 'imported', doing: 'importing' },
  'create-replacement': { sign: '+', style: 'green', planned: 'create', done: 'created anew', doing: 'creating anew' },
  'delete-replaced': { sign: '-', style: 'red', planned: 'delete', done: 'deleted (replaced)', doing: 'deleting' },
};

/** Lines of a program's stack are only for whoever looks for a mistake in it. */
const STACK_LINE = /^\s+at /;
const OP_WIDTH = 18;
const NAME_WIDTH = 28;
const REASON_SHOWN = 200;

/** Prints facts: for people as lines, in colour on a terminal, with what is being worked on below them; with `json` a line each. */
export class DeployOutput {
  readonly #terminal: Terminal;
  readonly #verbose: boolean;
  readonly #log: ((fact: DeployFact) => void) | undefined;
  readonly #working = new Map<string, string>();

  constructor(stream: TextStream, { json, verbose }: { json: boolean; verbose: boolean }) {
    this.#terminal = new Terminal(stream);
    this.#verbose = verbose;
    this.#log = json ? factLogger((line) => stream.write(`${line}\n`), systemClock) : undefined;
  }

  /** For people only. */
  say(line: string): void {
    if (!this.#log) this.#terminal.line(onOneLine(line));
  }

  readonly tell = (fact: DeployFact): void => {
    if (this.#log) return this.#log(fact);
    switch (fact.fact) {
      case 'stack-created':
        return this.say(`stack ${fact.stack} is new`);
      case 'change-planned':
        return this.#change(fact, wordOf(fact.op).planned, fact.because ? `for ${fact.because.join(', ')}` : '');
      case 'change-started':
        this.#working.set(fact.urn, `${wordOf(fact.op).doing} ${fact.name}`);
        return this.#live();
      case 'change-done':
      case 'change-failed':
        this.#working.delete(fact.urn);
        this.#live();
        return fact.fact === 'change-done'
          ? this.#change(fact, wordOf(fact.op).done, secondsText(fact.ms / 1000))
          : this.#line('red', `! ${pad('failed', OP_WIDTH)} ${pad(fact.name, NAME_WIDTH)} ${shortType(fact.type)}`);
      case 'loss-planned':
        return this.#line('red', `! ${lossText(fact)}`);
      case 'diagnostic':
        return this.#diagnostic(fact);
      case 'policy-violated':
        return this.#line(
          fact.mandatory ? 'red' : 'yellow',
          `${fact.mandatory ? 'violated' : 'advised'} ${fact.policy}${fact.name === undefined ? '' : ` by ${fact.name}`}: ${clip(fact.message, REASON_SHOWN)}`,
        );
      case 'summary':
        this.end();
        return this.say(summaryText(fact));
      case 'outputs':
        return this.#outputs(fact.outputs);
      case 'profile-written':
        return this.say(`profile ${fact.profile} is in ${fact.path}: retrain worker --profile ${fact.profile}`);
      case 'profile-removed':
        return this.say(`profile ${fact.profile} is removed: ${fact.path}`);
    }
  };

  /** Takes the live line away. */
  end(): void {
    this.#working.clear();
    this.#terminal.endLive();
  }

  #change({ op, name, type }: { op: string; name: string; type: string }, word: string, more: string): void {
    const { sign, style } = wordOf(op);
    this.#line(
      style,
      `${sign} ${pad(word, OP_WIDTH)} ${pad(name, NAME_WIDTH)} ${shortType(type)}${more === '' ? '' : `  ${more}`}`,
    );
  }

  #diagnostic({ severity, name, message }: Extract<DeployFact, { fact: 'diagnostic' }>): void {
    const style = severity === 'error' ? 'red' : severity === 'warning' ? 'yellow' : 'reset';
    const lines = onLines(message).filter((line) => this.#verbose || !STACK_LINE.test(line));
    const [first = '', ...rest] = lines;
    this.#line(style, `${severity}${name === undefined ? '' : ` of ${name}`}: ${first}`);
    for (const line of rest) this.#line('reset', `  ${line}`);
  }

  #outputs(outputs: Readonly<Record<string, unknown>>): void {
    const rows = Object.entries(outputs).map(([name, value]) => [name, shown(value)]);
    if (rows.length > 0) for (const line of table(['Output', 'Value'], rows)) this.say(line);
  }

  #line(style: Style, text: string): void {
    const line = onOneLine(text.trimEnd());
    this.#terminal.line(style === 'reset' ? line : this.#terminal.paint(style, line));
  }

  #live(): void {
    const [first, ...others] = this.#working.values();
    if (first === undefined) this.#terminal.endLive();
    else this.#terminal.live(`… ${onOneLine([first, ...others].join(', '))}`);
  }
}

function wordOf(op: string): Word {
  return WORDS[op] ?? { sign: '·', style: 'reset', planned: op, done: op, doing: op };
}

/** `servicebus:Queue` */
function shortType(type: string): string {
  return type.replace(/^azure-native:(\w+)(?:\/\w+)?:/, '$1:');
}

function pad(text: string, width: number): string {
  return text.padEnd(width);
}

function secondsText(seconds: number): string {
  return `${Math.round(seconds)} s`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `12 created, 1 replaced, 30 unchanged in 140 s` */
function summaryText({ planned, changes, seconds }: Extract<DeployFact, { fact: 'summary' }>): string {
  const parts = ['create', 'import', 'update', 'replace', 'delete'].flatMap((op) => {
    const count = changes[op] ?? 0;
    const { planned: plan, done } = wordOf(op);
    return count === 0 ? [] : [planned ? `${count} to ${plan}` : `${count} ${done}`];
  });
  const same = changes['same'] ?? 0;
  if (same > 0) parts.push(`${same} unchanged`);
  const text = parts.length === 0 ? 'nothing to change' : parts.join(', ');
  return planned ? text : `${text} in ${secondsText(seconds)}`;
}
