import { writeSync } from 'node:fs';
import { sceneWorker } from './scene-worker.ts';
import type { SceneConfig } from './scene-worker.ts';

// A worker process that a test can kill: `node worker-program.js CONFIG`. It kills itself, as the system would, at the given
// write of the ledger. Its facts go to stdout.

const config = JSON.parse(process.argv[2] ?? '') as SceneConfig;
const worker = sceneWorker(config, {
  onLedgerWrite(moment, { type }) {
    if (config.killAt?.moment === moment && config.killAt.type === type) process.kill(process.pid, 'SIGKILL');
  },
  log: (fact) => void writeSync(1, `${JSON.stringify(fact)}\n`),
});
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
await worker.start();
