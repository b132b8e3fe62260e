import { join } from 'node:path';
import { z } from 'zod';
import type { Files } from '../../runtime/files.ts';
import { outcomeOf } from '../outcome.ts';
import type { OutcomeEvent } from '../outcome.ts';
import { requestKey } from '../identity.ts';

/** What was sent but perhaps not settled is remembered by so many rules and events; the oldest is forgotten. */
export const SENT_MAX = 5_000;
/** Interruptions that are remembered by their event, so that one that is delivered again counts as before. */
const COUNTED_MAX = 2_000;
/** Models that are remembered in each table. */
const MODELS_MAX = 2_000;
/** A text that was sent longer ago does not hold up the next. */
const SENT_AT_KEPT_MS = 86_400_000;
/** Bytes of the file. */
const STATE_MAX_BYTES = 16 * 1024 * 1024;
const FORMAT = 1;

const stateSchema = z.strictObject({
  format: z.literal(FORMAT),
  /** When a rule last told about a model, by rule and model. */
  sentAt: z.record(z.string(), z.number()),
  /** Rule and key of events that were sent. */
  sent: z.array(z.string()),
  /** Interruptions of a model since it was last answered. */
  interruptions: z.record(z.string(), z.number()),
  /** Key of an interruption's event, and which one it was. */
  counted: z.array(z.tuple([z.string(), z.number()])),
  /** Keys of the requests that a model's run has taken up. */
  running: z.record(z.string(), z.array(z.string())),
});

const ANSWERS: ReadonlySet<string> = new Set(['promoted', 'rejected', 'cancelled', 'deadlettered']);
const ENDS: ReadonlySet<string> = new Set([...ANSWERS, 'failed', 'interrupted']);

/** What a notifier must not forget when it ends: what it has told, and what it counts. Kept in a file, whole and durable. */
export class NotifyState {
  readonly #path: string;
  readonly #files: Files;
  readonly #sentAt = new Map<string, number>();
  readonly #sent = new Set<string>();
  readonly #interruptions = new Map<string, number>();
  readonly #counted = new Map<string, number>();
  readonly #running = new Map<string, string[]>();
  #writing: Promise<void> = Promise.resolve();
  #dirty = false;

  constructor({ folder, files }: { folder: string; files: Files }) {
    this.#path = join(folder, 'notify.json');
    this.#files = files;
  }

  get isDirty(): boolean {
    return this.#dirty;
  }

  /** A file that cannot be read is as none: then what was not settled is told once more. */
  async load(): Promise<void> {
    let state;
    try {
      state = stateSchema.parse(
        JSON.parse((await this.#files.readText(this.#path, { maxBytes: STATE_MAX_BYTES })) ?? ''),
      );
    } catch {
      return;
    }
    for (const [key, value] of Object.entries(state.sentAt)) this.#sentAt.set(key, value);
    for (const key of state.sent) this.#sent.add(key);
    for (const [key, value] of Object.entries(state.interruptions)) this.#interruptions.set(key, value);
    for (const [key, value] of state.counted) this.#counted.set(key, value);
    for (const [key, value] of Object.entries(state.running)) this.#running.set(key, value);
  }

  /** Resolves when everything that was noted before is durable. */
  save(nowMs: number): Promise<void> {
    const writing = this.#writing.then(async () => {
      if (!this.#dirty) return;
      this.#dirty = false;
      for (const [key, atMs] of this.#sentAt) if (nowMs - atMs > SENT_AT_KEPT_MS) this.#sentAt.delete(key);
      const state: z.output<typeof stateSchema> = {
        format: FORMAT,
        sentAt: Object.fromEntries(this.#sentAt),
        sent: [...this.#sent],
        interruptions: Object.fromEntries(this.#interruptions),
        counted: [...this.#counted],
        running: Object.fromEntries(this.#running),
      };
      try {
        await this.#files.writeAtomic(this.#path, JSON.stringify(state));
      } catch (error) {
        this.#dirty = true;
        throw error;
      }
    });
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  sentAtMs(rule: string, model: string): number | undefined {
    return this.#sentAt.get(`${rule} ${model}`);
  }

  noteSent(rule: string, { model, keys, atMs }: { model: string; keys: readonly string[]; atMs: number }): void {
    this.#dirty = true;
    bounded(this.#sentAt, MODELS_MAX).set(`${rule} ${model}`, atMs);
    for (const key of keys) this.#sent.add(`${rule} ${key}`);
    for (const key of this.#sent) {
      if (this.#sent.size <= SENT_MAX) break;
      this.#sent.delete(key);
    }
  }

  isSent(rule: string, key: string): boolean {
    return this.#sent.has(`${rule} ${key}`);
  }

  isRunning(key: string, model: string): boolean {
    return this.#running.get(model)?.includes(key) ?? false;
  }

  /** Takes an event into account; returns which interruption in a row it is, 0 when it is none. */
  note(event: OutcomeEvent): number {
    const outcome = outcomeOf(event);
    const { model, requests } = event.data;
    if (outcome === 'started' && requests) {
      bounded(this.#running, MODELS_MAX).set(model, requests.map(requestKey));
      this.#dirty = true;
    }
    if (ENDS.has(outcome) && this.#running.delete(model)) this.#dirty = true;
    if (ANSWERS.has(outcome) && this.#interruptions.delete(model)) this.#dirty = true;
    if (outcome !== 'interrupted') return 0;
    const key = requestKey(event);
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    const count = (this.#interruptions.get(model) ?? 0) + 1;
    bounded(this.#interruptions, MODELS_MAX).set(model, count);
    bounded(this.#counted, COUNTED_MAX).set(key, count);
    this.#dirty = true;
    return count;
  }
}

/** The same table with room for one more: the one that is there longest goes. */
function bounded<V>(table: Map<string, V>, most: number): Map<string, V> {
  const oldest = table.keys().next();
  if (table.size >= most && !oldest.done) table.delete(oldest.value);
  return table;
}
