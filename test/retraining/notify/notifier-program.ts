import { writeSync } from 'node:fs';
import { Notifier } from '../../../src/retraining/notify/notifier.ts';
import type { NotifierOptions } from '../../../src/retraining/notify/notifier.ts';

// A notifier process that a test can kill: `node notifier-program.js OPTIONS`. Its facts go to stdout.

const options = JSON.parse(process.argv[2] ?? '') as NotifierOptions;
const notifier = new Notifier({ ...options, log: (fact) => void writeSync(1, `${JSON.stringify(fact)}\n`) });
process.on('SIGTERM', () => void notifier.stop().then(() => process.exit(0)));
await notifier.start();
