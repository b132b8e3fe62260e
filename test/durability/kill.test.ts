import { test } from 'node:test';
import { killRounds } from './kill-rounds.ts';

test('ten times kill -9 of the broker under the official client: what was acknowledged is there, what was completed is not', () =>
  killRounds(10));
