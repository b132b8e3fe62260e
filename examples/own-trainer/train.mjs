// The smallest trainer that keeps the contract, in any language: read the plan, train, measure, write the result.
//
//   retrain worker --metric mae -- node examples/own-trainer/train.mjs
//   retrain request --model visitors --data file:///absolute/path/to/visitors.txt
//
// Its model is the mean of the numbers in the files that the request names.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const plan = JSON.parse(await readFile(process.env.RETRAIN_REQUEST, 'utf8'));

const texts = await Promise.all(plan.data.map(({ uri }) => readFile(new URL(uri), 'utf8')));
const numbers = texts.join(' ').trim().split(/\s+/).map(Number);
if (numbers.length < 5 || numbers.some(Number.isNaN)) {
  process.stderr.write('the data must be 5 numbers or more\n');
  process.exit(65); // the data will not get better by itself: do not try again
}

// The newest fifth is kept aside: challenger and champion are measured on it, and neither was fitted on it.
const cut = Math.ceil(numbers.length * 0.8);
const [training, newest] = [numbers.slice(0, cut), numbers.slice(cut)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const mae = (model) => mean(newest.map((value) => Math.abs(value - model.mean)));

const challenger = { mean: mean(training) };
const artifact = join(process.env.RETRAIN_OUTPUT, 'model.json');
await writeFile(artifact, JSON.stringify(challenger));

const metrics = { challenger: { mae: mae(challenger) } };
if (plan.champion) metrics.champion = { mae: mae(JSON.parse(await readFile(plan.champion.artifact, 'utf8'))) };
await writeFile(process.env.RETRAIN_RESULT, JSON.stringify({ metrics, artifact }));
