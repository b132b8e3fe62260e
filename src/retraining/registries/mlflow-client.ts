import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { checkedAnswer } from './mlflow-answer.ts';

/** Milliseconds for an answer; a file that is sent or fetched has longer. */
const ANSWER_MS = 30_000;
const FILE_MS = 3_600_000;
/** Tries of what can be repeated, and the pause before the second; it doubles. */
const TRIES_MAX = 4;
const PAUSE_MS = 500;
/** Characters of an answer that an error repeats. */
const QUOTED_MAX = 300;

export interface MlflowAccess {
  /** Address of the tracking server. */
  readonly trackingUri: string;
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export interface MlflowQuestion {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Under `/api/2.0/mlflow/`, such as `registered-models/get`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Asked twice, it would be done twice: then it is asked once. */
  readonly once?: true;
}

/** What a server without this flag does not do. */
const SERVES = 'the server must serve artifacts: --serve-artifacts';

const listSchema = z.object({
  files: z
    .array(z.object({ path: z.string(), is_dir: z.boolean().default(false), file_size: z.coerce.number().default(0) }))
    .default([]),
});

/** What the server calls what is not there. */
const MISSING_CODES = new Set(['RESOURCE_DOES_NOT_EXIST', 'NOT_FOUND']);

/**
 * MLflow's REST API over HTTP. What passes by itself (nobody answers, 429, 5xx) is asked again a few times. Raises
 * `UNREACHABLE`, `UNAUTHORIZED`, and `CONFIGURATION_INVALID` for whatever else the server refuses, with its own words.
 */
export class MlflowClient {
  readonly #access: MlflowAccess;
  readonly #clock: Clock;
  readonly #base: string;

  constructor(access: MlflowAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
    this.#base = access.trackingUri.replace(/\/+$/, '');
  }

  /** The answer's JSON; undefined when what was asked for does not exist. */
  async ask(question: MlflowQuestion): Promise<unknown> {
    const { method, path, query, body, once } = question;
    const url = `${this.#base}/api/2.0/mlflow/${path}${query ? `?${new URLSearchParams(query).toString()}` : ''}`;
    const init = {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    };
    const response = await this.#send(url, init, { limitMs: ANSWER_MS, tries: once ? 1 : TRIES_MAX });
    const text = await response.text();
    const answer = parsed(text);
    if (response.ok) return answer ?? {};
    if (response.status === 404 && MISSING_CODES.has(codeIn(answer))) return undefined;
    throw this.#refusal(response.status, `${method} ${path}`, text);
  }

  /** Stores a file's bytes under a path of the server's artifact store. */
  async putFile(path: string, open: () => AsyncIterable<Uint8Array>): Promise<void> {
    const response = await this.#send(
      this.#artifact(path),
      () => ({ method: 'PUT', body: ReadableStream.from(open()), duplex: 'half' }),
      { limitMs: FILE_MS, tries: TRIES_MAX },
    );
    if (response.status !== 400) return this.#checkArtifact(response, `PUT ${path}`);
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `MLflow takes no file of the name ${path} (${(await response.text()).slice(0, QUOTED_MAX)}): have the trainer name it otherwise`,
    );
  }

  /** Undefined when there is no such file. */
  async getFile(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const response = await this.#send(this.#artifact(path), {}, { limitMs: FILE_MS, tries: TRIES_MAX });
    // A store on a disk of the server says 500 for what is not there.
    if (response.status === 404 || response.status === 500) {
      await response.body?.cancel();
      if (response.status === 404 || !(await this.#isListed(path))) return undefined;
    }
    if (!response.ok) await this.#checkArtifact(response, `GET ${path}`);
    return (response.body ?? []) as unknown as AsyncIterable<Uint8Array>;
  }

  /** Names and sizes of what is directly in a folder of the artifact store; a folder has no size. */
  async listFiles(folder: string): Promise<{ readonly path: string; readonly bytes: number | undefined }[]> {
    const url = `${this.#base}/api/2.0/mlflow-artifacts/artifacts?${new URLSearchParams({ path: folder }).toString()}`;
    const response = await this.#send(url, {}, { limitMs: ANSWER_MS, tries: TRIES_MAX });
    if (response.status === 404) return [];
    const text = await response.text();
    if (!response.ok) throw this.#refusal(response.status, `a list of ${folder} (${SERVES})`, text);
    const { files } = checkedAnswer(listSchema, parsed(text), `a list of ${folder}`);
    return files.map(({ path, is_dir: isFolder, file_size: bytes }) => ({
      path: path.slice(path.lastIndexOf('/') + 1),
      bytes: isFolder ? undefined : bytes,
    }));
  }

  /** Removes a file or a folder; nothing there is fine. */
  async removeFile(path: string): Promise<void> {
    const response = await this.#send(
      this.#artifact(path),
      { method: 'DELETE' },
      { limitMs: ANSWER_MS, tries: TRIES_MAX },
    );
    if (response.status !== 404) await this.#checkArtifact(response, `DELETE ${path}`);
  }

  async #isListed(path: string): Promise<boolean> {
    const cut = path.lastIndexOf('/');
    return (await this.listFiles(path.slice(0, cut))).some((file) => file.path === path.slice(cut + 1));
  }

  async #checkArtifact(response: Response, what: string): Promise<void> {
    const text = response.ok ? '' : await response.text();
    if (response.ok) await response.body?.cancel();
    else throw this.#refusal(response.status, `${what} (${SERVES})`, text);
  }

  async #send(
    url: string,
    init: RequestInit | (() => RequestInit & { duplex?: 'half' }),
    { limitMs, tries: most }: { limitMs: number; tries: number },
  ): Promise<Response> {
    for (let tries = 1; ; tries++) {
      const given = typeof init === 'function' ? init() : init;
      const headers = { ...(given.headers as Record<string, string> | undefined), ...this.#authorization() };
      try {
        const response = await fetch(url, { ...given, headers, signal: AbortSignal.timeout(limitMs) });
        const passing = response.status === 429 || response.status > 500;
        if (!passing || tries >= most) return response;
        await response.body?.cancel();
      } catch (error) {
        if (tries >= most)
          throw new RetrainError(
            'UNREACHABLE',
            `MLflow at ${this.#base} does not answer (${reasonOf(error)}): check registry.mlflow.trackingUri, or try again later`,
            { cause: error },
          );
      }
      await pause(this.#clock, PAUSE_MS * 2 ** (tries - 1));
    }
  }

  #artifact(path: string): string {
    return `${this.#base}/api/2.0/mlflow-artifacts/artifacts/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  #authorization(): Record<string, string> {
    const { token, username, password = '' } = this.#access;
    if (token !== undefined) return { authorization: `Bearer ${token}` };
    if (username === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  }

  #refusal(status: number, what: string, text: string): RetrainError {
    const said = text.replace(/\s+/g, ' ').slice(0, QUOTED_MAX);
    const where = `MLflow at ${this.#base}`;
    if (status === 401 || status === 403)
      return new RetrainError('UNAUTHORIZED', `${where} refuses us (${status}): check token or username and password`);
    if (status === 429 || status >= 500)
      return new RetrainError('UNREACHABLE', `${where} fails at ${what} (${status}: ${said}): try again later`);
    return new RetrainError('CONFIGURATION_INVALID', `${where} refuses ${what} (${status}: ${said})`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeIn(answer: unknown): string {
  const code = typeof answer === 'object' && answer !== null && 'error_code' in answer ? answer.error_code : undefined;
  return typeof code === 'string' ? code : '';
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message ?? 'no reason given';
}
