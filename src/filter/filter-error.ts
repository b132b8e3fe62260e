import { RetrainError } from '../errors.ts';

/**
 * A filter or an action cannot be evaluated for a message. The subscription decides what becomes of the message
 * (deadLetteringOnFilterEvaluationExceptions).
 */
export class FilterError extends RetrainError {
  constructor(message: string) {
    // Thousands of filters may fail for each message that comes: where in our code they did says nothing and would cost six times the rest.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      super('FILTER_FAILED', message);
    } finally {
      Error.stackTraceLimit = limit;
    }
  }
}
