/**
 * Runs the model: `node dist/test/broker/model/main.js [--seed N] [--runs M]`, or replays one failure as the model tells it, with `--path` and
 * `--commands`.
 */
import { parseArgs } from 'node:util';
import { checkModel } from './run-model.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    path: { type: 'string' },
    commands: { type: 'string' },
  },
});

const seed = Number(values.seed);
const runs = Number(values.runs);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(runs) || runs < 1) {
  console.error(`--seed and --runs must be whole numbers, not '${values.seed}' and '${values.runs}'`);
  process.exit(2);
}
try {
  const { commands, deliveries } = checkModel({ runs, replay: { seed, path: values.path, commands: values.commands } });
  console.log(`${runs} runs: the broker does what the model does in ${commands} commands and ${deliveries} deliveries`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
