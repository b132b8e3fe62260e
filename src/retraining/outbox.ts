import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import type { Files } from '../runtime/files.ts';
import { diskError } from './disk-error.ts';
import type { RequestEvent } from './envelope.ts';
import { REQUESTED_TYPE } from './envelope.ts';
import { requestKey } from './identity.ts';
import { retrainRequestSchema } from './request.ts';

/** Requests that an outbox holds; a producer that outruns its broker by this many has another problem. */
export const OUTBOX_MAX = 10_000;
/** Requests that are put between two counts of the folder: counting thousands of files for each of thousands takes too long. */
const PUTS_PER_COUNT = 100;

const FORMAT = 1;
const NAME = /^[0-9]{15}-[A-Za-z0-9_-]{22}\.json$/;

const entrySchema = z.strictObject({
  format: z.literal(FORMAT),
  activeAtMs: z.number().optional(),
  messageId: z.string().min(1).optional(),
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
  /** Default: the event's id. */
  readonly messageId?: string | undefined;
}

/**
 * A folder of requests, one file each, in the order in which they were made. Several producers may share it, also of several
 * processes: a file is there whole or not at all, and one that two of them send is dropped once as a duplicate.
 */
export class Outbox {
  readonly folder: string;
  readonly #files: Files;
  /** Puts that need no further count. */
  #room = 0;

  constructor({ folder, files }: { folder: string; files: Files }) {
    this.folder = folder;
    this.#files = files;
  }

  /**
   * Resolves with the entry's name when it is durable. Raises `DISK_FULL` when folder or disk are full, `DISK_FAILED` when the
   * folder cannot be written to; then nothing of it is left.
   */
  async put({ event, activeAtMs, messageId }: OutboxEntry, nowMs: number): Promise<string> {
    const name = `${String(Math.max(0, Math.floor(nowMs))).padStart(15, '0')}-${requestKey(event)}.json`;
    const content = JSON.stringify({ format: FORMAT, activeAtMs, messageId, event });
    try {
      await this.#takeRoom();
      await this.#files.writeAtomic(join(this.folder, name), content);
    } catch (error) {
      throw diskError(error, { what: 'the request', where: `the outbox ${this.folder}` });
    }
    return name;
  }

  async names(): Promise<string[]> {
    return (await this.#files.list(this.folder)).filter((name) => NAME.test(name));
  }

  /** Names of the entries of one request. */
  async find(request: { source: string; id: string }): Promise<string[]> {
    const ending = `-${requestKey(request)}.json`;
    return (await this.names()).filter((name) => name.endsWith(ending));
  }

  /** Undefined when another producer has sent it meanwhile; raises `DATA_CORRUPT` when the file is not what `put` wrote. */
  async get(name: string): Promise<OutboxEntry | undefined> {
    const path = join(this.folder, name);
    const text = await this.#files.readText(path);
    if (text === undefined) return undefined;
    try {
      const { event, activeAtMs, messageId } = entrySchema.parse(JSON.parse(text));
      return { event, activeAtMs, messageId };
    } catch (error) {
      throw new RetrainError('DATA_CORRUPT', `${path} is not a request of an outbox: look at it, then remove it`, {
        cause: error,
      });
    }
  }

  async remove(name: string): Promise<void> {
    await this.#files.remove(join(this.folder, name));
  }

  async #takeRoom(): Promise<void> {
    if (this.#room === 0) {
      const held = (await this.names()).length;
      if (held >= OUTBOX_MAX)
        throw new RetrainError(
          'DISK_FULL',
          `the outbox ${this.folder} holds ${held} requests, the limit is ${OUTBOX_MAX}: get the broker to run, then flush`,
        );
      this.#room = Math.min(PUTS_PER_COUNT, OUTBOX_MAX - held);
    }
    this.#room--;
  }
}
