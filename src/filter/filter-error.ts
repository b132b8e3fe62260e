import { RetrainError } from '../errors.ts';

/**
 * A filter or an action cannot be evaluated for a message. The subscription decides what becomes of the message
 * (deadLetteringOnFilterEvaluationExceptions).
 */
export class FilterError extends RetrainError {
  constructor(message: string) {
    super('FILTER_FAILED', message);
  }
}
