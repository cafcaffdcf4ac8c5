/** The README.md of an exported model: what it is, what it was made from and how to use it. */

import type { ModelPart } from "../../model/electra/huggingface.ts";
import type { ExportDType, ExportFormat } from "./exporting.ts";
import type { RunFacts } from "./model_facts.ts";
import { markdownTable } from "./table.ts";
import { formatNumber } from "./text.ts";

/** Everything that the card tells. */
export interface CardFacts extends RunFacts {
  /** The part that lies beside the card. */
  readonly part: ModelPart;
  /** The layout. */
  readonly format: ExportFormat;
  /** How weights are stored. */
  readonly dtypes: readonly ExportDType[];
}

/** The class, the pipeline and what the model is for, of each part. */
const PARTS: Readonly<
  Record<ModelPart, { auto: string; pipeline: string; output: string; is: string }>
> = {
  discriminator: {
    auto: "AutoModelForPreTraining",
    pipeline: "feature-extraction",
    output: "logits",
    is:
      "the discriminator, which is what one fine-tunes: it tells replaced tokens from original ones",
  },
  generator: {
    auto: "AutoModelForMaskedLM",
    pipeline: "fill-mask",
    output: "logits",
    is:
      "the generator, a small masked language model that proposed the discriminator's replacements",
  },
  encoder: {
    auto: "AutoModel",
    pipeline: "feature-extraction",
    output: "last_hidden_state",
    is: "the discriminator's encoder without its head, for embeddings",
  },
};

/** Hyperparameters that a reader asks for first. */
const SHOWN_HPARAMS = [
  "model_size",
  "vocab_size",
  "max_seq_length",
  "train_batch_size",
  "num_train_steps",
  "learning_rate",
  "num_warmup_steps",
  "weight_decay_rate",
  "mask_prob",
  "generator_hidden_size",
  "generator_layers",
  "gen_weight",
  "disc_weight",
] as const;

/** Writes the card. */
export function modelCard(facts: CardFacts): string {
  const { modelName, part, step } = facts;
  return [
    frontMatter(facts),
    `# ${modelName}: ${part}`,
    "",
    `An ELECTRA for Japanese after ${formatNumber(step)} steps of pre-training: ${
      PARTS[part].is
    }. ` +
    "Trained with Kohaku on WebGPU.",
    "",
    ...data(facts),
    ...training(facts),
    ...results(facts),
    ...usage(facts),
    "## Limits",
    "",
    "The model repeats what its text says, biases included. The tokenizer cuts text as the SentencePiece " +
    "model `spiece.model` does; where two ways to cut score exactly alike, a client may choose the other.",
    "",
  ].join("\n");
}

function frontMatter({ license, part, format }: CardFacts): string {
  return [
    "---",
    "language: ja",
    ...(license ? [`license: ${license}`] : []),
    `library_name: ${format === "onnx" ? "transformers.js" : "transformers"}`,
    `pipeline_tag: ${PARTS[part].pipeline}`,
    "tags:",
    "- electra",
    ...(format === "onnx" ? ["- onnx"] : []),
    "---",
    "",
  ].join("\n");
}

function data({ examples, text, license }: CardFacts): string[] {
  const lines = ["## Data and licence", ""];
  if (text) {
    lines.push(
      `- Text: ${text.recipe.dump}, ${
        formatNumber(text.counts.documents)
      } articles. Text of Wikipedia is ` +
        "under CC BY-SA 4.0.",
    );
  } else if (examples) {
    lines.push(`- Text: ${examples.recipe.inputs.map(({ name }) => name).join(", ")}.`);
  }
  if (examples) {
    const { train, recipe, textBytes } = examples;
    lines.push(
      `- Examples: ${formatNumber(train.examples)} of up to ${recipe.maxSeqLength} tokens, ` +
        `${formatNumber(train.tokens)} tokens in all, from ${
          formatNumber(textBytes)
        } bytes of text` +
        `${recipe.doLowerCase ? ", lower-cased" : ""}; ${formatNumber(examples.eval.documents)} ` +
        "documents held out.",
    );
  } else {
    lines.push("- The examples that the model was trained on are not with it any more.");
  }
  lines.push(
    license
      ? `- Weights: ${license}.`
      : "- Weights: no licence was named (`deno task export --license ID` names one).",
    "",
  );
  return lines;
}

function training({ hparams, training, step }: CardFacts): string[] {
  const rows = SHOWN_HPARAMS.map((key) => [key, String(hparams[key])]);
  const overrides = JSON.stringify(hparams.model_hparam_overrides);
  if (overrides !== "{}") rows.push(["model_hparam_overrides", overrides]);
  const lines = ["## Training", "", ...markdownTable(["hyperparameter", "value"], rows), ""];
  if (training) {
    lines.push(
      `At step ${formatNumber(training.step)} of ${
        formatNumber(hparams.num_train_steps)
      }: masked-LM loss ` +
        `${formatLoss(training.masked_lm_loss)}, discriminator's loss ` +
        `${formatLoss(training.disc_loss)}.`,
      "",
    );
  } else {
    lines.push(`The losses up to step ${formatNumber(step)} are not with the model.`, "");
  }
  return lines;
}

function results({ evaluation }: CardFacts): string[] {
  if (!evaluation) return [];
  const rows = Object.entries(evaluation.eval).map(([name, value]) => [
    name,
    typeof value === "number" ? value.toFixed(4) : String(value),
  ]);
  return [
    "## Results",
    "",
    `On held-out documents at step ${formatNumber(evaluation.step)}:`,
    "",
    ...markdownTable(["metric", "value"], rows),
    "",
  ];
}

function usage({ format, part, dtypes }: CardFacts): string[] {
  const { auto, pipeline, output } = PARTS[part];
  const masked = part === "generator";
  const text = masked ? "東京は日本の[MASK]である。" : "東京は日本の首都である。";
  const python = [
    "In Python, with transformers:",
    "",
    "```python",
    `from transformers import ${auto}, AutoTokenizer`,
    "",
    'tokenizer = AutoTokenizer.from_pretrained("PATH")',
    `model = ${auto}.from_pretrained("PATH")`,
    `outputs = model(**tokenizer("${text}", return_tensors="pt"))`,
    "```",
    "",
  ];
  const javascript = [
    "In JavaScript, with transformers.js (after `export --format onnx`):",
    "",
    "```js",
    'import { pipeline } from "@huggingface/transformers";',
    "",
    `const run = await pipeline("${pipeline}", "PATH", { dtype: "${
      dtypes.includes("int8") ? "q8" : "fp32"
    }" });`,
    `console.log(await run("${text}"));`,
    "```",
    "",
  ];
  const onnx = [
    "In ONNX Runtime (inputs are int64 of shape batch_size × sequence_length; " +
    `the output is \`${output}\`):`,
    "",
    "```python",
    "import onnxruntime",
    "from transformers import AutoTokenizer",
    "",
    'session = onnxruntime.InferenceSession("PATH/onnx/model.onnx")',
    `inputs = AutoTokenizer.from_pretrained("PATH")("${text}", return_tensors="np")`,
    `outputs = session.run(["${output}"], dict(inputs))`,
    "```",
    "",
  ];
  return [
    "## How to use it",
    "",
    ...(format === "huggingface" ? python : []),
    ...onnx,
    ...javascript,
  ];
}

function formatLoss(value: number | null): string {
  return value === null ? "none" : value.toFixed(3);
}
