import * as grpc from '@grpc/grpc-js';
import { ResourceMonitorService } from '@pulumi/pulumi/proto/resource_grpc_pb';
import type { IResourceMonitorServer } from '@pulumi/pulumi/proto/resource_grpc_pb';
import * as messages from '@pulumi/pulumi/proto/resource_pb';
import { InvokeResponse } from '@pulumi/pulumi/proto/provider_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import { Struct } from 'google-protobuf/google/protobuf/struct_pb';
import type { Provider } from './azure-provider';
import { registrationOf, urnOf } from './registration';
import type { Registration } from './registration';
import type { StackConfiguration } from './stack-configuration';
import { isSecret, revealedObject, secret } from './wire';
import type { Wire, WireObject } from './wire';

/** What the SDK asks for, and gets because this monitor does it; transforms and hooks it does not. */
const FEATURES: ReadonlySet<string> = new Set([
  'secrets',
  'resourceReferences',
  'outputValues',
  'deletedWith',
  'replaceWith',
  'aliasSpecs',
  'parameterization',
]);

/**
 * The CLI's monitor answers so when it gives up, and prints the reason itself; the program then ends, without an error of its own. With any other
 * code the SDK goes on for a minute.
 */
const ENDING: Partial<grpc.ServiceError> = {
  code: grpc.status.UNAVAILABLE,
  details: 'resource monitor is terminating',
};

export interface MonitorOptions {
  readonly stack: string;
  readonly configuration: StackConfiguration;
  /** A preview: nothing is made, and what only Azure can tell is unknown. */
  readonly dryRun: boolean;
  readonly provider: Provider;
  /** The reason why a registration fails; undefined: it does not. */
  readonly failure?: ((registration: Registration) => string | undefined) | undefined;
}

export interface Invocation {
  readonly token: string;
  readonly args: WireObject;
}

