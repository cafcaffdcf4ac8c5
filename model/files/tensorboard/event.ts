/**
 * Events of TensorBoard: the messages whose records, framed as a TFRecord file, are an event file. In the
 * protobuf wire format (`event.proto`, `summary.proto` and `tensor.proto` of TensorFlow, and `plugin_data.proto`
 * of TensorBoard's hparams plugin):
 *
 *   Event           { 1: wall time (double), 2: step, 3: file version | 5: Summary }
 *   Summary         { 1: Value … }
 *   Value           { 1: tag, 2: number (float) | 5: Histogram | 8: Tensor, 9: Metadata }
 *   Histogram       { 1: min, 2: max, 3: count, 4: sum, 5: squares, 6: limits, 7: counts }   all double
 *   Tensor          { 1: type, 2: shape, 5: float32 …, 8: string … }
 *   Metadata        { 1: { 1: plugin's name, 2: its data } }
 *   the plugin hparams' data { 1: version, 3: { 1: map of name to google.protobuf.Value, 4: group, 5: start } }
 *
 * @module
 */
import { readFields, WireWriter } from "../../../pipeline/wire/protobuf.ts";
import { ModelError } from "../../errors.ts";
import type { Histogram } from "./histogram.ts";

/** What every event file begins with. */
const FILE_VERSION = "brain.Event:2";

/** Types of tensors. */
const FLOAT = 1, STRING = 7;

/** A setting as the hparams plugin shows it. */
export type HparamValue = number | string | boolean;

/** One value of an event, under its tag. */
export type Summary =
  | { readonly kind: "scalar"; readonly tag: string; readonly value: number }
  | { readonly kind: "histogram"; readonly tag: string; readonly value: Histogram }
  /** Markdown. */
  | { readonly kind: "text"; readonly tag: string; readonly value: string };

/** The first event of a file. */
export function encodeFileVersion(wallTime: number): Uint8Array {
  return new WireWriter().double(1, wallTime).bytes(3, FILE_VERSION).finish();
}

/**
 * The event of a step.
 *
 * @param wallTime in seconds since 1970.
 */
export function encodeEvent(
  wallTime: number,
  step: number,
  summaries: readonly Summary[],
): Uint8Array {
  const values = new WireWriter();
  for (const summary of summaries) values.message(1, encodeSummary(summary));
  return eventOf(wallTime, step, values);
}

/** The event that tells a run's settings. */
export function encodeHparams(
  wallTime: number,
  hparams: Readonly<Record<string, HparamValue>>,
): Uint8Array {
  const start = new WireWriter();
  for (const [name, value] of Object.entries(hparams)) {
    const one = new WireWriter();
    if (typeof value === "number") one.double(2, value);
    else if (typeof value === "string") one.bytes(3, value);
    else one.bool(4, value);
    start.message(1, new WireWriter().bytes(1, name).message(2, one));
  }
  start.double(5, wallTime);
  const data = new WireWriter().varint(1, 0).message(3, start);
  const value = new WireWriter()
    .bytes(1, "_hparams_/session_start_info")
    .message(8, new WireWriter().varint(1, FLOAT).message(2, new WireWriter()).float(5, 0))
    .message(9, metadata("hparams", data));
  return eventOf(wallTime, 0, new WireWriter().message(1, value));
}

function eventOf(wallTime: number, step: number, summary: WireWriter): Uint8Array {
  return new WireWriter().double(1, wallTime).varint(2, step).message(5, summary).finish();
}

function encodeSummary(summary: Summary): WireWriter {
  const writer = new WireWriter().bytes(1, summary.tag);
  switch (summary.kind) {
    case "scalar":
      return writer.float(2, summary.value);
    case "histogram": {
      const { min, max, count, sum, squares, limits, counts } = summary.value;
      const histogram = new WireWriter().double(1, min).double(2, max).double(3, count)
        .double(4, sum).double(5, squares).doubles(6, limits).doubles(7, counts);
      return writer.message(5, histogram);
    }
    case "text": {
      const tensor = new WireWriter().varint(1, STRING).message(2, new WireWriter())
        .bytes(8, summary.value);
      return writer.message(8, tensor).message(9, metadata("text", new WireWriter()));
    }
  }
}

function metadata(plugin: string, data: WireWriter): WireWriter {
  return new WireWriter().message(1, new WireWriter().bytes(1, plugin).message(2, data));
}

/**
 * The step of an event.
 *
 * @param source where it is, for messages.
 * @throws {ModelError} when it is no protobuf.
 */
export function stepOfEvent(event: Uint8Array, source: string): number {
  const fault = (what: string): ModelError => new ModelError(`${source}: the event ${what}`);
  for (const { number, type, varint } of readFields(event, fault)) {
    if (number === 2 && type === 0) return varint;
  }
  return 0;
}
