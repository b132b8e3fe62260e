import { lookup, type AmqpMap } from '../../src/amqp/index.ts';
import type { Settlement } from './copy-history.ts';
import { Client } from './client.ts';
import { fetchDeferred } from './deferred.ts';
import { ManagementLink } from './management-link.ts';
import type { QueueModel } from './queue-model.ts';
import { ReceivingLink } from './receiving-link.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Grant } from './session-model.ts';
import { PAUSE_MS, type Setting } from './setting.ts';
import { decide, settle } from './settle-messages.ts';
import { readMessage } from './wire-message.ts';

/** Messages that a receiver asks for at a time. */
const MAX_CREDIT = 8;
const NEXT_SESSION_MS = 1_000;
const NEXT_MESSAGE_MS = 60;
/** Longer than any lock of a run. */
const TOO_LONG_MS = 7_000;

/** What a receiver works with while it holds a session. */
export interface HeldSession {
  readonly client: Client;
  readonly link: ReceivingLink;
  readonly grant: Grant;
}

/** Asks for a session, and attaches the model to what comes out of it. Undefined when there is none, or somebody else has it. */
export async function acceptSession(options: {
  readonly client: Client;
  readonly model: QueueModel;
  readonly sessionId: string | null;
  readonly waitMs: number;
}): Promise<HeldSession | undefined> {
  const { client, model, sessionId, waitMs } = options;
  let grant: Grant | undefined;
  const link = await ReceivingLink.attach(client, {
    address: model.name,
    mode: 'peek-lock',
    sessionId,
    waitMs,
    onMessage: (delivery) => {
      const how = { receiver: client.name, life: client.life, from: 'queue' } as const;
      delivery.context = model.deliver(readMessage(delivery.payload), grant ? { ...how, grant } : how);
    },
  });
  if (link.gone !== undefined) {
    client.world.trace(client.name, `gets no session: ${link.gone}`);
    return undefined;
  }
  grant = model.sessions.grant({ sessionId: link.sessionId, receiver: link.name, life: client.life });
  client.world.trace(client.name, `holds session ${link.sessionId}`);
  return { client, link, grant };
}

/** Reads the state of a held session and lets the model judge it. */
export async function readState(held: HeldSession, model: QueueModel, management: ManagementLink): Promise<void> {
  const { sessionId } = held.grant;
  const body: AmqpMap = new Map([['session-id', sessionId]]);
  const reply = await management.request('get-session-state', body, held.link.name);
  if (reply.kind !== 'ok') return;
  const state = lookup(reply.body, 'session-state');
  const text = Buffer.isBuffer(state) ? state.toString() : undefined;
  held.client.world.trace(held.client.name, `reads state ${text} of session ${sessionId}`);
  model.sessions.readState(sessionId, text);
}

/** Takes sessions, works through their messages and keeps notes in their states, until the run is over. */
export class SessionReceiver {
  readonly #setting: Setting;
  readonly #model: QueueModel;
  readonly #name: string;
  readonly #sessionIds: readonly string[];
  readonly #random: SeededRandom;
  #states = 0;

  constructor(options: { setting: Setting; model: QueueModel; name: string; sessionIds: readonly string[] }) {
    this.#setting = options.setting;
    this.#model = options.model;
    this.#name = options.name;
    this.#sessionIds = options.sessionIds;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world, broker } = this.#setting;
    const random = this.#random;
    while (!this.#setting.over) {
      const client = await Client.connect({ world, broker, name: this.#name });
      while (client.alive && !this.#setting.over) {
        const sessionId = random.chance(0.6) ? null : random.pick(this.#sessionIds);
        const held = await acceptSession({ client, model: this.#model, sessionId, waitMs: NEXT_SESSION_MS });
        if (held) await this.#work(held);
        else await world.sleep(random.delayMs(20));
        if (random.chance(0.1)) client.cut();
      }
      client.close();
      await world.sleep(random.delayMs(PAUSE_MS));
    }
  }

  async #work(held: HeldSession): Promise<void> {
    const { world } = this.#setting;
    const random = this.#random;
    const { client, link } = held;
    const management = random.chance(0.5) ? await ManagementLink.attach(client, this.#model.name) : undefined;
    if (management) await this.#keepNotes(held, management);
    link.addCredit(random.between(1, MAX_CREDIT));
    const settling: Promise<void>[] = [];
    for (let rounds = random.between(1, 25); rounds > 0 && link.gone === undefined; rounds--) {
      const delivery = await link.next(NEXT_MESSAGE_MS);
      if (!delivery) break;
      const kind: Settlement['kind'] | undefined = decide(random, 'queue');
      if (kind) {
        const settled = settle({ model: this.#model, link, delivery, kind });
        if (random.chance(0.5)) await settled;
        else settling.push(settled);
      }
      if (random.chance(0.05)) link.lowerCredit(random.between(0, 2));
      if (random.chance(0.03)) await link.drain();
      if (random.chance(0.7)) link.addCredit(1);
      if (management && random.chance(0.15)) await this.#keepNotes(held, management);
      if (random.chance(0.004)) await world.sleep(TOO_LONG_MS);
    }
    if (management && random.chance(0.3))
      await fetchDeferred({ client, model: this.#model, management, grant: held.grant });
    if (random.chance(0.05)) client.cut();
    await Promise.all(settling);
    if (random.chance(0.2)) await link.drain();
    await link.detach();
  }

  async #keepNotes(held: HeldSession, management: ManagementLink): Promise<void> {
    const random = this.#random;
    const { sessionId } = held.grant;
    const { sessions } = this.#model;
    if (random.chance(0.6)) await readState(held, this.#model, management);
    if (random.chance(0.2))
      await management.request('renew-session-lock', new Map([['session-id', sessionId]]), held.link.name);
    if (random.chance(0.3)) return;
    const state = random.chance(0.1) ? undefined : `${this.#name}:${++this.#states}`;
    const body: AmqpMap = new Map<string, string | Buffer | null>([
      ['session-id', sessionId],
      ['session-state', state === undefined ? null : Buffer.from(state)],
    ]);
    sessions.startSetState(sessionId, state);
    const { kind } = await management.request('set-session-state', body, held.link.name);
    held.client.world.trace(this.#name, `sets state ${state} of session ${sessionId}: ${kind}`);
    sessions.endSetState(sessionId, state, kind === 'ok' ? 'done' : kind);
  }
}
