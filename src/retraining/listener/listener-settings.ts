import { z } from 'zod';

/** A token is a secret: a short one can be guessed. Characters. */
export const TOKEN_MIN_LENGTH = 16;
const TOKEN_MAX_LENGTH = 512;
/** Tokens at once: enough to change each client's in its turn. */
const TOKENS_MAX = 100;
const HOST_MAX_LENGTH = 255;

/** The form of a bearer token (RFC 6750, section 2.1). */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Section `listen` of the configuration: where requests, observations and probes come in by HTTP. */
export const listenerSettingsSchema = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .max(HOST_MAX_LENGTH)
      .default('127.0.0.1')
      .describe('Address to listen on. Beyond this machine (0.0.0.0, ::, an address of its own) only with tokens.'),
    port: z.int().min(0).max(65_535).default(8080).describe('Port to listen on; 0 takes a free one.'),
    tokens: z
      .array(
        z
          .string()
          .min(TOKEN_MIN_LENGTH)
          .max(TOKEN_MAX_LENGTH)
          .regex(BEARER_TOKEN, { error: 'use letters, digits and . _ ~ + / - as in a bearer token' }),
      )
      .max(TOKENS_MAX)
      .default([])
      .describe(
        'Bearer tokens, each of which opens /v1; usually ${NAME}. Without any, whoever is on this machine may ask. ' +
          'Several at once let them be changed without a gap.',
      ),
  })
  .describe("retrain's own HTTP listener: POST /v1/requests, POST /v1/observations, /livez, /readyz, /metrics.");

export type ListenerSettings = z.output<typeof listenerSettingsSchema>;
