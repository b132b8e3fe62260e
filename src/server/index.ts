export { type AccessRight, type AccessRule, EMULATOR_KEY, ROOT_RULE_NAME, rootRule } from './access-rule.ts';
export { type AccessRuleSpec, parseAccessRuleFlag } from './access-rule-spec.ts';
export type { DeclaredEntities } from './declared-entities.ts';
export {
  SDKS,
  connectSettings,
  type ClientSettings,
  type ConnectSettings,
  type Sdk,
  type SdkSettings,
} from './connect-settings.ts';
export { LIMITS } from './limits.ts';
export type { EntityAdmin } from './entity-admin.ts';
export { parseTlsFlags, type TlsFlags } from './network/tls-flags.ts';
export type { TlsOptions } from './network/tls-identity.ts';
export type { QueueAdmin, QueueStatus } from './queue-admin.ts';
export { Server, type ServerOptions } from './server.ts';
export type { Auth } from './service.ts';
export { SETTINGS, SETTING_NAMES, type Setting, type SettingName, type Settings } from './settings.ts';
export { startServer, type AccessRuleInForce, type RunningServer, type StartOptions } from './start-server.ts';
export type { Transport, TransportListener } from './transport.ts';