/** Takes the registrations of a program and remembers them. It has no state, no diff and no deletions. */
export class ResourceMonitor {
  readonly registrations: Registration[] = [];
  readonly invocations: Invocation[] = [];
  /** Why registrations and invokes failed, as the CLI would print it. */
  readonly failures: string[] = [];
  /** By URN, what components and the stack have registered as their outputs. */
  readonly outputs = new Map<string, WireObject>();
  readonly #options: MonitorOptions;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  addTo(server: grpc.Server): void {
    const implementation: IResourceMonitorServer = {
      supportsFeature: (call, callback) => {
        const response = new messages.SupportsFeatureResponse();
        response.setHassupport(FEATURES.has(call.request.getId()));
        callback(null, response);
      },
      getDeploymentInfo: (_call, callback) => callback(null, this.#deploymentInfo()),
      registerResource: this.#answering((request) => this.#register(request)),
      registerResourceOutputs: this.#answering((request) => {
        this.outputs.set(request.getUrn(), objectOf(request.getOutputs()));
        return Promise.resolve(new Empty());
      }),
      invoke: this.#answering((request) => this.#invoke(request)),
      registerPackage: (call, callback) => {
        const response = new messages.RegisterPackageResponse();
        response.setRef(`${call.request.getName()}@${call.request.getVersion()}`);
        callback(null, response);
      },
      signalAndWaitForShutdown: (_call, callback) => callback(null, new Empty()),
      call: unimplemented('Call'),
      readResource: unimplemented('ReadResource'),
      registerStackTransform: unimplemented('RegisterStackTransform'),
      registerStackInvokeTransform: unimplemented('RegisterStackInvokeTransform'),
      registerResourceHook: unimplemented('RegisterResourceHook'),
      registerErrorHook: unimplemented('RegisterErrorHook'),
    };
    server.addService(ResourceMonitorService, implementation);
  }

  async #register(request: messages.RegisterResourceRequest): Promise<messages.RegisterResourceResponse> {
    const { configuration, stack, dryRun, failure, provider } = this.#options;
    const urn = urnOf(request, configuration.project, stack);
    const inputs = objectOf(request.getObject());
    if (this.registrations.some((other) => other.urn === urn)) throw new Error(`Duplicate resource URN '${urn}'`);

    const response = new messages.RegisterResourceResponse();
    response.setUrn(urn);
    const registration = registrationOf(request, urn, inputs);
    const reason = failure?.(registration);
    if (reason !== undefined) throw new Error(reason);
    if (!request.getCustom()) {
      this.registrations.push(registration);
      return response;
    }

    const asked = { type: registration.type, name: registration.name, urn, inputs };
    const checked = withSecretsOf(inputs, provider.check({ ...asked, inputs: revealedObject(inputs) }));
    if (dryRun) {
      this.registrations.push({ ...registration, inputs: checked, state: checked });
      response.setObject(Struct.fromJavaScript(checked));
      return response;
    }
    const { id, outputs } = await provider.create({ ...asked, inputs: revealedObject(checked) });
    const state = withSecretsOf(inputs, outputs);
    this.registrations.push({ ...registration, inputs: checked, state });
    response.setId(id);
    response.setObject(Struct.fromJavaScript(state));
    return response;
  }

  async #invoke(request: messages.ResourceInvokeRequest): Promise<InvokeResponse> {
    const invocation = { token: request.getTok(), args: objectOf(request.getArgs()) };
    this.invocations.push(invocation);
    const result = await this.#options.provider.invoke(invocation.token, revealedObject(invocation.args));
    const response = new InvokeResponse();
    response.setReturn(Struct.fromJavaScript(result));
    return response;
  }

  /** After a failure nothing more is taken, as the CLI does when a resource cannot be made. */
  #answering<Request, Response>(
    work: (request: Request) => Promise<Response>,
  ): grpc.handleUnaryCall<Request, Response> {
    const answer = async (
      { request }: grpc.ServerUnaryCall<Request, Response>,
      callback: grpc.sendUnaryData<Response>,
    ): Promise<void> => {
      if (this.failures.length > 0) return callback(ENDING);
      let response: Response;
      try {
        response = await work(request);
      } catch (error) {
        this.failures.push((error as Error).message);
        return callback(ENDING);
      }
      callback(null, response);
    };
    return (call, callback) => void answer(call, callback);
  }

  #deploymentInfo(): messages.DeploymentInfo {
    const { configuration, stack, dryRun } = this.#options;
    const info = new messages.DeploymentInfo();
    info.setProject(configuration.project);
    info.setStack(stack);
    info.setDryrun(dryRun);
    info.setConfigsecretkeysList([...configuration.secretKeys]);
    for (const [key, value] of configuration.values) info.getConfigMap().set(key, value);
    return info;
  }
}

/** A provider keeps secret what it got as a secret. */
function withSecretsOf(inputs: WireObject, outputs: WireObject): WireObject {
  const entries = Object.entries(outputs).map(([key, value]): [string, Wire] => {
    const input = inputs[key];
    return [key, input !== undefined && isSecret(input) ? secret(value) : (nestedSecrets(input, value) ?? value)];
  });
  return Object.fromEntries(entries);
}

function nestedSecrets(input: Wire | undefined, value: Wire): Wire | undefined {
  if (input === undefined || input === null || typeof input !== 'object') return undefined;
  if (value === null || typeof value !== 'object' || Array.isArray(input) !== Array.isArray(value)) return undefined;
  const merged = withSecretsOf(byKey(input), byKey(value));
  return Array.isArray(value) ? Object.values(merged) : merged;
}

/** An array by its indices. */
function byKey(value: Wire[] | WireObject): WireObject {
  return Object.fromEntries(Object.entries(value));
}

function objectOf(struct: Struct | undefined): WireObject {
  return struct?.toJavaScript() ?? {};
}

function unimplemented(method: string): grpc.handleUnaryCall<unknown, never> {
  return (_call, callback) =>
    callback({ code: grpc.status.UNIMPLEMENTED, details: `the test engine has no ${method}` });
}
