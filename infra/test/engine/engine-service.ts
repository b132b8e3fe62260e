import type * as grpc from '@grpc/grpc-js';
import { EngineService } from '@pulumi/pulumi/proto/engine_grpc_pb';
import type { IEngineServer } from '@pulumi/pulumi/proto/engine_grpc_pb';
import {
  GetRootResourceResponse,
  LogSeverity,
  RequirePulumiVersionResponse,
  SetRootResourceResponse,
} from '@pulumi/pulumi/proto/engine_pb';
import { Empty } from 'google-protobuf/google/protobuf/empty_pb';

export interface LogLine {
  readonly severity: 'debug' | 'info' | 'warning' | 'error';
  readonly message: string;
}

/** What the program says to the engine, which the CLI would print. */
export class EngineLog {
  readonly lines: LogLine[] = [];
  #root = '';

  addTo(server: grpc.Server): void {
    const implementation: IEngineServer = {
      log: (call, callback) => {
        this.lines.push({ severity: severityOf(call.request.getSeverity()), message: call.request.getMessage() });
        callback(null, new Empty());
      },
      setRootResource: (call, callback) => {
        this.#root = call.request.getUrn();
        callback(null, new SetRootResourceResponse());
      },
      getRootResource: (_call, callback) => {
        const response = new GetRootResourceResponse();
        response.setUrn(this.#root);
        callback(null, response);
      },
      requirePulumiVersion: (_call, callback) => callback(null, new RequirePulumiVersionResponse()),
      startDebugging: (_call, callback) => callback(null, new Empty()),
    };
    server.addService(EngineService, implementation);
  }

  get errors(): string[] {
    return this.lines.filter(({ severity }) => severity === 'error').map(({ message }) => message);
  }

  get warnings(): string[] {
    return this.lines.filter(({ severity }) => severity === 'warning').map(({ message }) => message);
  }
}

function severityOf(severity: LogSeverity): LogLine['severity'] {
  switch (severity) {
    case LogSeverity.DEBUG:
      return 'debug';
    case LogSeverity.INFO:
      return 'info';
    case LogSeverity.WARNING:
      return 'warning';
    case LogSeverity.ERROR:
      return 'error';
  }
}
