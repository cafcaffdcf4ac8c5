/**
 * Fine-tuning: an encoder under one head, or under several of which each batch takes one.
 *
 * @module
 */
import type { HostArray } from "../autograd/plan.ts";
import type { Tape } from "../autograd/tape.ts";
import { ModelError } from "../errors.ts";
import { paddingOf } from "../ops/padding.ts";
import type { ParameterStore } from "../parameters/store.ts";
import {
  type BatchShape,
  type Evaluation,
  normalizerOf,
  type Objective,
  type Outputs,
  type PreparedBatch,
  type Recording,
} from "../training/objective.ts";
import type { EncoderConfig } from "../transformer/config.ts";
import { encode } from "../transformer/encoder.ts";
import { type EncoderWeights, WeightFactory } from "../transformer/weights.ts";
import type { DeclareHead, Head, HeadKind } from "./head.ts";

/** The label of what has none, as transformers writes it. */
export const NO_LABEL = -100;

/** Sequences under one head, and their labels where they are known. */
export interface FinetuningBatch extends BatchShape {
  /** The head; its name in the objective. */
  readonly task: string;
  /** u32 [batch, sequence] */
  readonly inputIds: Uint32Array;
  /** u32 [batch, sequence]: 1 for a token, 0 for padding. */
  readonly attentionMask: Uint32Array;
  /** u32 [batch, sequence]: segments. */
  readonly tokenTypeIds: Uint32Array;
  /** As many as the head says, {@link NO_LABEL} or NaN where there is none; left out, none is known. */
  readonly labels?: ArrayLike<number>;
  /** How much each label counts; 1 by default. */
  readonly weights?: ArrayLike<number>;
}

/** The logits of one evaluated batch. */
export interface BatchLogits {
  /** The batch. */
  readonly batch: FinetuningBatch;
  /** f32, in the head's order. */
  readonly logits: Float32Array;
}

/** What an evaluation gives. */
export interface FinetuningEvaluation {
  /** Mean loss of the labels that are known; NaN without any. */
  readonly loss: number;
  /** Every batch's logits, in order. */
  readonly batches: readonly BatchLogits[];
}

/** How an encoder is fine-tuned. */
export interface FinetuningOptions {
  /** Its shape; dropout is for training. */
  readonly encoder: EncoderConfig;
  /** Heads by the names of their tasks. */
  readonly heads: Readonly<Record<string, DeclareHead>>;
  /** A layer learns at the rate times this to the power of its distance from the head; 0 or 1 for all alike. */
  readonly layerwiseDecay?: number;
  /** Keeps the embeddings and this many of the lowest layers as they are; 0 by default keeps nothing. */
  readonly freezeLayers?: number;
}

/** An encoder and its heads. */
export class FinetuningObjective implements Objective<FinetuningBatch, FinetuningEvaluation> {
  /** The encoder's shape. */
  readonly encoder: EncoderConfig;
  readonly #weights: EncoderWeights;
  readonly #heads = new Map<string, Head>();

