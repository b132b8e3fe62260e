import { styleText } from 'node:util';

/** A stream of text for people or programs: stdout or stderr. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

type Style = Parameters<typeof styleText>[0];

/** Whether colours are welcome: a terminal, and nobody said no (https://no-color.org). */
export function wantsColour(stream: TextStream, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/** Prints lines, and on a terminal one more line below them that changes in place. */
export class Terminal {
  readonly #stream: TextStream;
  readonly #colour: boolean;
  #live = '';

  constructor(stream: TextStream) {
    this.#stream = stream;
    this.#colour = wantsColour(stream);
  }

  get interactive(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Width in characters; undefined where there is no terminal. */
  get columns(): number | undefined {
    return this.interactive ? this.#stream.columns : undefined;
  }

  paint(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }

  line(text = ''): void {
    this.#stream.write(this.#live === '' ? `${text}\n` : `\r\u001b[K${text}\n${this.#live}`);
  }

  /** Replaces the live line; nothing where there is no terminal. */
  live(text: string): void {
    if (!this.interactive) return;
    // A line that wraps could not be taken back.
    this.#live = text.slice(0, Math.max(0, (this.#stream.columns ?? 80) - 1));
    this.#stream.write(`\r\u001b[K${this.#live}`);
  }

  endLive(): void {
    if (this.#live !== '') this.#stream.write('\r\u001b[K');
    this.#live = '';
  }
}

/** Columns of text, two spaces apart. Columns whose title begins with a space are numbers and stand right. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = titles.map((title, column) =>
    Math.max(title.trimStart().length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [titles.map((title) => title.trimStart()), ...rows].map((row) =>
    row
      .map((cell, column) =>
        titles[column]?.startsWith(' ') ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
