/** A reader of TensorBoard's event files, made from the definition of the format alone. */
import { assertEquals } from "@std/assert/mod.js";

/** CRC-32C bit by bit, and masked as the format wants it. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A message's fields by their numbers: whole numbers, or bytes. */
export type Message = Map<number, (number | Uint8Array)[]>;

/** Parses a message. */
export function parse(bytes: Uint8Array): Message {
  const fields: Message = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0n, shift = 0n;
    for (;;) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
      shift += 7n;
    }
  };
  while (at < bytes.length) {
    const tag = varint(), wire = tag & 7;
    let value: number | Uint8Array;
    if (wire === 0) value = varint();
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      value = bytes.slice(at, at += length);
    }
    fields.set(tag >>> 3, [...fields.get(tag >>> 3) ?? [], value]);
  }
  return fields;
}

/** A text field. */
export const textOf = (value: unknown): string => new TextDecoder().decode(value as Uint8Array);
/** One 64-bit float, or a packed list of them. */
export const doublesOf = (value: unknown): number[] => [
  ...new Float64Array((value as Uint8Array).slice().buffer),
];

/** An event. */
export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version?: string;
  readonly values: Map<string, Message>;
}

/** All events of a file, checksums checked. */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(view(file).getBigUint64(at, true));
    assertEquals(view(file).getUint32(at + 8, true), maskedCrc(file.subarray(at, at + 8)));
    const data = file.slice(at + 12, at + 12 + length);
    assertEquals(view(file).getUint32(at + 12 + length, true), maskedCrc(data));
    at += length + 16;
    const event = parse(data);
    const values = new Map<string, Message>();
    for (const summary of event.get(5) ?? []) {
      for (const value of parse(summary as Uint8Array).get(1) ?? []) {
        const message = parse(value as Uint8Array);
        values.set(textOf(message.get(1)![0]), message);
      }
    }
    events.push({
      wallTime: doublesOf(event.get(1)![0])[0],
      step: (event.get(2)?.[0] ?? 0) as number,
      ...(event.has(3) ? { version: textOf(event.get(3)![0]) } : {}),
      values,
    });
  }
  return events;
}

/** The number under a tag. */
export function scalarOf({ values }: ReadEvent, tag: string): number {
  return view(values.get(tag)!.get(2)![0] as Uint8Array).getFloat32(0, true);
}
