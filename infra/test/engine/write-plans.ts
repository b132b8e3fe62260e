/** Writes the plans of all stacks to test/plans, to be read and reviewed: `npm run plans`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { planOf, planText } from './plan';
import { planFile } from './plan-file';
import { runProgram } from './run-program';
import { STACKS, testSettings } from './stacks';

async function writePlans(): Promise<void> {
  for (const stack of STACKS) {
    const run = await runProgram({ stack, ...testSettings(stack) });
    if (!run.succeeded) throw new Error(`${stack}: ${[...run.failures, ...run.log.errors, run.stderr].join('\n')}`);
    mkdirSync(dirname(planFile(stack)), { recursive: true });
    writeFileSync(planFile(stack), planText(planOf(run)));
    console.log(`${stack}: ${run.registrations.length} resources`);
  }
}

void writePlans();
