export { type AccessRight, type AccessRule, ROOT_RULE_NAME, rootRule } from './access-rule.ts';
export { LIMITS } from './limits.ts';
export { Server, type ServerOptions } from './server.ts';
export { startServer, type RunningServer, type StartOptions } from './start-server.ts';
export type { Transport, TransportListener } from './transport.ts';
