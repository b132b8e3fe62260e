import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMonitor, RetrainError } from '../../../src/index.ts';
import type { CreateMonitorOptions, RetrainRequestInput } from '../../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const MONITOR: CreateMonitorOptions['monitor'] = {
  name: 'mape',
  metric: 'mape',
  ratio: 1.5,
  baseline: 2,
  window: { count: 2 },
};
const day = (number: number): Date => new Date(Date.UTC(2026, 0, number));

test('a program gives observations one by one or many at a time, and what decays is sent; another process goes on', async (t) => {
  const folder = await temporaryFolder(t);
  const sent: RetrainRequestInput[] = [];
  const send = async (_: string, request: RetrainRequestInput): Promise<void> => void sent.push(request);
  const first = await createMonitor({ model: 'births', monitor: MONITOR, folder, send });
  await first.observe([
    { time: day(1), value: 2 },
    { time: '2026-01-02', value: 2 },
  ]);
  await first.observe({ time: day(3).getTime(), values: { mape: 5, other: 'text' } });
  const second = await createMonitor({ model: 'births', monitor: MONITOR, folder, send });
  await second.observe({ time: day(4), value: 5 });
  assert.deepEqual(
    sent.map(({ trigger }) => [trigger.observed, trigger.window?.from, trigger.window?.to]),
    [[5, day(3).toISOString(), day(4).toISOString()]],
  );
  assert.deepEqual([second.status.rows, second.status.requests], [4, 1]);
});

test('observations whose request could not be sent have not counted: given again, they ask again', async (t) => {
  const folder = await temporaryFolder(t);
  let refused = true;
  let sent = 0;
  const send = (): Promise<void> => {
    if (refused) return Promise.reject(new RetrainError('UNREACHABLE', 'nobody is there'));
    sent += 1;
    return Promise.resolve();
  };
  const monitor = await createMonitor({ model: 'births', monitor: MONITOR, folder, send });
  const bad = [1, 2].map((number) => ({ time: day(number), value: 5 }));
  await assert.rejects(monitor.observe(bad), { message: 'nobody is there' });
  refused = false;
  await monitor.observe(bad);
  assert.equal(sent, 1);
});

test('what is no observation, and settings that cannot be meant, are refused by their field', async (t) => {
  const folder = await temporaryFolder(t);
  const send = (): Promise<void> => Promise.resolve();
  const monitor = await createMonitor({ model: 'births', monitor: MONITOR, folder, send });
  await assert.rejects(monitor.observe({ time: 'soon', value: 1 }), {
    code: 'ARGUMENT_INVALID',
    message: /time is "soon"/,
  });
  await assert.rejects(monitor.observe({ time: day(1) }), { code: 'ARGUMENT_INVALID', message: /mape is missing/ });
  await assert.rejects(createMonitor({ model: 'births', monitor: { ...MONITOR, ratio: 1 }, folder, send }), {
    code: 'CONFIGURATION_INVALID',
    message: /^monitor\.ratio/,
  });
});
