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

  test('no room in the outbox: the caller is told and nothing is sent; what is in it already is sent when the broker takes it', async (t) => {
    const world = await openFaultWorld(t);
    const disk = new FullDisk((path) => path.includes('/outbox/'));
    await using producer = new RetrainingProducer({
      connection: world.server.connectionString,
      queue: QUEUE,
      outboxFolder: join(world.folder, 'outbox'),
      files: disk.files,
    });
    await assert.rejects(producer.request(requestFor()), /ENOSPC/);
    assert.equal((await world.auditor.messages()).length, 0);
    disk.free();
    const { id } = await producer.request(requestFor());
    world.auditor.sent('births', id);
    assert.deepEqual(await producer.flush(), { sent: 0, expired: 0, failed: [] });
    await world.work({});
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 1 } });
  });
});
