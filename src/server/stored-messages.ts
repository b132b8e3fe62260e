import type { MessageReader } from '../broker/index.ts';
import { FilterError } from '../filter/index.ts';
import { factsOf } from './message-intake.ts';

/** Reads for the broker what it stores. */
export const storedMessages: MessageReader = {
  facts: (bytes) => factsOf(bytes),
  properties: () => {
    throw new FilterError('properties cannot be read yet');
  },
  overlayWith: () => {
    throw new FilterError('properties cannot be changed yet');
  },
};
