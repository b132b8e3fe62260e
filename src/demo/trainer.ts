import { files } from '../runtime/files.ts';
import { runTraining } from './training-run.ts';

// The demo's trainer program, started by the worker for each run.

process.exitCode = await runTraining({
  env: process.env,
  files,
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
});
