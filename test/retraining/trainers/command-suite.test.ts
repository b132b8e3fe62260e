import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import { localGround } from './local-ground.ts';
import { program } from './run-fixture.ts';
import { trainerSuite } from './trainer-suite.ts';

trainerSuite({
  name: 'command',
  reattaches: false,
  open: (t, training, limits) =>
    localGround(t, training, ({ folder, runs }, body) => {
      const source = `
        import fs from 'node:fs';
        const give = (result) => fs.writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify(result));
        ${body}`;
      return new CommandTrainer({ command: program(folder, source), folder: runs, graceMs: 2000, ...limits });
    }),
});
