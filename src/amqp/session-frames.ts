import { readFields } from './composite-codec.ts';
import { ATTACH, DETACH, DISPOSITION, FLOW, TRANSFER } from './composites.ts';
import { CONDITION } from './conditions.ts';
import { hexCode, type Reader } from './decoder.ts';
import { DispositionFields } from './disposition-frame.ts';
import { FlowFields } from './flow-frame.ts';
import { ProtocolError } from './protocol-error.ts';
import type { Session } from './session.ts';
import { TransferFields } from './transfer-frame.ts';

/** Decodes the frames of sessions; the objects for the frequent ones are used again and again. */
export class SessionFrames {
  readonly #transfer = new TransferFields();
  readonly #flow = new FlowFields();
  readonly #disposition = new DispositionFields();

  /** Hands the performative `code`, whose fields are next in `reader`, to the session. Throws `ProtocolError`. */
  dispatch(session: Session, code: number, reader: Reader): void {
    switch (code) {
      case TRANSFER.code:
        this.#transfer.read(reader);
        session.onTransfer(this.#transfer, reader.buffer, reader.offset, reader.end);
        break;
      case DISPOSITION.code:
        this.#disposition.read(reader);
        session.unsettled.onDisposition(this.#disposition);
        break;
      case FLOW.code:
        this.#flow.read(reader);
        session.onFlow(this.#flow);
        break;
      case ATTACH.code:
        session.onAttach(readFields(reader, ATTACH));
        break;
      case DETACH.code:
        session.onDetach(readFields(reader, DETACH));
        break;
      default:
        throw new ProtocolError(CONDITION.notImplemented, `performative ${hexCode(code)} is unknown`);
    }
  }
}
