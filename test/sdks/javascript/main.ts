/** The next version of the official JavaScript client, 7.10 beta, against the broker: one line per case (see ../README.md). */
import { setTimeout as wait } from 'node:timers/promises';
import { ADMINISTRATION_CASES } from './administration.ts';
import { Scene } from './case.ts';
import type { Case } from './case.ts';
import { DISTURBING_CASES, MESSAGE_CASES } from './messages.ts';

const CASES_AT_ONCE = 4;
/** After which a case has failed. */
const CASE_MS = 90_000;

let failed = 0;

async function outcomeOf(entry: Case): Promise<string | undefined> {
  const scene = new Scene();
  try {
    const late = wait(CASE_MS, undefined, { ref: false }).then(() =>
      Promise.reject(new Error(`no end in ${CASE_MS} ms`)),
    );
    await Promise.race([entry.run(scene), late]);
    return undefined;
  } catch (error) {
    return (error instanceof Error ? (error.stack ?? error.message) : String(error)).replaceAll(/\s+/g, ' ');
  } finally {
    await scene[Symbol.asyncDispose]();
  }
}

async function work(cases: Iterator<Case>): Promise<void> {
  for (let next = cases.next(); !next.done; next = cases.next()) {
    const reason = await outcomeOf(next.value);
    if (reason !== undefined) failed++;
    console.log(reason === undefined ? `ok ${next.value.name}` : `FAIL ${next.value.name}: ${reason}`);
  }
}

/** Words select the cases whose names contain one of them. */
async function runAll(cases: readonly Case[], atOnce: number, words: readonly string[]): Promise<void> {
  const chosen = cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word))).values();
  await Promise.all(Array.from({ length: atOnce }, () => work(chosen)));
}

const selected = process.argv.slice(2);
await runAll([...MESSAGE_CASES, ...ADMINISTRATION_CASES], CASES_AT_ONCE, selected);
await runAll(DISTURBING_CASES, 1, selected);
// The client may leave timers behind.
process.exit(failed === 0 ? 0 : 1);
