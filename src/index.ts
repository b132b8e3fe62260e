export { RetrainError } from './errors.ts';
export type { ErrorCode } from './errors.ts';

export type { CancelTimer, Clock } from './runtime/clock.ts';
export type { Files } from './runtime/files.ts';
export type { Random } from './runtime/random.ts';

export { credentialConnection, parseConnection } from './retraining/connection.ts';
export type { Access, Connection } from './retraining/connection.ts';
export { RetrainingProducer } from './retraining/producer.ts';
export type { ProducerOptions, RequestResult, Submission } from './retraining/producer.ts';
export type { MessageSender } from './retraining/message-sender.ts';
export type { FlushResult } from './retraining/outbox-flush.ts';
export type { ProducerFact, ProducerLog } from './retraining/producer-log.ts';
export type { RequestOptions, SentRequest } from './retraining/request-draft.ts';
export { parseRequest, retrainRequestJsonSchema, TRIGGER_KINDS } from './retraining/request.ts';
export type {
  DataItem,
  Parameters,
  RetrainRequest,
  RetrainRequestInput,
  Trigger,
  TriggerKind,
} from './retraining/request.ts';
export { checkModelName, isModelName } from './retraining/model-name.ts';

export { IntakeWorker } from './retraining/intake/intake-worker.ts';
export type { IntakeWorkerOptions } from './retraining/intake/intake-worker.ts';
export { intakeRulesSchema } from './retraining/intake/intake-settings.ts';
export type { IntakeRule, IntakeRuleInput } from './retraining/intake/intake-settings.ts';
export type { IntakeDeadLetterReason, IntakeFact, IntakeLog } from './retraining/intake/intake-log.ts';
export { RetrainListener } from './retraining/listener/listener.ts';
export type { ListenerOptions } from './retraining/listener/listener.ts';
export { listenerSettingsSchema } from './retraining/listener/listener-settings.ts';
export type { ListenerSettings } from './retraining/listener/listener-settings.ts';
export type { ListenerFact, ListenerLog } from './retraining/listener/listener-log.ts';
export { addRequestRoutes } from './retraining/listener/request-routes.ts';
export type { RequestRoutesOptions } from './retraining/listener/request-routes.ts';
export { addObservationRoutes } from './retraining/listener/observation-routes.ts';
export type { ListenerAnswer, ListenerRequest, RouteHandler } from './retraining/listener/routes.ts';

export { RetrainingWorker } from './retraining/worker/worker.ts';
export type { WorkerOptions } from './retraining/worker/worker.ts';
export type { OnceOptions, OnceResult } from './retraining/worker/visit.ts';
export type { Backoff } from './retraining/backoff.ts';
export type { RunKeep } from './retraining/trainers/run-retention.ts';
export type { SettledPlan } from './retraining/trainers/trainer.ts';
export type { ModelPolicy } from './retraining/worker/worker-context.ts';
export type { LedgerEvent } from './retraining/worker/ledger.ts';
export type { Ledger } from './retraining/worker/ledger-record.ts';
export type { WorkerFact, WorkerLog } from './retraining/worker/worker-log.ts';
export { CommandTrainer } from './retraining/trainers/command-trainer.ts';
export type { CommandTrainerOptions } from './retraining/trainers/command-trainer.ts';
export { HttpTrainer } from './retraining/trainers/http-trainer.ts';
export type { HttpTrainerOptions } from './retraining/trainers/http-trainer.ts';
export { trainerHttpJsonSchema } from './retraining/trainers/http-contract.ts';
export { KubernetesTrainer } from './retraining/trainers/kubernetes-trainer.ts';
export type { KubernetesTrainerOptions } from './retraining/trainers/kubernetes-trainer.ts';
export { ModuleTrainer } from './retraining/trainers/module-trainer.ts';
export type { ModuleTrainerOptions } from './retraining/trainers/module-trainer.ts';
export type { TrainContext, TrainFunction, TrainResult } from './retraining/trainers/train-function.ts';
export type {
  StopCause,
  Trainer,
  TrainerEnd,
  TrainerHandle,
  TrainerProgress,
  TrainerRun,
} from './retraining/trainers/trainer.ts';
export type { RunResult } from './retraining/trainers/run-result.ts';
export type { ExitMeaning, TrainerExit } from './retraining/trainers/exit-code.ts';
export type { Plan, PlanChampion, PlannedRequest } from './retraining/plan.ts';

