import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { OutcomeLog } from '../../../src/retraining/outcome-log.ts';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import { FileRegistry } from '../../../src/retraining/registries/file-registry.ts';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { program } from '../trainers/run-fixture.ts';
import { QUEUE, good, requestFor } from '../worker/worker-fixture.ts';
import { FullDisk } from './full-disk.ts';
import { openFaultWorld } from './fault-world.ts';

const TRAINER = `
  import fs from 'node:fs';
  fs.writeFileSync(process.env.RETRAIN_OUTPUT + '/model', 'weights');
  fs.writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics: { challenger: { mape: 1 } }, artifact: 'model' }));`;

describe('a disk that is full', { concurrency: 4 }, () => {
  test('no room for the run folder: the attempt fails and says so, and the next one, when there is room, counts', async (t) => {
    const world = await openFaultWorld(t);
    const disk = new FullDisk((path) => path.includes('/runs/'));
    await world.send();
    await world.work({
      files: disk.files,
      trainer: new CommandTrainer({
        command: program(world.folder, TRAINER),
        folder: join(world.folder, 'runs'),
        files: disk.files,
        clock: systemClock,
      }),
    });
    const ended = await world.fact('trainer-ended');
    assert.ok(ended.result === 'retry' && /ENOSPC/.test(ended.reason), JSON.stringify(ended));
    disk.free();
    await world.told('promoted');
    await world.auditor.emptied();
    const failed = await world.told('failed');
    assert.match(failed[0]?.data.reason ?? '', /run folder[^]*ENOSPC/);
    await world.auditor.holds({ told: { promoted: 1, deadlettered: 0 } });
  });

  test('no room for the outcome log: the run is told to the broker and settled all the same', async (t) => {
    const world = await openFaultWorld(t);
    const disk = new FullDisk((path) => path.includes('/log/'));
    await world.send();
    const outcomeFolder = join(world.folder, 'log');
    await world.work({ files: disk.files, outcomeFolder });
    const { reason } = await world.fact('outcome-untold');
    assert.match(reason, /ENOSPC/);
    await world.told('promoted');
    await world.auditor.emptied();
    disk.free();
    await world.send();
    await world.told('promoted', 2);
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 2 } });
    // What was written since is there.
    const { events } = await new OutcomeLog({ folder: outcomeFolder }).read();
    assert.ok(events.some(({ type }) => type === 'retrain.promoted.v1'));
  });

  test('no room in the registry: the result waits, is not trained again, and is promoted once when there is room', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    const disk = new FullDisk((path) => path.includes('/registry/'));
    const runs: TrainerRun[] = [];
    await world.send();
    await world.work({
      registry: new FileRegistry({ folder: join(world.folder, 'registry'), files: disk.files }),
      trainer: good(world.folder, runs),
    });
    const { reason } = await world.fact('registry-failed');
    assert.match(reason, /ENOSPC/);
    disk.free();
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 1, failed: 0, deadlettered: 0 } });
    assert.equal(runs.length, 1);
  });

  test('no room in the outbox: what the broker takes is sent all the same; what it does not take is still the caller’s, who is told', async (t) => {
    const world = await openFaultWorld(t);
    const disk = new FullDisk((path) => path.includes('/outbox/'));
    const told: string[] = [];
    await using producer = new RetrainingProducer({
      connection: world.wire.connectionString,
      queue: QUEUE,
      outboxFolder: join(world.folder, 'outbox'),
      files: disk.files,
      log: ({ fact }) => told.push(fact),
    });
    world.auditor.sent('births', (await producer.request(requestFor())).id);
    assert.ok(told.includes('outbox-unusable'), told.join());
    world.wire.cut();
    await assert.rejects(producer.submit(requestFor()));
    disk.free();
    const { id, state } = await producer.submit(requestFor());
    assert.equal(state, 'queued');
    world.auditor.sent('births', id);
    world.wire.mend();
    assert.equal((await producer.flush()).sent, 1);
    await world.work({});
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { deadlettered: 0 } });
  });
});
