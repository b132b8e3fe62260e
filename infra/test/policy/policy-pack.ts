import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { AnalyzerClient } from '@pulumi/pulumi/proto/analyzer_grpc_pb';
import * as messages from '@pulumi/pulumi/proto/analyzer_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import { Struct } from 'google-protobuf/google/protobuf/struct_pb';
import { PROGRAM_FOLDER } from '../engine/run-program';
import type { WireObject } from '../engine/wire';

const PACK_FOLDER = join(PROGRAM_FOLDER, 'policy');
const END_WITH_PARENT = require.resolve('../engine/end-with-parent');
/** The pack is compiled, with its types checked, before it listens. */
const START_LIMIT_MS = 120_000;
const CALL_LIMIT_MS = 30_000;

/** A resource as the policies see it. */
export interface AnalyzedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly protect: boolean;
  readonly inputs: WireObject;
  /** What the policies of the whole stack see: with what Azure has added. */
  readonly outputs: WireObject;
  readonly dependencies: readonly string[];
  readonly propertyDependencies: ReadonlyMap<string, readonly string[]>;
}

export interface Verdict {
  /** `policy: message`, each once, in order. */
  readonly violations: readonly string[];
  /** Policies that said so by themselves, with the reason. */
  readonly notApplicable: ReadonlyMap<string, string>;
}

export interface AnalysisOptions {
  /** Tags of the stack, as `pulumi stack tag set`. */
  readonly stackTags?: Readonly<Record<string, string>>;
  /** By policy, as in the file of `--policy-pack-config`. */
  readonly configuration?: Readonly<Record<string, WireObject>>;
}

/** The policy pack in a process of its own, started by the SDK's launcher as `--policy-pack` does. */
export class PolicyPackProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #client: AnalyzerClient;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#client = new AnalyzerClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  }

  static async start(): Promise<PolicyPackProcess> {
    const launcher = join(
      dirname(require.resolve('@pulumi/pulumi/package.json')),
      'cmd',
      'run-policy-pack',
      'index.js',
    );
    // The launcher wants an engine's address, and has no use for one.
    const child = spawn(process.execPath, ['-r', END_WITH_PARENT, launcher, '127.0.0.1:0', PACK_FOLDER], {
      cwd: PACK_FOLDER,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    try {
      return new PolicyPackProcess(child, await portOf(child));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async info(): Promise<messages.AnalyzerInfo.AsObject> {
    const info = await answer<messages.AnalyzerInfo>((callback) =>
      this.#client.getAnalyzerInfo(new Empty(), new grpc.Metadata(), callOptions(), callback),
    );
    return info.toObject();
  }

  /** What the pack says to a whole plan: to each resource by itself, then to the stack. */
  async analyze(resources: readonly AnalyzedResource[], options: AnalysisOptions = {}): Promise<Verdict> {
    await this.#configure(options);
    const responses: messages.AnalyzeResponse[] = [];
    for (const resource of resources.filter(({ type }) => type.startsWith('azure-native:')))
      responses.push(
        await answer<messages.AnalyzeResponse>((callback) =>
          this.#client.analyze(analyzeRequest(resource), new grpc.Metadata(), callOptions(), callback),
        ),
      );
    const stack = new messages.AnalyzeStackRequest();
    stack.setResourcesList(resources.map(stackResource));
    const response = await answer<messages.AnalyzeResponse>((callback) =>
      this.#client.analyzeStack(stack, new grpc.Metadata(), callOptions(), callback),
    );
    const diagnostics = [...responses, response].flatMap((one) => one.getDiagnosticsList());
    return {
      violations: [...new Set(diagnostics.map((one) => `${one.getPolicyname()}: ${messageOf(one)}`))].sort(),
      notApplicable: new Map(response.getNotApplicableList().map((one) => [one.getPolicyName(), one.getReason()])),
    };
  }

  async #configure({ stackTags = {}, configuration = {} }: AnalysisOptions): Promise<void> {
    const stack = new messages.AnalyzerStackConfigureRequest();
    for (const [key, value] of Object.entries(stackTags)) stack.getTagsMap().set(key, value);
    await answer((callback) => this.#client.configureStack(stack, new grpc.Metadata(), callOptions(), callback));
    const request = new messages.ConfigureAnalyzerRequest();
    for (const [policy, properties] of Object.entries(configuration)) {
      const config = new messages.PolicyConfig();
      config.setEnforcementlevel(messages.EnforcementLevel.MANDATORY);
      config.setProperties(Struct.fromJavaScript(properties));
      request.getPolicyconfigMap().set(policy, config);
    }
    await answer((callback) => this.#client.configure(request, new grpc.Metadata(), callOptions(), callback));
  }
}

function analyzeRequest(resource: AnalyzedResource): messages.AnalyzeRequest {
  const request = new messages.AnalyzeRequest();
  request.setUrn(resource.urn);
  request.setType(resource.type);
  request.setName(resource.name);
  request.setProperties(Struct.fromJavaScript(resource.inputs));
  request.setOptions(optionsOf(resource));
  return request;
}

function stackResource(resource: AnalyzedResource): messages.AnalyzerResource {
  const message = new messages.AnalyzerResource();
  message.setUrn(resource.urn);
  message.setType(resource.type);
  message.setName(resource.name);
  message.setParent(resource.parent);
  message.setProperties(Struct.fromJavaScript(resource.outputs));
  message.setOptions(optionsOf(resource));
  message.setDependenciesList([...resource.dependencies]);
  for (const [property, urns] of resource.propertyDependencies) {
    const dependencies = new messages.AnalyzerPropertyDependencies();
    dependencies.setUrnsList([...urns]);
    message.getPropertydependenciesMap().set(property, dependencies);
  }
  return message;
}

function optionsOf({ protect, parent }: AnalyzedResource): messages.AnalyzerResourceOptions {
  const options = new messages.AnalyzerResourceOptions();
  options.setProtect(protect);
  options.setParent(parent);
  return options;
}

/** A message begins with the description of its policy. */
function messageOf(diagnostic: messages.AnalyzeDiagnostic): string {
  const text = diagnostic.getMessage();
  const description = `${diagnostic.getDescription()}\n`;
  return text.startsWith(description) ? text.slice(description.length) : text;
}

function callOptions(): grpc.CallOptions {
  return { deadline: Date.now() + CALL_LIMIT_MS };
}

function answer<T>(call: (callback: (error: grpc.ServiceError | null, response: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error) reject(error);
      else resolve(response);
    });
  });
}

/** The pack prints its port when it listens; what it prints when it cannot is the error. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let printed = '';
    let complaint = '';
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(new Error(`the policy pack ${reason}: ${complaint}${printed}`));
    };
    const timer = setTimeout(fail, START_LIMIT_MS, `does not listen after ${START_LIMIT_MS} ms`);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      const port = /^(\d+)\n/m.exec(printed)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.once('error', ({ message }) => fail(message));
    child.once('exit', (code) => fail(`ended with ${code}`));
  });
}
