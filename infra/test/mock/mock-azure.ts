import * as pulumi from '@pulumi/pulumi';
import { stackConfig } from '../stack-config';
import { azureOutputs } from './azure-outputs';

/** A resource as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface MockAzure {
  readonly resources: readonly Registered[];
  readonly calls: readonly { readonly token: string; readonly inputs: Readonly<Record<string, unknown>> }[];
  /** The only resource of a type, written `servicebus:Queue`, and name. */
  find(type: string, name: string): Registered;
  /** Names of resources of a type. */
  names(type: string): readonly string[];
}

const SUBSCRIPTION = '/subscriptions/11111111-2222-3333-4444-555555555555';

/**
 * Azure as far as the program looks at its answers: a resource is as it was asked for, with an id, and a name where it was left to the provider. What
 * was registered in a process cannot be taken back, so a test file mocks once and works with one stack.
 */
export async function mockAzure(stack: string, overrides: Readonly<Record<string, unknown>> = {}): Promise<MockAzure> {
  const resources: Registered[] = [];
  const calls: { token: string; inputs: Record<string, unknown> }[] = [];
  pulumi.runtime.setAllConfig(stackConfig(stack, overrides));
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        resources.push({ type, name, inputs: inputs as Record<string, unknown> });
        if (!custom) return { id: '', state: inputs as object };
        const own = nameOf(type, name, inputs as Record<string, unknown>);
        return { id: idOf(type, own), state: { ...(inputs as object), name: own, ...azureOutputs(type, own) } };
      },
      call({ token, inputs }) {
        calls.push({ token, inputs: inputs as Record<string, unknown> });
        return answerTo(token, inputs as Record<string, string>);
      },
    },
    'retrain',
    stack,
  );
  return {
    resources,
    calls,
    find(type, name) {
      const found = resources.filter((one) => one.type.endsWith(`:${type}`) && one.name === name);
      if (found.length !== 1 || found[0] === undefined)
        throw new Error(`${found.length} resources are ${type} ${name}`);
      return found[0];
    },
    names: (type) => resources.filter((one) => one.type.endsWith(`:${type}`)).map(({ name }) => name),
  };
}

/** The input that names a resource, as `queueName` of a Queue; without it the provider draws a suffix. */
function nameOf(type: string, name: string, inputs: Record<string, unknown>): string {
  const kind = type.slice(type.lastIndexOf(':') + 1);
  const property = kind.endsWith('AuthorizationRule')
    ? 'authorizationRuleName'
    : `${kind.charAt(0).toLowerCase()}${kind.slice(1)}Name`;
  const given = inputs[property];
  return typeof given === 'string' ? given : `${name}0123abcd`;
}

function idOf(type: string, name: string): string {
  if (type.endsWith(':ResourceGroup')) return `${SUBSCRIPTION}/resourceGroups/${name}`;
  return `${SUBSCRIPTION}/resourceGroups/group/providers/${type.split(':').slice(1).join('/')}/${name}`;
}

function answerTo(token: string, inputs: Record<string, string>): Record<string, unknown> {
  if (!/:list(Namespace|Queue)Keys$/.test(token)) throw new Error(`no answer to ${token} is known`);
  const { namespaceName, queueName, authorizationRuleName: rule } = inputs;
  const entity = queueName === undefined ? '' : `;EntityPath=${queueName}`;
  const primaryConnectionString = `Endpoint=sb://${namespaceName}.servicebus.windows.net/;SharedAccessKeyName=${rule};SharedAccessKey=key-of-${rule}${entity}`;
  return { keyName: rule, primaryConnectionString };
}

/** What an output becomes, and whether it is a secret. */
export async function settled(output: unknown): Promise<{ readonly value: unknown; readonly secret: boolean }> {
  const made = pulumi.output(output as pulumi.Input<string | boolean>);
  const value = await new Promise((resolve) => made.apply(resolve));
  return { value, secret: await pulumi.isSecret(made) };
}

/** The outputs of the program, run once in this process. */
export async function runProgram(): Promise<
  Readonly<Record<string, { readonly value: unknown; readonly secret: boolean }>>
> {
  const outputs = await import('../../index.js');
  const entries = Object.entries(outputs.default).map(async ([name, output]) => [name, await settled(output)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
