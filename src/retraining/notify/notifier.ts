import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { pause, systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { DEFAULT_QUEUE, checkedConnection } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { requestKey } from '../identity.ts';
import { readOutcome } from '../outcome.ts';
import { backlogNotification, backlogOf } from './backlog.ts';
import type { ModelBacklog } from './backlog.ts';
import { Deliveries } from './deliveries.ts';
import { HeldLocks } from './held-locks.ts';
import { Groups, HELD_MAX, matches } from './notify-groups.ts';
import type { Group, HeldEvent, NamedRule } from './notify-groups.ts';
import { NotifyInbox } from './notify-inbox.ts';
import type { NotifySource } from './notify-inbox.ts';
import type { NotifyLog } from './notify-log.ts';
import { ruleName } from './notify-settings.ts';
import type { NotifySettings } from './notify-settings.ts';
import { NotifyState } from './notify-state.ts';
import { notificationOf } from './notify-text.ts';

type Received = ServiceBusReceivedMessage;

/** Messages asked for at once. */
const RECEIVE_MAX = 50;
/** Between two looks at what is due. */
const TICK_MS = 200;
/** Texts that are being sent at the same time. */
const DELIVERIES_MAX = 4;
/** Between two looks at the backlog: a quarter of the shortest age that a rule names, within these. */
const BACKLOG_LOOK_MIN_MS = 1_000;
const BACKLOG_LOOK_MAX_MS = 60_000;
/** What is counted, but was not sent, is durable after so long at the latest. */
const SAVE_MS = 5_000;
/** Why an event that could not be told is in the dead-letter queue of its subscription. */
export const NOT_TOLD = 'NotifyFailed';
const NO_EVENT = 'InvalidEvent';

export interface NotifierOptions {
  /** A connection string, or what `credentialConnection` gives. */
  readonly connection: Connection | string;
  /** A subscription, or a queue, of the notifier's own: what it takes is gone. */
  readonly from: NotifySource;
  /** Queue of the requests, for their age. Default: `model-retraining-queue`. */
  readonly requests?: string;
  readonly rules: NotifySettings;
  /** Where it keeps what it has told. */
  readonly folder: string;
  /** Commands are started in it. */
  readonly baseFolder?: string;
  /** Words for the end of every `retrain dlq replay` line, such as `--config FILE`. */
  readonly replayOptions?: readonly string[];
  readonly log?: NotifyLog;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly files?: Files;
}

/**
 * Tells people and programs about outcomes, by rules, at least once. An event is settled when every rule that it meets has told
 * it, or has used up its tries: then it is dead-lettered in its subscription. Until then it is held under its lock, which is renewed;
 * what was told is on disk before the event is settled, so that it is not told again when the settlement is lost.
 */
export class Notifier implements AsyncDisposable {
  readonly #options: NotifierOptions & { readonly clock: Clock; readonly log: NotifyLog };
  readonly #rules: readonly NamedRule[];
  readonly #inbox: NotifyInbox;
  readonly #state: NotifyState;
  readonly #deliveries: Deliveries;
  readonly #locks: HeldLocks;
  readonly #groups = new Groups();
  readonly #held = new Map<string, HeldEvent>();
  readonly #stopping = new AbortController();
  readonly #busy = new Set<string>();
  readonly #sending = new Set<Promise<void>>();
  /** Whether what was told before it started has been taken: only then it is known what runs have taken up. */
  #hasCaughtUp = false;
  #loops: Promise<unknown> | undefined;
  #stopped: Promise<void> | undefined;

  /** Raises `CONNECTION_STRING_INVALID`; nothing is connected yet. */
  constructor(options: NotifierOptions) {
    const { clock = systemClock, random = systemRandom, files = systemFiles, log = () => undefined } = options;
    const { connection, from, rules, folder, baseFolder } = options;
    this.#options = { ...options, clock, log };
    this.#rules = rules.map((rule, index) => ({ name: ruleName(rule, index), rule }));
    this.#inbox = new NotifyInbox({ connection: checkedConnection(connection), from, clock, random, log });
    this.#state = new NotifyState({ folder, files });
    const stopping = this.#stopping.signal;
    this.#deliveries = new Deliveries({ clock, random, log, stopping, baseFolder });
    this.#locks = new HeldLocks({ inbox: this.#inbox, clock });
  }

  async start(): Promise<void> {
    if (this.#loops) return;
    await this.#state.load();
    this.#options.log({ fact: 'notifier-started', from: this.#inbox.place, rules: this.#rules.length });
    this.#loops = Promise.all([this.#receive(), this.#tick(), this.#watchBacklog()]);
  }

  /** Lets texts that are being sent end, gives back what is not told, and resolves when nothing of it runs any more. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#deliveries.end(Promise.all(this.#sending));
    await this.#loops;
    await this.#save();
    const back = [...this.#held.values()].flatMap(({ message }) => (message ? [this.#inbox.abandon(message)] : []));
    await Promise.allSettled(back);
    await this.#inbox.close();
    this.#options.log({ fact: 'notifier-stopped' });
  }

  async #receive(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock } = this.#options;
    while (!signal.aborted) {
      const room = HELD_MAX - this.#held.size;
      if (room <= 0) {
        await pause(clock, TICK_MS, signal);
        continue;
      }
      const asked = Math.min(RECEIVE_MAX, room);
      const messages = await this.#inbox.receive(asked, signal);
      for (const message of messages ?? []) {
        if (signal.aborted) await this.#settle('', () => this.#inbox.abandon(message));
        else await this.#take(message);
      }
      if (messages && messages.length < asked) this.#hasCaughtUp = true;
    }
  }

  async #take(message: Received): Promise<void> {
    const { clock, log } = this.#options;
    this.#locks.note(message);
    const read = readOutcome(message);
    if (read.kind === 'invalid') {
      log({ fact: 'notify-unreadable', reason: read.reason });
      return this.#settle('', () => this.#inbox.deadLetter(message, { reason: NO_EVENT, description: read.reason }));
    }
    const { event } = read;
    const key = requestKey(event);
    const known = this.#held.get(key);
    if (known) {
      // Its lock had ended, or it was sent twice: one of them is told, and both are settled in the end.
      known.message = message;
      return;
    }
    const interruption = this.#state.note(event);
    if (interruption > 0) await this.#save();
    const rules = this.#rules.filter(
      ({ rule, name }) => matches(rule, event, interruption) && !this.#state.isSent(name, key),
    );
    if (rules.length === 0) return this.#settle(event.data.model, () => this.#inbox.complete(message));
    const held: HeldEvent = { key, event, message, pending: new Set(rules.map(({ name }) => name)), failures: [] };
    this.#held.set(key, held);
    for (const named of rules) this.#groups.add(named, held, clock.wallMs());
  }

  async #tick(): Promise<void> {
    const { signal } = this.#stopping;
    const { clock } = this.#options;
    let savedAtMs = clock.monotonicMs();
    while (!signal.aborted) {
      const due = this.#groups.takeDue({
        nowMs: clock.wallMs(),
        sentAtMs: (rule, model) => this.#state.sentAtMs(rule, model),
        isBusy: (rule, model) => this.#busy.has(`${rule} ${model}`),
        isFull: this.#held.size >= HELD_MAX,
        most: DELIVERIES_MAX - this.#sending.size,
      });
      for (const group of due) this.#begin(group);
      this.#locks.renew([...this.#held.values()]);
      if (this.#state.isDirty && clock.monotonicMs() - savedAtMs >= SAVE_MS) {
        savedAtMs = clock.monotonicMs();
        await this.#save();
      }
      await pause(clock, TICK_MS, signal);
    }
  }

  #begin(group: Group): void {
    const busy = `${group.name} ${group.model}`;
    this.#busy.add(busy);
    const sending = this.#tell(group).finally(() => {
      this.#busy.delete(busy);
      this.#sending.delete(sending);
    });
    this.#sending.add(sending);
  }

  async #tell({ name, rule, model, events }: Group): Promise<void> {
    const { replayOptions = [], clock, log } = this.#options;
    const told = events.map(({ event }) => event);
    const notification = notificationOf(told, { rule: name, model, replayOptions });
    const end = await this.#deliveries.deliver(notification, rule);
    // It is told when the notifier runs again.
    if (end.kind === 'stopped') return;
    if (end.kind === 'told') {
      log({ fact: 'notified', rule: name, model, events: events.length });
      this.#state.noteSent(name, { model, keys: events.map(({ key }) => key), atMs: clock.wallMs() });
      await this.#save();
    }
    for (const held of events) {
      held.pending.delete(name);
      if (end.kind === 'failed') held.failures.push(`${name}: ${end.reason}`);
      if (held.pending.size === 0) await this.#finish(held);
    }
  }

  async #finish({ key, event, message, failures }: HeldEvent): Promise<void> {
    const { model } = event.data;
    this.#held.delete(key);
    // It is delivered again, and recognised.
    if (!message) return;
    const [reason] = failures;
    if (reason === undefined) return this.#settle(model, () => this.#inbox.complete(message));
    const description = failures.join('; ');
    await this.#settle(model, async () => {
      await this.#inbox.deadLetter(message, { reason: NOT_TOLD, description });
      this.#options.log({ fact: 'notify-given-up', model, id: event.id, reason: description });
    });
  }

  async #settle(model: string, settle: () => Promise<void>): Promise<void> {
    try {
      await settle();
    } catch (error) {
      this.#options.log({ fact: 'notify-unsettled', model, reason: textOf(error) });
    }
  }

  async #save(): Promise<void> {
    try {
      await this.#state.save(this.#options.clock.wallMs());
    } catch (error) {
      this.#options.log({ fact: 'notify-state-unkept', reason: textOf(error) });
    }
  }

  async #watchBacklog(): Promise<void> {
    const { clock, log, requests = DEFAULT_QUEUE } = this.#options;
    const { signal } = this.#stopping;
    const limits = this.#rules.flatMap((named) =>
      named.rule.on.flatMap((what) =>
        typeof what === 'object' && 'backlogAge' in what ? [{ ...named, limitMs: what.backlogAge }] : [],
      ),
    );
    if (limits.length === 0) return;
    const shortest = Math.min(...limits.map(({ limitMs }) => limitMs));
    const lookMs = Math.min(BACKLOG_LOOK_MAX_MS, Math.max(BACKLOG_LOOK_MIN_MS, shortest / 4));
    while (!signal.aborted) {
      await pause(clock, lookMs, signal);
      if (signal.aborted) return;
      if (!this.#hasCaughtUp) continue;
      try {
        const nowMs = clock.wallMs();
        const isRunning = (key: string, model: string): boolean => this.#state.isRunning(key, model);
        const models = await this.#inbox.browse(requests, (receiver) => backlogOf(receiver, { nowMs, isRunning }));
        for (const backlog of models) for (const limit of limits) await this.#tellBacklog(backlog, limit, nowMs);
      } catch (error) {
        log({ fact: 'backlog-unseen', reason: textOf(error) });
      }
    }
  }

  /** Told when it begins, and again as long as it lasts, after `every` or the age itself, whichever is longer. */
  async #tellBacklog(backlog: ModelBacklog, limit: NamedRule & { limitMs: number }, nowMs: number): Promise<void> {
    const { clock, log, requests = DEFAULT_QUEUE } = this.#options;
    const { name, rule, limitMs } = limit;
    const { model, oldestSinceMs } = backlog;
    if (nowMs - oldestSinceMs <= limitMs || (rule.models && !rule.models.includes(model))) return;
    const told = `${name}#backlog-${limitMs}`;
    const toldAtMs = this.#state.sentAtMs(told, model) ?? -Infinity;
    if (toldAtMs <= nowMs && nowMs - toldAtMs < Math.max(rule.every, limitMs)) return;
    const notification = backlogNotification(backlog, { rule: name, queue: requests, limitMs, nowMs });
    const end = await this.#deliveries.deliver(notification, rule);
    if (end.kind !== 'told') return;
    log({ fact: 'notified', rule: name, model, events: 1 });
    this.#state.noteSent(told, { model, keys: [], atMs: clock.wallMs() });
    await this.#save();
  }
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}
