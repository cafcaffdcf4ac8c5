/**
 * Parameters by their names in the Hugging Face state dict: fused parameters are cut into their parts.
 *
 * @module
 */
import { ModelError } from "../errors.ts";
import type { Parameter, ParameterStore, StoreKind } from "./store.ts";
import { asFloat32, type SafeTensor, safeTensor } from "../files/safetensors.ts";

/** Cuts whole parameters into named parts. */
export function namedTensors(
  values: ReadonlyMap<Parameter, Float32Array<ArrayBuffer>>,
): Map<string, SafeTensor> {
  const named = new Map<string, SafeTensor>();
  for (const [parameter, data] of values) {
    let offset = 0;
    for (const { name, shape } of parameter.parts) {
      const elements = shape.reduce((product, dimension) => product * dimension, 1);
      named.set(name, safeTensor(data.subarray(offset, offset + elements), shape));
      offset += elements;
    }
  }
  return named;
}

/** Reads one of the flat stores back as named tensors. */
export async function readStateDict(
  store: ParameterStore,
  kind: StoreKind,
): Promise<Map<string, SafeTensor>> {
  return namedTensors(await store.readAll(kind));
}

/**
 * Writes named tensors into one of the flat stores.
 *
 * @param source the file's name, for messages.
 * @param isWanted which parameters to write, by their names; all by default, the others keep their values.
 * @throws {ModelError} listing tensors that are missing or of another shape; nothing is written then.
 */
export function writeStateDict(
  store: ParameterStore,
  kind: StoreKind,
  named: ReadonlyMap<string, SafeTensor>,
  source: string,
  isWanted: (name: string) => boolean = () => true,
): void {
  const faults: string[] = [];
  const wanted = store.parametersOf(kind).filter(({ parts: [{ name }] }) => isWanted(name));
  for (const { parts } of wanted) {
    for (const { name, shape } of parts) {
      const tensor = named.get(name);
      if (!tensor) faults.push(`${name} is missing`);
      else if (tensor.shape.join() !== shape.join()) {
        faults.push(`${name} is [${tensor.shape.join("×")}], not [${shape.join("×")}]`);
      }
    }
  }
  if (faults.length > 0) {
    const more = faults.length > 5 ? ` and ${faults.length - 5} more` : "";
    throw new ModelError(
      `${source} does not fit this model: ${faults.slice(0, 5).join("; ")}${more}`,
    );
  }
  for (const parameter of wanted) {
    const data = new Float32Array(parameter.value.elements);
    let offset = 0;
    for (const { name } of parameter.parts) {
      const part = asFloat32(name, named.get(name)!);
      data.set(part, offset);
      offset += part.length;
    }
    store.write(parameter, kind, data);
  }
}
