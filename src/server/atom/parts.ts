import type { EntityAdmin } from '../entity-admin.ts';
import type { EntityAccess } from '../entity-access.ts';
import type { Service } from '../service.ts';

/** What the admin API works on. */
export interface AtomParts {
  readonly service: Service;
  readonly admin: EntityAdmin;
  readonly access: EntityAccess;
  /** Wall clock. */
  readonly startedMs: number;
}
