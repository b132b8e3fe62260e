import { createInterface } from 'node:readline/promises';
import { RetrainError } from '../errors.ts';

/**
 * Asks before something that cannot be undone, on the terminal.
 *
 * @throws RetrainError `ARGUMENT_INVALID` where there is no terminal to ask on, `INTERRUPTED` when the answer is not yes
 */
export async function confirmed(question: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new RetrainError('ARGUMENT_INVALID', `${question} There is no terminal to ask on: give --yes to say so`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new RetrainError('INTERRUPTED', 'nothing was done');
}
