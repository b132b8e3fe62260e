import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Trainer } from '../../../src/retraining/trainers/trainer.ts';
import { temporaryFolder } from './run-fixture.ts';
import type { Training, TrainingGround } from './trainer-suite.ts';

/** The places of a ground whose trainings are processes of this host. */
export interface LocalPlaces {
  readonly folder: string;
  readonly runs: string;
}

/**
 * Trainings as processes of this host. Each has a file with its pid while it is at work; `trainer` gets the text of a
 * training as the body of an async function that may use `process`, `fs` and `give(result)`.
 */
export function localGround(
  t: TestContext,
  training: Training,
  trainer: (places: LocalPlaces, body: string) => Trainer,
): TrainingGround {
  const folder = temporaryFolder(t);
  const places = { folder, runs: join(folder, 'runs') };
  const pids = (): number[] =>
    readdirSync(folder)
      .filter((name) => name.startsWith('pid-'))
      .map((name) => Number(readFileSync(join(folder, name), 'utf8')));
  return {
    trainer: () => trainer(places, bodyOf(training, folder)),
    begun: () => pids().length,
    atWork: () => pids().filter((pid) => isAtWork(pid, folder)).length,
    release: () => writeFileSync(join(folder, 'released'), ''),
  };
}

function isAtWork(pid: number, folder: string): boolean {
  if (existsSync(join(folder, `done-${pid}`))) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function bodyOf(training: Training, folder: string): string {
  const file = (name: string): string => `${JSON.stringify(`${folder}/${name}-`)} + process.pid`;
  return `
    fs.writeFileSync(${file('pid')}, String(process.pid));
    ${doing(training, folder)}
    fs.writeFileSync(${file('done')}, '');`;
}

function doing(training: Training, folder: string): string {
  const give = (result: unknown): string => `give(${JSON.stringify(result)});`;
  switch (training.does) {
    case 'succeed':
      return `for (const line of ${JSON.stringify(training.prints ?? [])}) console.log(line); ${give(training.result)}`;
    case 'fail':
      return `
        console.error(${JSON.stringify(training.says)});
        ${training.code === 137 ? `process.kill(process.pid, 'SIGKILL'); await new Promise(() => setInterval(() => {}, 1000));` : `process.exit(${training.code});`}`;
    case 'babble':
      return training.result === undefined
        ? ''
        : `fs.writeFileSync(process.env.RETRAIN_RESULT, ${JSON.stringify(training.result)});`;
    case 'hang':
      return `
        ${training.deaf ? `process.on('SIGTERM', () => {});` : ''}
        await new Promise(() => setInterval(() => {}, 1000));`;
    case 'wait':
      return `
        while (!fs.existsSync(${JSON.stringify(join(folder, 'released'))})) await new Promise((go) => setTimeout(go, 20));
        ${give(training.result)}`;
    case 'shout':
      return `
        const chunk = 'no newline anywhere '.repeat(5000);
        for (let left = ${training.bytes}; left > 0; left -= chunk.length) process.stdout.write(chunk);
        ${give(training.result)}`;
    case 'introduce itself':
      return `
        const { RETRAIN_MODEL: model, RETRAIN_RUN_ID: runId, RETRAIN_EPOCH, TRACEPARENT: traceparent, TRACESTATE: tracestate } = process.env;
        const notes = JSON.stringify({ model, runId, epoch: Number(RETRAIN_EPOCH), traceparent, tracestate });
        give({ metrics: { challenger: {} }, artifact: 'https://example.net/m', notes });`;
  }
}
