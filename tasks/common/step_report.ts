/** What a training step costs, as `pretrain --dry-run` prints it. */

import type { StepPlan } from "../../model/training/step_plan.ts";
import type { PretrainingHparams } from "../../model/electra/config.ts";
import { alignTable } from "./table.ts";
import { formatDuration, formatNumber, formatQuantity } from "./text.ts";

/** Rows of the fullest moment that are worth a line. */
const FULLEST_ROWS = 6;

/** Lines about the plan of a step: parameters, memory, work. */
export function planLines(plan: StepPlan, hparams: PretrainingHparams): string[] {
  const table = (title: string, rows: readonly (readonly string[])[]): string[] => [
    ...alignTable([title, ""], rows),
    "",
  ];
  const total = plan.parameters.reduce((sum, { amount }) => sum + amount, 0);
  const count = (amount: number): string => amount.toLocaleString("en-US");
  return [
    `ELECTRA ${hparams.model_size}, batch ${hparams.train_batch_size}, sequence ` +
    `${hparams.max_seq_length}, vocabulary ${hparams.vocab_size}` +
    (hparams.gradient_accumulation_steps > 1
      ? `, in ${hparams.gradient_accumulation_steps} parts`
      : ""),
    "",
    ...table("parameters", [
      ...plan.parameters.map(({ name, amount }) => [`  ${name}`, count(amount)]),
      ["  all", count(total)],
    ]),
    ...table("device memory", [
      ...plan.memory.map(({ name, amount }) => [`  ${name}`, formatQuantity(amount, "B")]),
      ["  peak", formatQuantity(plan.bytes, "B")],
    ]),
    ...table("activations at the fullest moment", [
      ...plan.fullest.slice(0, FULLEST_ROWS).map(({ name, amount }) => [
        `  ${name}`,
        formatQuantity(amount, "B"),
      ]),
      [
        "  others",
        formatQuantity(
          plan.fullest.slice(FULLEST_ROWS).reduce((sum, { amount }) => sum + amount, 0),
          "B",
        ),
      ],
    ]),
    ...table("a step", [
      ["  operations", `${formatNumber(plan.flops / 1e9)} GFLOP`],
      ["  dispatches", count(plan.dispatches)],
      ["  kernels to compile", count(plan.pipelines)],
    ]),
  ];
}

/** Lines about what recomputation saves and costs, beside the plan that keeps all activations. */
export function recomputeLines(plan: StepPlan, kept: StepPlan): string[] {
  const activations = ({ memory }: StepPlan): number =>
    memory.find(({ name }) => name === "activations")?.amount ?? 0;
  const more = 100 * (plan.flops / kept.flops - 1);
  return [
    ...alignTable(["recomputation", ""], [
      ["  activations without", formatQuantity(activations(kept), "B")],
      ["  activations with", formatQuantity(activations(plan), "B")],
      ["  memory saved", formatQuantity(kept.bytes - plan.bytes, "B")],
      ["  more operations", `${formatNumber(more)}%`],
    ]),
    "",
  ];
}

/** Lines about the run's time, from a measured step. */
export function timeLines(
  plan: StepPlan,
  hparams: PretrainingHparams,
  secondsPerStep: number,
  adapter: string,
): string[] {
  const { num_train_steps, train_batch_size, max_seq_length } = hparams;
  const tokens = train_batch_size * max_seq_length / secondsPerStep;
  return alignTable([`on ${adapter}`, ""], [
    ["  a step", `${formatNumber(secondsPerStep)} s`],
    ["  speed", `${formatQuantity(tokens, "tokens")}/s`],
    ["  arithmetic", `${formatNumber(plan.flops / secondsPerStep / 1e9)} GFLOP/s`],
    [
      `  all ${formatQuantity(num_train_steps, "steps")}`,
      formatDuration(
        num_train_steps * secondsPerStep,
      ),
    ],
  ]);
}
