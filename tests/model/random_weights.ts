/** Weights of a whole ELECTRA, drawn at random without a device. */

import {
  discriminatorConfig,
  generatorConfig,
  type PretrainingHparams,
} from "../../model/electra/config.ts";
import { type SafeTensor, safeTensor } from "../../model/files/safetensors.ts";
import type { EncoderConfig } from "../../model/transformer/config.ts";
import { chance } from "../pipeline/sentencepiece/small_model.ts";
import type { NamedParameters } from "./reference_step.ts";

type Shapes = [string, number[]][];

function dense(name: string, outputs: number, inputs: number): Shapes {
  return [[`${name}.weight`, [outputs, inputs]], [`${name}.bias`, [outputs]]];
}

function norm(name: string, width: number): Shapes {
  return [[`${name}.weight`, [width]], [`${name}.bias`, [width]]];
}

function embeddings({ embeddingSize, vocabSize, maxPositionEmbeddings }: EncoderConfig): Shapes {
  const at = "electra.embeddings";
  return [
    [`${at}.word_embeddings.weight`, [vocabSize, embeddingSize]],
    [`${at}.position_embeddings.weight`, [maxPositionEmbeddings, embeddingSize]],
    [`${at}.token_type_embeddings.weight`, [2, embeddingSize]],
    ...norm(`${at}.LayerNorm`, embeddingSize),
  ];
}

function layers(config: EncoderConfig): Shapes {
  const { hiddenSize: hidden, intermediateSize: wide, embeddingSize } = config;
  const shapes: Shapes = embeddingSize === hidden
    ? []
    : dense("electra.embeddings_project", hidden, embeddingSize);
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const at = `electra.encoder.layer.${i}`;
    shapes.push(
      ...["query", "key", "value"].flatMap((name) =>
        dense(`${at}.attention.self.${name}`, hidden, hidden)
      ),
      ...dense(`${at}.attention.output.dense`, hidden, hidden),
      ...norm(`${at}.attention.output.LayerNorm`, hidden),
      ...dense(`${at}.intermediate.dense`, wide, hidden),
      ...dense(`${at}.output.dense`, hidden, wide),
      ...norm(`${at}.output.LayerNorm`, hidden),
    );
  }
  return shapes;
}

/** All weights of a model with tied embeddings, by their names in a checkpoint; none is 0 or 1. */
export function randomWeights(hparams: PretrainingHparams, seed: number): Map<string, SafeTensor> {
  const discriminator = discriminatorConfig(hparams), generator = generatorConfig(hparams);
  const named: Shapes = [
    ...[
      ...embeddings(discriminator),
      ...layers(discriminator),
      ...dense(
        "discriminator_predictions.dense",
        discriminator.hiddenSize,
        discriminator.hiddenSize,
      ),
      ...dense("discriminator_predictions.dense_prediction", 1, discriminator.hiddenSize),
    ].map(([name, shape]): [string, number[]] => [`discriminator.${name}`, shape]),
    ...[
      ...layers(generator),
      ...dense("generator_predictions.dense", generator.embeddingSize, generator.hiddenSize),
      ...norm("generator_predictions.LayerNorm", generator.embeddingSize),
      ["generator_lm_head.bias", [generator.vocabSize]] as [string, number[]],
    ].map(([name, shape]): [string, number[]] => [`generator.${name}`, shape]),
  ];
  const draw = chance(seed);
  return new Map(named.map(([name, shape]) => {
    const scale = name.endsWith("LayerNorm.weight");
    const data = Float32Array.from(
      { length: shape.reduce((product, d) => product * d, 1) },
      () => (draw(20_001) - 10_000) / 10_000 * (scale ? 0.3 : 0.2) + (scale ? 1.1 : 0.01),
    );
    return [name, safeTensor(data, shape)];
  }));
}

/** Weights as the float64 reference takes them. */
export function asReference(weights: ReadonlyMap<string, SafeTensor>): NamedParameters {
  return new Map(Array.from(weights, ([name, { bytes }]) => [
    name,
    Float64Array.from(new Float32Array(bytes.slice().buffer)),
  ]));
}
