/** Where AMQP is spoken over WebSockets (service-bus-protocol.md §1.1). */
export const WEBSOCKET_PATH = '/$servicebus/websocket';
/** Where figures for Prometheus are to be. */
export const METRICS_PATH = '/metrics';
/** What begins with it is ours: no queue's path without `api-version` can collide with it. */
export const API_PREFIX = '/api/';
