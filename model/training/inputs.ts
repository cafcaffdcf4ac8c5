/**
 * Writes batches into the inputs of a plan.
 *
 * @module
 */
import type { Plan } from "../autograd/plan.ts";
import { ModelError } from "../errors.ts";
import type { PreparedBatch, Recording } from "./objective.ts";

/**
 * Queues a part of a batch: an input takes its share of the rows, or the whole where that is as long.
 *
 * @param part which of `parts`, from 0 on.
 * @throws {ModelError} for an input that nothing is prepared for, or values that do not fit it.
 */
export function writeInputs(
  plan: Plan,
  { inputs }: Recording,
  prepared: PreparedBatch,
  part: number,
  parts: number,
): void {
  for (const [name, input] of Object.entries(inputs)) {
    if (!plan.uses(input)) continue;
    const values = prepared.inputs[name];
    if (!values) throw new ModelError(`nothing is prepared for the input ${name}`);
    const { elements } = input;
    const whole = values.length === elements || values.length !== parts * elements;
    plan.write(input, whole ? values : values.subarray(part * elements, (part + 1) * elements));
  }
}