export { judge } from './retraining/gate.ts';
export type { GateResult, GateRule, Metrics } from './retraining/gate.ts';
export { AzureBlobRegistry } from './retraining/registries/azure-blob-registry.ts';
export type { AzureBlobRegistryOptions } from './retraining/registries/azure-blob-registry.ts';
export { FileRegistry } from './retraining/registries/file-registry.ts';
export type { FileRegistryOptions } from './retraining/registries/file-registry.ts';
export { MlflowRegistry } from './retraining/registries/mlflow-registry.ts';
export type { MlflowRegistryOptions } from './retraining/registries/mlflow-registry.ts';
export type {
  ArtifactRef,
  Challenger,
  Champion,
  ChampionChange,
  ModelState,
  Promotion,
  Registry,
  RegistryState,
  Rejection,
  Rollback,
  RunResultToKeep,
} from './retraining/registries/registry.ts';

export { readRequest, replayMessage } from './retraining/envelope.ts';
export type { ReadRequest, RequestEvent } from './retraining/envelope.ts';
export type { Evidence } from './retraining/evidence.ts';
export { cloudEventJson, outcomeOf, readOutcome } from './retraining/outcome.ts';
export type { OutcomeData, OutcomeEvent, OutcomeType, ReadOutcome } from './retraining/outcome.ts';
export type { Outcome, RequestRef } from './retraining/worker/ledger-record.ts';
export { OutcomeLog } from './retraining/outcome-log.ts';
export type { OutcomeLogOptions } from './retraining/outcome-log.ts';
export { OutcomeHistory } from './retraining/outcome-history.ts';
export type { History, HistoryOptions } from './retraining/outcome-history.ts';
export { explainRequest, explainRun } from './retraining/explanation.ts';
export type { ExplainedStep, Explanation } from './retraining/explanation.ts';
export { Notifier } from './retraining/notify/notifier.ts';
export type { NotifierOptions } from './retraining/notify/notifier.ts';
export { notifySettingsSchema } from './retraining/notify/notify-settings.ts';
export type { NotifyRule, NotifySettings } from './retraining/notify/notify-settings.ts';
export type { NotifyFact, NotifyLog } from './retraining/notify/notify-log.ts';
export type { NotifySource } from './retraining/notify/notify-inbox.ts';
export { projectOutcomes } from './retraining/projection.ts';
export type { ModelStatus, RequestStatus, RunStatus, Status } from './retraining/projection.ts';

export { RatioMonitor } from './monitoring/ratio-monitor.ts';
export type { RatioMonitorOptions } from './monitoring/ratio-monitor.ts';
export { WindowedMonitor } from './monitoring/windowed-monitor.ts';
export type { ClosedWindow, DecayEvent, WindowedMonitorOptions } from './monitoring/windowed-monitor.ts';
export type { WindowedMonitorState } from './monitoring/windowed-state.ts';
export type { Direction, MetricRule } from './monitoring/metric-rule.ts';
export type { Observation } from './monitoring/observation.ts';
export type { MetricWindow, WindowRule } from './monitoring/tumbling-windows.ts';

export { createStreamingDetector, restoreStreamingDetector } from './monitoring/streaming-detectors.ts';
export type { StreamingDetectorSettings } from './monitoring/streaming-detectors.ts';
export type { DriftDirection, StreamingDetector, StreamingVerdict } from './monitoring/streaming-detector.ts';
export { dataDrift } from './monitoring/data-drift.ts';
export type { Columns, DataDrift, DataDriftOptions } from './monitoring/data-drift.ts';
export { columnDrift } from './monitoring/drift.ts';
export type { ColumnDrift, ColumnDriftOptions, DriftTest } from './monitoring/drift.ts';
export type { Cell, ColumnKind } from './monitoring/column-values.ts';
export { DriftSample } from './monitoring/drift-sample.ts';
export type { DriftSampleOptions, DriftSampleState } from './monitoring/drift-sample.ts';

export { createMonitor } from './retraining/monitors/create-monitor.ts';
export type { CreateMonitorOptions } from './retraining/monitors/create-monitor.ts';
export type { GivenObservation, Monitor, MonitorStatus, SendRequest } from './retraining/monitors/monitor.ts';
export { MonitorRunner } from './retraining/monitors/monitor-runner.ts';
export type { MonitorRunnerOptions } from './retraining/monitors/monitor-runner.ts';
export { monitorSettingsSchema } from './retraining/monitors/monitor-settings.ts';
export type { MonitorSettings, MonitorSettingsInput } from './retraining/monitors/monitor-settings.ts';
export type { MonitorFact, MonitorLog } from './retraining/monitors/monitor-log.ts';
export { ObservationSink } from './retraining/monitors/observation-sink.ts';
export type { AcceptedObservations, ObservationSinkOptions } from './retraining/monitors/observation-sink.ts';
