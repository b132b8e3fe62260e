import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeDisk } from '../../src/runtime/node-disk.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { Server } from '../../src/server/index.ts';
import { logSizesFor } from '../../src/server/log-sizes.ts';
import { Log } from '../../src/storage/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import type { QueueDescription } from '../../src/topology/index.ts';
import { Peer, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const MIB = 1024 * 1024;
/** What a data section needs around its bytes. */
const SECTION_BYTES = 8;

function said({ outcomes }: PeerLink): string | undefined {
  const state = outcomes.at(-1)?.state;
  return state?.kind === 'rejected' ? state.error?.condition : state?.kind;
}

test('the limit is for what the client sends: an id that the server adds does not count', async (context) => {
  const world = await World.start(context, [{ name: 'q', maxMessageSizeInKilobytes: 1 }]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf(Buffer.alloc(1024 - SECTION_BYTES)));
  assert.equal(said(sender), 'accepted');
  await peer.send(sender, messageOf(Buffer.alloc(1025 - SECTION_BYTES)));
  assert.equal(said(sender), 'amqp:link:message-size-exceeded');
});

const LARGE = parseQueueDescription({ name: 'large', maxMessageSizeInKilobytes: 9 * 1024 });

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-sizes-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const MACHINE = { disk: nodeDisk, clock: systemClock, random: systemRandom } as const;

test('the log stores a message of the size that a queue advertises, also in a batch of many', async () => {
  await inFolder(async (folder) => {
    const nothing = { onRecord: () => undefined, onDurable: () => undefined, snapshot: () => [] };
    const onFailed = (error: RetrainError): never => assert.fail(error);
    const log = await Log.open({ ...MACHINE, ...nothing, onFailed, folder, ...logSizesFor({ queues: [LARGE] }) });
    assert.ok(log.maxBatchBytes >= 9 * MIB + 4_500 * 1_024);
    await log.close();
  });
  assert.deepEqual(logSizesFor({ queues: [] }), { segmentBytes: 64 * MIB, reserveBytes: 16 * MIB });
});

test('a queue of the data folder whose messages the log could not store is refused with the remedy', async () => {
  await inFolder(async (dataFolder) => {
    const start = async (...queues: QueueDescription[]): Promise<void> => {
      const server = await Server.open({ ...MACHINE, dataFolder, queues, rules: [] });
      await server.close();
    };
    await start(LARGE);
    await assert.rejects(start(), (error) => {
      assert.ok(error instanceof RetrainError);
      assert.equal(error.code, 'CONFIGURATION_INVALID');
      assert.match(
        error.message,
        /'large'.*maxMessageSizeInKilobytes 9216.*Name a queue with this size when the broker starts/,
      );
      return true;
    });
    await start(LARGE);
  });
});
