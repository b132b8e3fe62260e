import * as pulumi from '@pulumi/pulumi';
import { mockAzure } from '../mock/mock-azure';

/** A registration as it reaches the engine: what the mocks' callbacks are not told. */
export interface Registration {
  /** Type without `azure-native:`, and name. */
  readonly key: string;
  readonly type: string;
  readonly name: string;
  /** Keys of resources. */
  readonly parent: string | undefined;
  readonly dependencies: readonly string[];
  readonly protect: boolean;
  readonly deleteBeforeReplace: boolean;
  readonly retainOnDelete: boolean;
  readonly replaceOnChanges: readonly string[];
}

export interface Recording {
  readonly registrations: readonly Registration[];
  /** Outputs of components and of the stack by key, as on the wire. */
  readonly outputs: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  get(key: string): Registration;
}

/** What the recorder uses of a request, which the SDK generates from its protos. */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getDeletebeforereplace(): boolean;
  getRetainondelete(): boolean;
  getReplaceonchangesList(): readonly string[];
  getDependenciesList(): readonly string[];
}

interface OutputsRequest {
  getUrn(): string;
  getOutputs(): { toJavaScript(): Record<string, unknown> } | undefined;
}

type Call<R> = (request: R, callback: unknown) => unknown;

interface Monitor {
  registerResource: Call<Request>;
  registerResourceOutputs: Call<OutputsRequest>;
}

/** Runs the program of this folder under a root stack, as `pulumi up` does, and writes down what it registers. Once in a process. */
export async function record(stack: string, overrides: Readonly<Record<string, unknown>> = {}): Promise<Recording> {
  await mockAzure(stack, overrides);
  const registrations: Registration[] = [];
  const outputs = new Map<string, Record<string, unknown>>();
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResource = (request, callback) => {
    registrations.push(registrationOf(request));
    return register(request, callback);
  };
  monitor.registerResourceOutputs = (request, callback) => {
    outputs.set(keyOf(request.getUrn()), request.getOutputs()?.toJavaScript() ?? {});
    return registerOutputs(request, callback);
  };
  await pulumi.runtime.runInPulumiStack(async () => (await import('../../index.js')).default);
  await pulumi.runtime.disconnect();
  return {
    registrations,
    outputs,
    get(key) {
      const found = registrations.filter((one) => one.key === key);
      if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} resources are ${key}`);
      return found[0];
    },
  };
}

function registrationOf(request: Request): Registration {
  const [type, name] = [request.getType(), request.getName()];
  const parent = request.getParent();
  return {
    key: `${type.replace('azure-native:', '')} ${name}`,
    type,
    name,
    parent: parent === '' ? undefined : keyOf(parent),
    dependencies: request.getDependenciesList().map(keyOf).sort(),
    protect: request.getProtect(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    retainOnDelete: request.getRetainondelete(),
    replaceOnChanges: request.getReplaceonchangesList(),
  };
}

/** `servicebus:Queue requests` of urn:pulumi:stack::project::parent$azure-native:servicebus:Queue::requests. */
function keyOf(urn: string): string {
  const [, , types = '', name] = urn.split('::');
  return `${types.slice(types.lastIndexOf('$') + 1).replace('azure-native:', '')} ${name}`;
}

/** The mark of a secret among values on the wire (sdk/nodejs/runtime/rpc). */
export function isSecretOnWire(value: unknown): boolean {
  const marks = value as Record<string, unknown> | null;
  return (
    typeof marks === 'object' && marks?.['4dabf18193072939515e22adb298388d'] === '1b47061264138c4ac30d75fd1eb44270'
  );
}
