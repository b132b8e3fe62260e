import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { notifySettingsSchema, ruleName } from '../../../src/retraining/notify/notify-settings.ts';

const webhook = { url: 'https://hooks.example.net/x' };

test('a rule is read with its defaults, spans become milliseconds', () => {
  const [rule] = notifySettingsSchema.parse([
    { on: ['dead-lettered', { interrupted: 3 }, { backlogAge: '1h' }], models: ['births'], webhook, every: '15m' },
  ]);
  assert.deepEqual(rule, {
    on: ['dead-lettered', { interrupted: 3 }, { backlogAge: 3_600_000 }],
    models: ['births'],
    webhook: { ...webhook, headers: {} },
    env: {},
    timeout: 10_000,
    tries: 10,
    every: 900_000,
    groupFor: 10_000,
  });
  assert.deepEqual([ruleName({ name: 'on-call' }, 0), ruleName({}, 1)], ['on-call', 'rule-2']);
});

test('what cannot work is refused with its place', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ on: ['dead-lettered'] }, /exactly one of webhook and command/],
    [{ on: ['dead-lettered'], webhook, command: ['true'] }, /exactly one of webhook and command/],
    [{ on: [], webhook }, /on/],
    [{ on: ['dead'], webhook }, /on/],
    [{ on: ['failed'], webhook: { url: 'ftp://x' } }, /https:\/\//],
    [{ on: ['failed'], webhook: { ...webhook, headers: { Host: 'x' } } }, /set by retrain/],
    [{ on: ['failed'], webhook, every: '2d' }, /at most 1d/],
    [{ on: ['failed'], webhook, timeout: '0s' }, /more than 0/],
    [{ on: ['failed'], webhook, model: 'births' }, /model/],
  ];
  for (const [rule, reason] of refused) {
    const { success, error } = notifySettingsSchema.safeParse([rule]);
    assert.equal(success, false, JSON.stringify(rule));
    assert.match(error?.message ?? '', reason);
  }
  const twice = notifySettingsSchema.safeParse([
    { on: ['failed'], webhook },
    { name: 'rule-1', on: ['failed'], webhook },
  ]);
  assert.match(twice.error?.issues[0]?.message ?? '', /"rule-1" is there twice/);
});

test('every field is described for the published schema', () => {
  const schema = JSON.stringify(z.toJSONSchema(notifySettingsSchema, { target: 'draft-2020-12', io: 'input' }));
  for (const field of ['on', 'models', 'webhook', 'url', 'headers', 'secret', 'command', 'env', 'every', 'groupFor'])
    assert.ok(schema.includes(`"${field}":{`), field);
  assert.match(schema, /"default":"5m"/);
});
