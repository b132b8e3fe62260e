import type { MessageReader } from '../broker/index.ts';
import { factsOf } from './message-intake.ts';
import { overlayWith, propertiesOf } from './message-properties.ts';

/** Reads for the broker what it stores. */
export const storedMessages: MessageReader = { facts: factsOf, properties: propertiesOf, overlayWith };
