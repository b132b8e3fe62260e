import { createInterface } from 'node:readline/promises';
import { RetrainError } from '../errors.ts';

/**
 * Asks before something that cannot be undone, on the terminal.
 *
 * @throws RetrainError `ARGUMENT_INVALID` where there is no terminal to ask on, `INTERRUPTED` when the answer is not yes
 */
export async function confirmed(question: string, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  checkTerminal(question);
  const answer = await ask(`${question} [y/N] `, signal);
  if (/^y(es)?$/i.test(answer)) return;
  throw new RetrainError('INTERRUPTED', 'nothing was done');
}

/** The same for what must not be done by a key too many: the answer is the name of what it is about. */
export async function confirmedByName(
  question: string,
  { name, signal }: { name: string; signal?: AbortSignal },
): Promise<void> {
  checkTerminal(question);
  if ((await ask(`${question} Its name, to confirm: `, signal)) === name) return;
  throw new RetrainError('INTERRUPTED', `that is not ${name}: nothing was done`);
}

/** @throws RetrainError `ARGUMENT_INVALID` where there is no terminal to ask on: for what is better known before the work begins */
export function checkTerminal(question: string): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return;
  throw new RetrainError('ARGUMENT_INVALID', `${question} There is no terminal to ask on: give --yes to say so`);
}

/** Ctrl-C, the end of input and an aborted signal are an empty answer. */
async function ask(question: string, signal?: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const gone = new AbortController();
  terminal.on('close', () => gone.abort());
  signal?.addEventListener('abort', () => terminal.close(), { signal: gone.signal });
  try {
    return (await terminal.question(question, { signal: gone.signal })).trim();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    process.stderr.write('\n');
    return '';
  } finally {
    terminal.close();
  }
}
