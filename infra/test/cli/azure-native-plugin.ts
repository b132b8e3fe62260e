/**
 * A provider `azure-native` for the CLI, which makes nothing: it names, answers and compares as the real one does, from test/engine's answers. The
 * CLI starts it, reads its port from the first line, and ends it.
 */
import * as grpc from '@grpc/grpc-js';
import { PluginInfo } from '@pulumi/pulumi/proto/plugin_pb';
import { ResourceProviderService } from '@pulumi/pulumi/proto/provider_grpc_pb';
import * as messages from '@pulumi/pulumi/proto/provider_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';
import { Struct } from 'google-protobuf/google/protobuf/struct_pb';
import { AzureProvider } from '../engine/azure-provider';
import { azureResourceType } from '../engine/azure-resources';
import type { WireObject } from '../engine/wire';

const VERSION = '3.28.0';
const provider = new AzureProvider();
const { PropertyDiff } = messages;

/** Names and inputs; a name that was drawn is kept. */
function check(request: messages.CheckRequest): messages.CheckResponse {
  const news = objectOf(request.getNews());
  const { nameProperty } = azureResourceType(request.getType());
  const former = nameProperty === undefined ? undefined : objectOf(request.getOlds())[nameProperty];
  const inputs =
    nameProperty !== undefined && former !== undefined && news[nameProperty] === undefined
      ? { ...news, [nameProperty]: former }
      : provider.check({ type: request.getType(), name: request.getName(), urn: request.getUrn(), inputs: news });
  const response = new messages.CheckResponse();
  response.setInputs(Struct.fromJavaScript(inputs));
  return response;
}

/** What has changed, by property; what is part of the path replaces the resource, and so does a property that Azure cannot change. */
function diff(request: messages.DiffRequest): messages.DiffResponse {
  const [before, after] = [objectOf(request.getOldInputs()), objectOf(request.getNews())];
  const { path } = azureResourceType(request.getType());
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const response = new messages.DiffResponse();
  response.setChanges(
    changed.length === 0 ? messages.DiffResponse.DiffChanges.DIFF_NONE : messages.DiffResponse.DiffChanges.DIFF_SOME,
  );
  response.setDiffsList(changed);
  response.setReplacesList(changed.filter((name) => path.includes(`{${name}}`)));
  response.setHasdetaileddiff(true);
  for (const name of changed) {
    const one = new PropertyDiff();
    one.setKind(path.includes(`{${name}}`) ? PropertyDiff.Kind.UPDATE_REPLACE : kindOf(before[name], after[name]));
    one.setInputdiff(true);
    response.getDetaileddiffMap().set(name, one);
  }
  return response;
}

async function create(request: messages.CreateRequest): Promise<messages.CreateResponse> {
  const inputs = objectOf(request.getProperties());
  const response = new messages.CreateResponse();
  response.setProperties(Struct.fromJavaScript(inputs));
  if (request.getPreview()) return response;
  const { id, outputs } = await provider.create(asked(request, inputs));
  response.setId(id);
  response.setProperties(Struct.fromJavaScript(outputs));
  return response;
}

async function update(request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
  const inputs = objectOf(request.getNews());
  const { outputs } = request.getPreview()
    ? { outputs: { ...stable(objectOf(request.getOlds())), ...inputs } }
    : await provider.create(asked(request, inputs));
  const response = new messages.UpdateResponse();
  response.setProperties(Struct.fromJavaScript(outputs));
  return response;
}

/** What no update changes is known in its preview. */
function stable({ name, location }: WireObject): WireObject {
  return { ...(name !== undefined && { name }), ...(location !== undefined && { location }) };
}

async function invoke(request: messages.InvokeRequest): Promise<messages.InvokeResponse> {
  const response = new messages.InvokeResponse();
  const result = await provider.invoke(request.getTok(), objectOf(request.getArgs()));
  response.setReturn(Struct.fromJavaScript(result));
  return response;
}

function asked(
  request: messages.CreateRequest | messages.UpdateRequest,
  inputs: WireObject,
): { type: string; name: string; urn: string; inputs: WireObject } {
  return { type: request.getType(), name: request.getName(), urn: request.getUrn(), inputs };
}

function kindOf(before: unknown, after: unknown): messages.PropertyDiff.Kind {
  if (before === undefined) return PropertyDiff.Kind.ADD;
  return after === undefined ? PropertyDiff.Kind.DELETE : PropertyDiff.Kind.UPDATE;
}

function objectOf(struct: Struct | undefined): WireObject {
  return struct?.toJavaScript() ?? {};
}

function answering<Request, Response>(
  work: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  const answer = async (
    { request }: grpc.ServerUnaryCall<Request, Response>,
    callback: grpc.sendUnaryData<Response>,
  ): Promise<void> => {
    let response: Response;
    try {
      response = await work(request);
    } catch (error) {
      return callback({ code: grpc.status.UNKNOWN, details: (error as Error).message });
    }
    callback(null, response);
  };
  return (call, callback) => void answer(call, callback);
}

function configured(): messages.ConfigureResponse {
  const response = new messages.ConfigureResponse();
  response.setSupportspreview(true);
  return response;
}

function sameInputs(request: messages.CheckRequest): messages.CheckResponse {
  const response = new messages.CheckResponse();
  response.setInputs(request.getNews());
  return response;
}

function info(): PluginInfo {
  const response = new PluginInfo();
  response.setVersion(VERSION);
  return response;
}

const server = new grpc.Server();
server.addService(ResourceProviderService, {
  getPluginInfo: answering(info),
  checkConfig: answering(sameInputs),
  diffConfig: answering(() => new messages.DiffResponse()),
  configure: answering(configured),
  check: answering(check),
  diff: answering(diff),
  create: answering(create),
  update: answering(update),
  delete: answering(() => new Empty()),
  invoke: answering(invoke),
  cancel: answering(() => new Empty()),
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
