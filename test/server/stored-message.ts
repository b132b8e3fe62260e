import { AmqpSymbol, type AmqpValue, HEADER, PROPERTIES, Writer, writeComposite } from '../../src/amqp/index.ts';

/** What a stored message is made of; the body is the text 'body'. */
export interface Sections {
  readonly ttl?: number;
  readonly annotations?: Readonly<Record<string, AmqpValue>>;
  readonly properties?: Parameters<typeof writeComposite<typeof PROPERTIES>>[2];
  readonly application?: readonly (readonly [AmqpValue, AmqpValue])[];
}

export function storedMessage({ ttl, annotations, properties, application }: Sections): Buffer {
  const writer = new Writer();
  if (ttl !== undefined) writeComposite(writer, HEADER, { ttl });
  if (annotations) {
    writer.writeDescriptor(0x72);
    writer.writeMap(new Map(Object.entries(annotations).map(([name, value]) => [new AmqpSymbol(name), value])));
  }
  if (properties) writeComposite(writer, PROPERTIES, properties);
  if (application) {
    writer.writeDescriptor(0x74);
    writer.writeMap(new Map(application));
  }
  writer.writeDescriptor(0x77);
  writer.writeString('body');
  return writer.take();
}
