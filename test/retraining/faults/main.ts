/**
 * Runs random scenarios of faults: `node dist/test/retraining/faults/main.js [--seed N] [--runs M]`: from seed N (1 unless
 * given) on, M of them (1 unless given), one after the other. The first that fails ends it.
 */
import { parseArgs } from 'node:util';
import { Scenario } from './scenario.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '1' } },
});
const [first, runs] = [Number(values.seed), Number(values.runs)];
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(runs) || first < 0 || runs < 1) {
  console.error(`--seed and --runs must be whole numbers, not '${values.seed}' and '${values.runs}'`);
  process.exit(2);
}
for (let seed = first; seed < first + runs; seed++) {
  const begunMs = performance.now();
  try {
    await new Scenario(seed).run();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
  console.log(`seed ${seed}: held, ${((performance.now() - begunMs) / 1000).toFixed(1)} s`);
}
process.exit(0);
