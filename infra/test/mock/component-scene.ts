import * as pulumi from '@pulumi/pulumi';
import { azureOutputs } from './azure-outputs';

/** A resource as the program registered it: what its provider would get, and what the engine would keep to. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly protect: boolean;
  /** Names of the resources that have to be there before it. */
  readonly after: readonly string[];
  /** Name of the component that it is a part of. */
  readonly parent: string | undefined;
  /** Whether a secret is among the inputs. */
  readonly secret: boolean;
}

interface Request {
  getType(): string;
  getName(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getProtect(): boolean;
  getDependenciesList(): string[];
  getParent(): string;
}

/** What marks a value with a meaning of its own on the wire, and the mark of a secret. */
const SIGNATURE = '4dabf18193072939515e22adb298388d';
const SECRET = '1b47061264138c4ac30d75fd1eb44270';
const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/group/providers';

/**
 * What `program` registers, on the SDK's mock monitor, whose mocks do not see options: they are read from the requests to it.
 * Once in a process.
 */
export async function registrationsOf(program: () => pulumi.ComponentResource): Promise<Registrations> {
  const seen: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      call: ({ inputs }) => inputs as Record<string, unknown>,
      newResource: ({ type, name, inputs }) => ({
        id: `${SUBSCRIPTION}/${type}/${name}`,
        state: { ...(inputs as Record<string, unknown>), name, ...azureOutputs(type, name) },
      }),
    },
    'retrain',
    'test',
  );
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource: (request: Request, callback: unknown) => unknown;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    seen.push(registered(request));
    return register(request, callback);
  };
  const component = program();
  await valueOf(component.urn);
  await pulumi.runtime.disconnect();
  return new Registrations(seen);
}

/** What an output comes to. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply((value) => {
      resolve(value);
    });
  });
}

function registered(request: Request): Registered {
  const object = request.getObject().toJavaScript();
  return {
    type: request.getType(),
    name: request.getName(),
    inputs: plain(object) as Record<string, unknown>,
    protect: request.getProtect(),
    after: request.getDependenciesList().map(nameOf),
    parent: request.getParent() === '' ? undefined : nameOf(request.getParent()),
    secret: JSON.stringify(object).includes(SECRET),
  };
}

/** Without the wrappings of secrets. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (SIGNATURE in value && value[SIGNATURE] === SECRET) return 'value' in value ? plain(value.value) : undefined;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf('::') + 2);
}

/** What was registered, by name. */
export class Registrations {
  readonly all: readonly Registered[];

  constructor(all: readonly Registered[]) {
    this.all = all;
  }

  /** @throws Error unless exactly one resource has the name */
  get(name: string): Registered {
    const found = this.all.filter((each) => each.name === name && !each.type.startsWith('retrain:'));
    const [only] = found;
    if (only === undefined || found.length > 1)
      throw new Error(`${found.length} resources are named ${name}; there are ${this.names().join(', ')}`);
    return only;
  }

  /** Of all resources, or of those of a type, in alphabetical order. */
  names(type?: string): readonly string[] {
    return this.all
      .filter((each) => (type === undefined ? !each.type.startsWith('retrain:') : each.type === type))
      .map(({ name }) => name)
      .sort();
  }
}