  /**
   * Declares the parameters under the names that transformers has for them; with several heads each of theirs is
   * prefixed by its task and a slash.
   *
   * @throws {ModelError} when there is no head, or more layers are frozen than there are.
   */
  constructor(store: ParameterStore, options: FinetuningOptions) {
    const { encoder, heads, layerwiseDecay = 0, freezeLayers = 0 } = options;
    const { numHiddenLayers, initializerRange } = encoder;
    if (Object.keys(heads).length === 0) throw new ModelError("fine-tuning needs a head");
    if (freezeLayers > numHiddenLayers) {
      throw new ModelError(
        `freeze_layers is ${freezeLayers}, but the encoder has ${numHiddenLayers} layers`,
      );
    }
    this.encoder = encoder;
    const factory = new WeightFactory(store, "", initializerRange);
    this.#weights = factory.encoder(encoder, {
      // google-research/electra, model/optimization.py: rate · decay^(layers + 2 − depth).
      settings: (depth) => ({
        learningRate: layerwiseDecay > 0 ? layerwiseDecay ** (numHiddenLayers + 2 - depth) : 1,
        frozen: freezeLayers > 0 && depth <= freezeLayers,
      }),
    });
    const several = Object.keys(heads).length > 1;
    for (const [task, declare] of Object.entries(heads)) {
      const prefix = several ? `${task}/` : "";
      this.#heads.set(task, declare(new WeightFactory(store, prefix, initializerRange), encoder));
    }
  }

  /** Records the encoder and the head of the shape's task. */
  record(tape: Tape, shape: BatchShape): Recording {
    const head = this.#head(shape.task);
    const { batch, sequence } = shape;
    const tokens = [batch, sequence], labels = head.labels(shape);
    const inputs = {
      inputIds: tape.input("input_ids", tokens, "u32"),
      attentionMask: tape.input("attention_mask", tokens, "u32"),
      tokenTypeIds: tape.input("token_type_ids", tokens, "u32"),
      firstPositions: tape.input("positions of [CLS]", [batch, 1], "u32"),
      labels: tape.input("labels", [labels], head.labelType),
      weights: tape.input("weights of labels", [labels], "f32"),
      normalizer: tape.input("normaliser of labels", [1], "f32"),
    };
    if (head.seesPadding) tape.computePadding();
    const padding = paddingOf(tape, inputs.attentionMask);
    const hiddenStates = encode(tape, this.encoder, this.#weights, { ...inputs, padding });
    const logits = head.logits(tape, { ...inputs, hiddenStates, padding, shape });
    const loss = head.loss(tape, logits, inputs.labels, inputs);
    return {
      inputs,
      losses: [{ name: "loss", loss, weight: 1 }],
      outputs: tape.training ? {} : { logits, loss },
    };
  }

  /**
   * What to write for a batch; chance has no part in it.
   *
   * @throws {ModelError} for a task without a head, or labels that are not as many as the head has.
   */
  prepare(batch: FinetuningBatch): PreparedBatch {
    const { task, batch: sequences, sequence, inputIds, attentionMask, tokenTypeIds } = batch;
    const shape = { batch: sequences, sequence, task };
    const head = this.#head(task);
    const count = head.labels(shape);
    const given = batch.labels ?? new Float32Array(count).fill(NaN);
    if (given.length !== count) {
      throw new ModelError(`${task}: a batch of ${sequences} sequences has ${given.length} labels`);
    }
    const weights = new Float32Array(count);
    const labels: HostArray = head.labelType === "u32"
      ? new Uint32Array(count)
      : new Float32Array(count);
    for (let i = 0; i < count; i++) {
      if (given[i] === NO_LABEL || Number.isNaN(given[i])) continue;
      labels[i] = given[i];
      weights[i] = batch.weights?.[i] ?? 1;
    }
    const firstPositions = new Uint32Array(sequences);
    const normalizer = normalizerOf(weights);
    return {
      shape,
      inputs: {
        inputIds,
        attentionMask,
        tokenTypeIds,
        firstPositions,
        labels,
        weights,
        normalizer,
      },
    };
  }

  /** Begins an evaluation: it gathers logits, and the loss where labels are known. */
  evaluation(): Evaluation<FinetuningBatch, FinetuningEvaluation> {
    const batches: BatchLogits[] = [];
    let sum = 0, weight = 0;
    return {
      add: (batch: FinetuningBatch, { inputs }: PreparedBatch, { logits, loss }: Outputs): void => {
        batches.push({ batch, logits: logits as Float32Array });
        let own = 0;
        for (let i = 0; i < inputs.weights.length; i++) own += inputs.weights[i];
        if (own > 0) sum += loss[0] * own;
        weight += own;
      },
      result: (): FinetuningEvaluation => ({ loss: sum / weight, batches }),
    };
  }

  /** What the head of a task does. */
  kindOf(task: string): HeadKind {
    return this.#head(task).kind;
  }

  #head(task: string | undefined): Head {
    const head = this.#heads.get(task ?? "");
    if (head) return head;
    const tasks = [...this.#heads.keys()].join(", ");
    throw new ModelError(`there is no head for "${task}"; there are heads for ${tasks}`);
  }
}
