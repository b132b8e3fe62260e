import type { RuleProperties, ServiceBusAdministrationClient, WithResponse } from '@azure/service-bus';
import type { RuleDescription } from '../topology/index.ts';
import { ruleForClient, ruleOfClient } from './admin-rule.ts';

/** The rules of a subscription. */
export class AdminRules {
  readonly #admin: ServiceBusAdministrationClient;
  readonly #topic: string;
  readonly #subscription: string;

  /** Of a client of `withEntityAdmin`. */
  constructor(admin: ServiceBusAdministrationClient, { topic, name }: { topic: string; name: string }) {
    this.#admin = admin;
    this.#topic = topic;
    this.#subscription = name;
  }

  async list(): Promise<RuleDescription[]> {
    const rules: RuleDescription[] = [];
    for await (const rule of this.#admin.listRules(this.#topic, this.#subscription)) rules.push(ruleOfClient(rule));
    return rules;
  }

  async create(description: RuleDescription): Promise<void> {
    const { name, filter, action } = ruleForClient(description);
    await this.#admin.createRule(this.#topic, this.#subscription, name, filter, action);
  }

  async replace(description: RuleDescription): Promise<void> {
    const rule = ruleForClient(description) as WithResponse<RuleProperties>;
    await this.#admin.updateRule(this.#topic, this.#subscription, rule);
  }

  async delete(name: string): Promise<void> {
    await this.#admin.deleteRule(this.#topic, this.#subscription, name);
  }
}
