import { join } from 'node:path';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import { MonitorRunner } from '../../../src/retraining/monitors/monitor-runner.ts';
import { monitorSettingsSchema } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { MonitorSettingsInput } from '../../../src/retraining/monitors/monitor-settings.ts';
import { files } from '../../../src/runtime/files.ts';

// A process that runs one monitor and kills itself, as the system would, when the broker has accepted a request and before anything of it is
// written: `node monitor-program.js CONFIG`.

interface ProgramConfig {
  readonly connection: string;
  readonly baseFolder: string;
  readonly model: string;
  readonly settings: MonitorSettingsInput;
}

const { connection, baseFolder, model, settings } = JSON.parse(process.argv[2] ?? '') as ProgramConfig;
const producer = new RetrainingProducer({ connection });
let accepted = false;
const runner = new MonitorRunner({
  models: new Map([[model, [monitorSettingsSchema.parse(settings)]]]),
  folder: join(baseFolder, '.retrain', 'monitors'),
  observationFolder: join(baseFolder, '.retrain', 'observations'),
  baseFolder,
  send: async (_, request) => {
    const sent = await producer.request(request);
    accepted = true;
    return sent;
  },
  files: {
    ...files,
    writeAtomic: async (...args) => {
      if (accepted) process.kill(process.pid, 'SIGKILL');
      await files.writeAtomic(...args);
    },
  },
});
await runner.start();
