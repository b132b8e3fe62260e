import { RetrainError } from '../../errors.ts';
import { emptyLedger } from './ledger.ts';
import { LEDGER_VERSION, ledgerSchema } from './ledger-record.ts';
import type { Ledger } from './ledger-record.ts';

/**
 * The limit of a ledger, bytes. Service Bus allows a session state of one message (256 KiB on Standard); a quarter of it
 * keeps every write cheap. The worst case, in bytes of JSON, from the limits of ledger-record.ts:
 *
 * | part | bytes |
 * |---|---|
 * | requests of the run | 12,288 |
 * | pending events: 108 of 62 | 6,696 |
 * | metrics | 3,072 |
 * | artifact, and that of the previous champion | 8,192 |
 * | reason and notes, or reason and output | 3,072 |
 * | waiting: 128 of 152 (counts of 6 digits) | 19,456 |
 * | answered: 256 of 26 | 6,656 |
 * | model, owner, numbers, names of the fields | 1,500 |
 * | together | 60,932 |
 */
export const LEDGER_MAX_BYTES = 64 * 1024;

/** The ledger as the bytes of a session state: JSON in UTF-8. */
export function encodeLedger(ledger: Ledger): Buffer {
  const bytes = Buffer.from(JSON.stringify(ledger));
  if (bytes.length <= LEDGER_MAX_BYTES) return bytes;
  throw invalid(ledger.model, `takes ${bytes.length} bytes, over the limit of ${LEDGER_MAX_BYTES}`);
}

/**
 * Reads a session state. The official client parses JSON by itself, so that `state` may be bytes, text or an object;
 * no state at all is an empty ledger. Raises `LEDGER_INVALID`, also for a version that this release does not know: a ledger
 * that is not understood must not be overwritten.
 */
export function decodeLedger(state: unknown, model: string): Ledger {
  const value = parsed(state, model);
  if (value === undefined || value === null) return emptyLedger(model);
  const version = typeof value === 'object' && 'version' in value ? value.version : undefined;
  if (version !== LEDGER_VERSION)
    throw invalid(
      model,
      `has version ${JSON.stringify(version)?.slice(0, 20) ?? 'none'}, this release reads version ${LEDGER_VERSION}`,
    );
  const result = ledgerSchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(model, `is damaged: ${issue?.path.map(String).join('.') || 'the whole'}: ${issue?.message}`);
  }
  if (result.data.model !== model) throw invalid(model, `belongs to the model ${result.data.model}`);
  return result.data;
}

function parsed(state: unknown, model: string): unknown {
  const text = state instanceof Uint8Array ? Buffer.from(state).toString('utf8') : state;
  if (typeof text !== 'string') return text;
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RetrainError('LEDGER_INVALID', sentence(model, 'is not JSON'), { cause: error });
  }
}

function invalid(model: string, what: string): RetrainError {
  return new RetrainError('LEDGER_INVALID', sentence(model, what));
}

function sentence(model: string, what: string): string {
  return (
    `the ledger in the session state of ${model} ${what}: ` +
    'use the release that wrote it, or clear the session state to begin anew (attempts and answers are then forgotten)'
  );
}
