import { Client } from './client.ts';
import { changeQueue } from './administrator.ts';
import type { Part } from './copy-history.ts';
import { fetchDeferred } from './deferred.ts';
import { ManagementLink } from './management-link.ts';
import { mustExpireMs } from './expiry.ts';
import type { ReceivedContent } from './wire-message.ts';
import { peekMessages } from './peek-messages.ts';
import { addressOf, attachPlain } from './plain-receiver.ts';
import type { QueueModel } from './queue-model.ts';
import type { ReceivingLink } from './receiving-link.ts';
import { acceptSession, readState } from './session-receiver.ts';
import type { Setting } from './setting.ts';
import { settle } from './settle-messages.ts';

/** Longer than a lock, and than anything is scheduled ahead. */
const ALL_IS_THERE_MS = 15_000;
const NOTHING_COMES_MS = 200;
const CREDIT = 20;
const RETRY_MS = 20;
const PARTS: readonly Part[] = ['queue', 'dead-letter queue', 'transfer dead-letter queue'];

/** Takes everything out of a queue, when nobody else uses it any more and the broker does not die any more. */
export async function drainQueue(setting: Setting, model: QueueModel): Promise<void> {
  const { world, broker } = setting;
  world.trace('drain', `begins with queue ${model.name}`);
  await world.sleep(ALL_IS_THERE_MS);
  const forwarded = await endForwarding(setting, model);
  const client = await Client.connect({ world, broker, name: 'drain' });
  const management = await ManagementLink.attach(client, model.name);
  if (!management) return world.violate(`the node of queue ${model.name} cannot be reached`);
  // Before the others: a deferred message expires when it is fetched.
  await drainPlain(client, model, { from: 'dead-letter queue', forwarded: forwarded.dead });
  if (model.description.requiresSession) {
    for (const sessionId of model.plan.sessionIds) {
      const held = await acceptSession({ client, model, sessionId, waitMs: 0 });
      if (!held) return world.violate(`session ${sessionId} cannot be accepted, although nobody has it`);
      await readState(held, model, management);
      await drainLink(model, held.link);
      await fetchDeferred({ client, model, management, grant: held.grant });
      await held.link.detach();
    }
  } else {
    await drainPlain(client, model, { from: 'queue', forwarded: forwarded.queue });
    await fetchDeferred({ client, model, management });
  }
  for (const from of ['dead-letter queue', 'transfer dead-letter queue'] as const)
    await drainPlain(client, model, { from, forwarded: false });
  await mustBeEmpty(client, model);
  client.close();
}

/** Switches forwarding off, so that what stayed can be received. Tells what must have been forwarded by then. */
async function endForwarding(setting: Setting, model: QueueModel): Promise<{ queue: boolean; dead: boolean }> {
  const [description] = model.descriptions.present;
  const forwarded = {
    queue: description?.forwardTo !== undefined,
    dead: description?.forwardDeadLetteredMessagesTo !== undefined,
  };
  if (forwarded.queue || forwarded.dead) {
    const off = { forwardTo: undefined, forwardDeadLetteredMessagesTo: undefined };
    while ((await changeQueue(setting, model, off)) !== 'done') await setting.world.sleep(RETRY_MS);
  }
  return forwarded;
}

/** After everything has been completed and the broker has been started again, nothing may be there, and the states must be what they were. */
export async function checkNothingComesBack({ world, broker, namespace }: Setting, model: QueueModel): Promise<void> {
  const { sessionIds } = model.plan;
  const client = await Client.connect({ world, broker, name: 'last look' });
  // On a full disk an expired message goes from memory alone, and is there again, expired, after a start.
  await mustBeEmpty(client, model, ({ uid, enqueuedMs }) => {
    const message = namespace.messageOf(uid);
    return message !== undefined && mustExpireMs(model, message, enqueuedMs) <= world.clock.wallMs();
  });
  const management = await ManagementLink.attach(client, model.name);
  for (const sessionId of model.description.requiresSession ? sessionIds : []) {
    const held = await acceptSession({ client, model, sessionId, waitMs: 0 });
    if (held && management) await readState(held, model, management);
    else world.violate(`session ${sessionId} cannot be accepted, although nobody has it`);
  }
  client.close();
}

async function drainPlain(
  client: Client,
  model: QueueModel,
  { from, forwarded }: { from: Part; forwarded: boolean },
): Promise<void> {
  const link = await attachPlain({ client, model, from, mode: 'peek-lock' });
  const count = await drainLink(model, link);
  await link.detach();
  if (forwarded && count > 0)
    model.world.violate(`${count} messages are still in the ${from} of ${model.name}, which forwards them`);
}

/** Returns how many messages came. */
async function drainLink(model: QueueModel, link: ReceivingLink): Promise<number> {
  link.addCredit(CREDIT);
  const settling: Promise<void>[] = [];
  for (let delivery = await link.next(NOTHING_COMES_MS); delivery; delivery = await link.next(NOTHING_COMES_MS)) {
    settling.push(settle({ model, link, delivery, kind: 'complete' }));
    link.addCredit(1);
  }
  await Promise.all(settling);
  if (link.gone !== undefined) model.world.violate(`${link.name} was detached while it drained: ${link.gone}`);
  return settling.length;
}

/** `isOver`: whether a message does not count. */
async function mustBeEmpty(
  client: Client,
  model: QueueModel,
  isOver: (message: ReceivedContent) => boolean = () => false,
): Promise<void> {
  for (const part of PARTS) {
    const entity = addressOf(model.name, part);
    const management = await ManagementLink.attach(client, entity);
    const messages = management && (await peekMessages(management));
    if (!messages) model.world.violate(`${entity} cannot be peeked into`);
    const left = messages?.filter((message) => part !== 'queue' || !isOver(message)) ?? [];
    if (left.length === 0) continue;
    const names = left.map(({ uid, sequenceNumber }) => `${uid} #${sequenceNumber}`);
    model.world.violate(`everything was completed, and yet ${entity} holds ${names.join(', ')}`);
  }
}
