/**
 * ONNX files: a graph of operators over named values, as protobuf (onnx.proto of ONNX 1.12, IR version 8).
 *
 * @module
 */
import { WireWriter } from "../../../pipeline/wire/protobuf.ts";
import { ModelError } from "../../errors.ts";

/** Version of the operators' definitions: the first with LayerNormalization. */
export const ONNX_OPSET = 17;

const IR_VERSION = 8;

/** An element type. */
export type OnnxDType = "f32" | "u8" | "i8" | "i32" | "i64" | "f16";

/** Element types by their numbers in TensorProto. */
const ELEMENT_TYPES: Readonly<Record<OnnxDType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  f16: 10,
};

/** A value in a graph, by its name. */
export type OnnxValue = string & { readonly onnx?: never };

/** What an attribute may be: a whole number, a float, or whole numbers. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] };

/** An input or output: dimensions are sizes, or names of those that vary. */
export interface OnnxPort {
  /** Its name. */
  readonly name: string;
  /** Its element type. */
  readonly dtype: OnnxDType;
  /** Its dimensions. */
  readonly shape: readonly (number | string)[];
}

/** Protobuf cannot be longer than this, and ONNX Runtime refuses it. */
const MOST_BYTES = 2 ** 31 - 1;

/** Collects a graph and writes it. */
export class OnnxGraph {
  readonly #nodes: WireWriter[] = [];
  readonly #initializers: WireWriter[] = [];
  readonly #inputs: OnnxPort[] = [];
  readonly #outputs: OnnxPort[] = [];
  readonly #constants = new Map<string, OnnxValue>();
  #bytes = 0;

  /**
   * An empty graph.
   *
   * @param name its name.
   */
  constructor(readonly name: string) {}

  /** Declares an input. */
  input(port: OnnxPort): OnnxValue {
    this.#inputs.push(port);
    return port.name;
  }

  /** Makes a value an output, under the port's name. */
  output(value: OnnxValue, port: OnnxPort): void {
    this.#node("Identity", [value], [port.name], {});
    this.#outputs.push(port);
  }

  /** A tensor that lies in the file. */
  tensor(
    name: string,
    dtype: OnnxDType,
    shape: readonly number[],
    bytes: Uint8Array,
  ): OnnxValue {
    const tensor = new WireWriter();
    for (const dimension of shape) tensor.varint(1, dimension);
    tensor.varint(2, ELEMENT_TYPES[dtype]).bytes(8, name).bytes(9, bytes);
    this.#initializers.push(tensor);
    this.#bytes += bytes.length;
    if (this.#bytes > MOST_BYTES) {
      throw new ModelError(
        "the model's weights take more than 2 GB, which one ONNX file cannot hold; export it in f16",
      );
    }
    return name;
  }

  /** Whole numbers as an int64 vector, or a scalar; equal ones are one tensor. */
  ints(values: readonly number[] | number): OnnxValue {
    const name = `ints_${typeof values === "number" ? "scalar_" : ""}${values}`;
    const known = this.#constants.get(name);
    if (known !== undefined) return known;
    const list = typeof values === "number" ? [values] : values;
    const bytes = new Uint8Array(BigInt64Array.from(list, (value) => BigInt(value)).buffer);
    const value = this.tensor(name, "i64", typeof values === "number" ? [] : [list.length], bytes);
    this.#constants.set(name, value);
    return value;
  }

  /** A scalar float of a given type; equal ones are one tensor. */
  scalar(value: number, dtype: "f32" | "f16"): OnnxValue {
    const name = `${dtype}_${value}`;
    const known = this.#constants.get(name);
    if (known !== undefined) return known;
    const data = dtype === "f32" ? Float32Array.of(value) : Float16Array.of(value);
    const constant = this.tensor(name, dtype, [], new Uint8Array(data.buffer));
    this.#constants.set(name, constant);
    return constant;
  }

  /** An operator with one output. */
  op(
    type: string,
    inputs: readonly OnnxValue[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): OnnxValue {
    return this.ops(type, inputs, 1, attributes)[0];
  }

  /** An operator with several outputs. */
  ops(
    type: string,
    inputs: readonly OnnxValue[],
    outputs: number,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): OnnxValue[] {
    const number = this.#nodes.length;
    const names = Array.from(
      { length: outputs },
      (_, i) => `${type}_${number}${outputs > 1 ? `_${i}` : ""}`,
    );
    this.#node(type, inputs, names, attributes);
    return names;
  }

  /** A cast. */
  cast(value: OnnxValue, dtype: OnnxDType): OnnxValue {
    return this.op("Cast", [value], { to: { int: ELEMENT_TYPES[dtype] } });
  }

  /**
   * The file.
   *
   * @param metadata free text by key.
   */
  encode(metadata: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
    const graph = new WireWriter();
    for (const node of this.#nodes) graph.message(1, node);
    graph.bytes(2, this.name);
    for (const tensor of this.#initializers) graph.message(5, tensor);
    for (const port of this.#inputs) graph.message(11, valueInfo(port));
    for (const port of this.#outputs) graph.message(12, valueInfo(port));
    const model = new WireWriter()
      .varint(1, IR_VERSION)
      .bytes(2, "kohaku")
      .message(7, graph)
      .message(8, new WireWriter().bytes(1, "").varint(2, ONNX_OPSET));
    for (const [key, value] of Object.entries(metadata)) {
      model.message(14, new WireWriter().bytes(1, key).bytes(2, value));
    }
    return model.finish();
  }

  #node(
    type: string,
    inputs: readonly OnnxValue[],
    outputs: readonly OnnxValue[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): void {
    const node = new WireWriter();
    for (const name of inputs) node.bytes(1, name);
    for (const name of outputs) node.bytes(2, name);
    node.bytes(3, `${type}_${this.#nodes.length}`).bytes(4, type);
    for (const [name, value] of Object.entries(attributes)) {
      node.message(5, attribute(name, value));
    }
    this.#nodes.push(node);
  }
}

function attribute(name: string, value: OnnxAttribute): WireWriter {
  const out = new WireWriter().bytes(1, name);
  if ("float" in value) return out.float(2, value.float).varint(20, 1);
  if ("int" in value) return out.varint(3, value.int).varint(20, 2);
  for (const one of value.ints) out.varint(8, one);
  return out.varint(20, 7);
}

function valueInfo({ name, dtype, shape }: OnnxPort): WireWriter {
  const dimensions = new WireWriter();
  for (const dimension of shape) {
    const one = new WireWriter();
    if (typeof dimension === "number") one.varint(1, dimension);
    else one.bytes(2, dimension);
    dimensions.message(1, one);
  }
  const tensor = new WireWriter().varint(1, ELEMENT_TYPES[dtype]).message(2, dimensions);
  return new WireWriter().bytes(1, name).message(2, new WireWriter().message(1, tensor));
}
