import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import type { Files } from '../runtime/files.ts';
import type { RequestEvent } from './envelope.ts';
import { REQUESTED_TYPE } from './envelope.ts';
import { requestKey } from './identity.ts';
import { retrainRequestSchema } from './request.ts';

/** Requests that an outbox holds; a producer that outruns its broker by this many has another problem. */
export const OUTBOX_MAX = 10_000;

const FORMAT = 1;
const NAME = /^[0-9]{15}-[A-Za-z0-9_-]{22}\.json$/;

const entrySchema = z.strictObject({
  format: z.literal(FORMAT),
  activeAtMs: z.number().optional(),
  event: z.looseObject({
    id: z.string().min(1),
    source: z.string().min(1),
    type: z.literal(REQUESTED_TYPE),
    subject: z.string(),
    time: z.string(),
    data: retrainRequestSchema,
  }),
});

/** A request on disk that the broker has not accepted yet. */
export interface OutboxEntry {
  readonly event: RequestEvent;
  /** When it becomes active, wall-clock milliseconds; absent: at once. */
  readonly activeAtMs?: number | undefined;
}

/** A folder of requests, one file each, in the order in which they were made. Several producers may share it. */
export class Outbox {
  readonly #folder: string;
  readonly #files: Files;

  constructor({ folder, files }: { folder: string; files: Files }) {
    this.#folder = folder;
    this.#files = files;
  }

  /** Resolves with the entry's name when it is durable. */
  async put({ event, activeAtMs }: OutboxEntry, nowMs: number): Promise<string> {
    const held = (await this.names()).length;
    if (held >= OUTBOX_MAX)
      throw new RetrainError(
        'DISK_FULL',
        `the outbox ${this.#folder} holds ${held} requests, the limit is ${OUTBOX_MAX}: get the broker to run, then flush`,
      );
    const name = `${String(Math.max(0, Math.floor(nowMs))).padStart(15, '0')}-${requestKey(event)}.json`;
    await this.#files.writeAtomic(join(this.#folder, name), JSON.stringify({ format: FORMAT, activeAtMs, event }));
    return name;
  }

  async names(): Promise<string[]> {
    return (await this.#files.list(this.#folder)).filter((name) => NAME.test(name));
  }

  /** Undefined when another producer has sent it meanwhile; raises `DATA_CORRUPT` when the file is not what `put` wrote. */
  async get(name: string): Promise<OutboxEntry | undefined> {
    const path = join(this.#folder, name);
    const text = await this.#files.readText(path);
    if (text === undefined) return undefined;
    try {
      const { event, activeAtMs } = entrySchema.parse(JSON.parse(text));
      return { event, activeAtMs };
    } catch (error) {
      throw new RetrainError('DATA_CORRUPT', `${path} is not a request of an outbox: look at it, then remove it`, {
        cause: error,
      });
    }
  }

  async remove(name: string): Promise<void> {
    await this.#files.remove(join(this.#folder, name));
  }
}
