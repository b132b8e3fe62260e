import { z } from 'zod';
import { SPAN_RULE, spanMs } from './span.ts';

/** A span of time in a configuration, such as `15m`; its output is milliseconds. */
export const durationSchema = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, { error: SPAN_RULE, abort: true })
  .transform((text, context) => {
    const ms = spanMs(text);
    if (ms !== undefined) return ms;
    context.issues.push({ code: 'custom', message: SPAN_RULE, input: text });
    return z.NEVER;
  });
