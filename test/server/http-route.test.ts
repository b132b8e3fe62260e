import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpRouteOf } from '../../src/server/http-route.ts';

const CASES: readonly (readonly [target: string, route: string])[] = [
  ['/q?api-version=2021-05', 'atom'],
  ['/q?api-version=2017-04', 'atom'],
  ['/q?api-version=2024-05', 'atom'],
  ['/q?enrich=false&Api-Version=2021-05', 'atom'],
  ['/health?api-version=2021-05', 'atom'],
  ['/metrics?api-version=2017-04', 'atom'],
  ['/api/v1?api-version=2017-04', 'atom'],
  ['/subscriptions/s?api-version=2021-05', 'atom'],
  ['/providers?api-version=2021-05', 'atom'],
  ['/$Resources/queues?api-version=2021-05&$skip=0', 'atom'],
  ['http://localhost:5300/q?api-version=2021-05', 'atom'],
  ['/subscriptions/1/resourceGroups/g?api-version=2024-01-01', 'resource-manager'],
  ['/subscriptions?api-version=2022-12-01', 'resource-manager'],
  ['/providers/Microsoft.ServiceBus/operations?api-version=2022-10-01-preview', 'resource-manager'],
  ['/subscriptionsmore/1?api-version=2024-01-01', 'unknown-version'],
  ['/q?api-version=2024-01-01', 'unknown-version'],
  ['/q?api-version=', 'unknown-version'],
  ['/health?api-version=2015-01', 'unknown-version'],
  ['/health', 'health'],
  ['/health?verbose', 'health'],
  ['/livez', 'liveness'],
  ['/readyz', 'readiness'],
  ['/metrics', 'metrics'],
  ['/api/queues', 'api'],
  ['/api', 'nothing'],
  ['/health/', 'nothing'],
  ['/Health', 'nothing'],
  ['/subscriptions/1', 'resource-manager'],
  ['/subscriptions/1?api-version=latest', 'resource-manager'],
  ['/subscriptionsmore/1', 'nothing'],
  ['/', 'nothing'],
  ['', 'nothing'],
  ['*', 'nothing'],
  ['?', 'nothing'],
  ['/%', 'nothing'],
  ['/$servicebus/websocket', 'websocket'],
  ['/$servicebus/websocket/', 'websocket'],
  ['/%24servicebus/websocket', 'websocket'],
  ['/$ServiceBus/WebSocket', 'websocket'],
  ['/$servicebus/websocket?api-version=2020-02', 'websocket'],
  ['/$servicebus/websocket?api-version=2021-05', 'websocket'],
  ['/$servicebus/websockets', 'nothing'],
];

test('api-version decides whom a request is for, then the path', () => {
  for (const [target, route] of CASES) assert.equal(httpRouteOf(target), route, target);
});
