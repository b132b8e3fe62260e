// The smallest train function: it is called in a process of its own, and that process is used again for the next run.
//
//   models:
//     visitors:
//       trainer: { module: ./train.mjs }
//
// Its model is the mean of the numbers in the files that the request names.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @type {import('retrain').TrainFunction} */
export async function train(plan, { signal, output, progress, log }) {
  const numbers = [];
  for (const [index, { uri }] of plan.data.entries()) {
    // Somebody wants the run to end: a deploy, a cancel. What is thrown then costs no attempt.
    signal.throwIfAborted();
    const text = await readFile(new URL(uri), { encoding: 'utf8', signal });
    numbers.push(...text.trim().split(/\s+/).map(Number));
    progress((index + 1) / plan.data.length);
  }
  if (numbers.length < 5 || numbers.some(Number.isNaN))
    // The data will not get better by itself: do not try again.
    throw Object.assign(new Error('the data must be 5 numbers or more'), { permanent: true });

  // The newest fifth is kept aside: challenger and champion are measured on it, and neither was fitted on it.
  const cut = Math.ceil(numbers.length * 0.8);
  const [training, newest] = [numbers.slice(0, cut), numbers.slice(cut)];
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const mae = (model) => mean(newest.map((value) => Math.abs(value - model.mean)));

  const challenger = { mean: mean(training) };
  log(`mean of ${training.length} numbers: ${challenger.mean}`);
  await writeFile(join(output, 'model.json'), JSON.stringify(challenger));

  const metrics = { challenger: { mae: mae(challenger) } };
  if (plan.champion) metrics.champion = { mae: mae(JSON.parse(await readFile(plan.champion.artifact, 'utf8'))) };
  return { metrics, artifact: 'model.json' };
}
