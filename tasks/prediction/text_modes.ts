/** What a pre-trained model is asked about one text: fill-mask, detect, embed and score. */

import type { Predictor } from "../../model/electra/predictor.ts";
import type { FeatureBatch, HasInputs } from "../../pipeline/finetuning/batches.ts";
import { CodePoints } from "../../pipeline/finetuning/code_points.ts";
import { joinTexts, type WindowInput, windowInput } from "../../pipeline/finetuning/input.ts";
import { encodeMasked, MASK } from "../../pipeline/finetuning/masks.ts";
import type { Token, Tokenizer } from "../../pipeline/finetuning/tokens.ts";
import { windowsOver } from "../../pipeline/finetuning/windows.ts";
import type { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";
import { SPACE } from "../../pipeline/sentencepiece/normalizer.ts";
import { type Answer, type Mode, shown } from "./mode.ts";
import { BadRequest, type Fields, textOf } from "./requests.ts";

/** A pre-trained model and its tokenizer. */
export interface TextModel {
  readonly predictor: Predictor;
  readonly processor: SentencePieceProcessor;
  readonly tokenizer: Tokenizer;
  /** Ids of special pieces. */
  readonly special: { readonly cls: number; readonly sep: number; readonly pad: number };
  readonly maskId: number;
  /** Longest sequence. */
  readonly maxSeqLength: number;
  /** Numbers of the last layer for each token. */
  readonly hiddenSize: number;
}

/** What all modes over one text share. */
abstract class TextMode<F extends HasInputs, R> implements Mode<F, R> {
  readonly columns: readonly string[] = ["text"];
  cutTexts = 0;

  constructor(protected readonly model: TextModel) {}

  get maxSeqLength(): number {
    return this.model.maxSeqLength;
  }

  abstract features(fields: Fields): readonly F[];
  abstract run(batch: FeatureBatch<F>): Promise<readonly R[]>;
  abstract answer(fields: Fields, features: readonly F[], said: readonly R[]): Answer;

  destroy(): void {
    this.model.predictor.destroy();
  }

  /** The tokens that fit between [CLS] and [SEP]. */
  protected cut(tokens: readonly Token[]): readonly Token[] {
    const room = this.maxSeqLength - 2;
    if (tokens.length <= room) return tokens;
    this.cutTexts++;
    return tokens.slice(0, room);
  }
}

/** A text with holes. */
interface MaskedFeature extends HasInputs {
  /** Places of the holes in the sequence. */
  readonly places: readonly number[];
}

/** A piece that may stand in a hole. */
interface Guess {
  readonly id: number;
  readonly probability: number;
}

/** The likeliest pieces for each [MASK] of a text. */
export class FillMask extends TextMode<MaskedFeature, readonly (readonly Guess[])[]> {
  constructor(model: TextModel, readonly topK: number) {
    super(model);
  }

  features(fields: Fields): readonly MaskedFeature[] {
    const { tokenizer, maskId, special } = this.model;
    const text = textOf(fields, "text");
    if (text === "") return [];
    const { tokens, places } = encodeMasked(tokenizer, text, maskId);
    if (places.length === 0) throw new BadRequest(`has no ${MASK} to fill`);
    const seen = this.cut(tokens);
    const within = places.filter((place) => place < seen.length);
    if (within.length < places.length) {
      throw new BadRequest(
        `has a ${MASK} behind its first ${seen.length} tokens, which is all that the model sees`,
      );
    }
    return [{ inputs: [joinTexts(special, seen)], places: within.map((place) => place + 1) }];
  }

  async run(batch: FeatureBatch<MaskedFeature>): Promise<(readonly Guess[])[][]> {
    const most = Math.max(...batch.features.map(({ places }) => places.length));
    const positions = new Uint32Array(batch.batch * most);
    batch.features.forEach(({ places }, row) => positions.set(places, row * most));
    const logits = await this.model.predictor.generatorLogits(batch, positions);
    const vocabulary = logits.length / positions.length;
    return batch.features.map(({ places }, row) =>
      places.map((_, pick) => {
        const at = (row * most + pick) * vocabulary;
        return this.#best(logits.subarray(at, at + vocabulary));
      })
    );
  }

  #best(logits: Float32Array): Guess[] {
    let greatest = -Infinity, sum = 0;
    for (const logit of logits) greatest = Math.max(greatest, logit);
    for (const logit of logits) sum += Math.exp(logit - greatest);
    return Array.from(logits.keys())
      .sort((a, b) => logits[b] - logits[a] || a - b)
      .slice(0, this.topK)
      .map((id) => ({ id, probability: Math.exp(logits[id] - greatest) / sum }));
  }

  answer(
    fields: Fields,
    _: readonly MaskedFeature[],
    [said]: readonly (readonly (readonly Guess[])[])[],
  ): Answer {
    const text = textOf(fields, "text"), points = new CodePoints(text);
    const parts = text.split(MASK);
    let unit = 0;
    const masks = said.map((guesses, i) => {
      unit += parts[i].length;
      const [start, end] = [unit, unit += MASK.length].map((at) => points.fromUnits(at));
      const best = guesses.map(({ id, probability }) => ({
        piece: this.model.processor.idToPiece(id),
        probability: shown(probability),
      }));
      return { start, end, best };
    });
    const written = (piece: string): string => piece.replaceAll(SPACE, " ");
    const filled = parts.map((part, i) => part + written(masks[i]?.best[0].piece ?? "")).join("");
    return { filled, masks };
  }
}

/** A text, or a window of it. */
interface TextFeature extends HasInputs {
  readonly inputs: readonly [WindowInput];
  /** All tokens of the text. */
  readonly tokens: readonly Token[];
}

/** Which parts of a text look replaced. */
export class Detect extends TextMode<TextFeature, Float32Array> {
  constructor(model: TextModel, readonly threshold: number, readonly stride: number | undefined) {
    super(model);
  }

  features(fields: Fields): readonly TextFeature[] {
    const tokens = this.model.tokenizer.encode(textOf(fields, "text"));
    if (tokens.length === 0) return [];
    const room = this.maxSeqLength - 2;
    return windowsOver(tokens.length, room, this.stride ?? Math.ceil(room / 2)).map((window) => ({
      inputs: [windowInput(this.model.special, tokens, window)],
      tokens,
    }));
  }

  async run(batch: FeatureBatch<TextFeature>): Promise<Float32Array[]> {
    const logits = await this.model.predictor.discriminatorLogits(batch);
    return rowsOf(batch, logits);
  }

  answer(
    fields: Fields,
    features: readonly TextFeature[],
    said: readonly Float32Array[],
  ): Answer {
    const text = textOf(fields, "text"), points = new CodePoints(text);
    const replaced: Answer[] = [];
    features.forEach(({ inputs: [{ window, offset }], tokens }, i) => {
      for (let token = window.core[0]; token < window.core[1]; token++) {
        const probability = 1 / (1 + Math.exp(-said[i][token - window.start + offset]));
        const { start, end } = tokens[token];
        if (end <= start || probability < this.threshold) continue;
        replaced.push({
          start: points.fromUnits(start),
          end: points.fromUnits(end),
          text: text.slice(start, end),
          probability: shown(probability),
        });
      }
    });
    return { replaced };
  }
}

/** How the tokens of a text become one vector: that of [CLS], their mean, or each its own. */
export type Pooling = "first" | "mean" | "tokens";

/** Vectors of a text. */
export class Embed extends TextMode<TextFeature, Float32Array> {
  constructor(model: TextModel, readonly pooling: Pooling, readonly normalize: boolean) {
    super(model);
  }

  features(fields: Fields): readonly TextFeature[] {
    const tokens = this.cut(this.model.tokenizer.encode(textOf(fields, "text")));
    if (tokens.length === 0) return [];
    const [window] = windowsOver(tokens.length, tokens.length, tokens.length);
    return [{ inputs: [windowInput(this.model.special, tokens, window)], tokens }];
  }

  async run(batch: FeatureBatch<TextFeature>): Promise<Float32Array[]> {
    const rows = rowsOf(batch, await this.model.predictor.hiddenStates(batch));
    const { hiddenSize } = this.model;
    return rows.map((states, row) => {
      const [{ inputIds }] = batch.features[row].inputs;
      if (this.pooling === "first") return states.slice(0, hiddenSize);
      if (this.pooling === "tokens") return states.slice(hiddenSize, hiddenSize * inputIds.length);
      const mean = new Float32Array(hiddenSize);
      for (let k = 0; k < hiddenSize; k++) {
        let sum = 0;
        for (let token = 0; token < inputIds.length; token++) sum += states[token * hiddenSize + k];
        mean[k] = sum / inputIds.length;
      }
      return mean;
    });
  }

  answer(
    fields: Fields,
    [{ tokens }]: readonly TextFeature[],
    [said]: readonly Float32Array[],
  ): Answer {
    if (this.pooling !== "tokens") return { embedding: this.#vector(said) };
    const points = new CodePoints(textOf(fields, "text"));
    const { hiddenSize, processor } = this.model;
    return {
      tokens: tokens.map(({ id, start, end }, i) => ({
        piece: processor.idToPiece(id),
        start: points.fromUnits(start),
        end: points.fromUnits(end),
        embedding: this.#vector(said.subarray(i * hiddenSize, (i + 1) * hiddenSize)),
      })),
    };
  }

  #vector(values: Float32Array): number[] {
    let length = 1;
    if (this.normalize) {
      length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)) || 1;
    }
    return Array.from(values, (value) => shown(value / length));
  }
}

/** A text with one token hidden. */
interface HiddenTokenFeature extends HasInputs {
  /** Where it is in the sequence. */
  readonly place: number;
  /** Which it is. */
  readonly token: number;
}

/** How likely a text is: the sum of log p of its tokens, each hidden in turn (Salazar et al., ACL 2020). */
export class Score extends TextMode<HiddenTokenFeature, number> {
  features(fields: Fields): readonly HiddenTokenFeature[] {
    const { tokenizer, special, maskId } = this.model;
    const tokens = this.cut(tokenizer.encode(textOf(fields, "text")));
    const { inputIds, tokenTypeIds } = joinTexts(special, tokens);
    return tokens.map(({ id }, i) => ({
      inputs: [{ inputIds: inputIds.with(i + 1, maskId), tokenTypeIds }],
      place: i + 1,
      token: id,
    }));
  }

  async run(batch: FeatureBatch<HiddenTokenFeature>): Promise<number[]> {
    const losses = await this.model.predictor.tokenLosses(
      batch,
      Uint32Array.from(batch.features, ({ place }) => place),
      Uint32Array.from(batch.features, ({ token }) => token),
    );
    return [...losses];
  }

  answer(_: Fields, features: readonly HiddenTokenFeature[], said: readonly number[]): Answer {
    const sum = said.reduce((total, loss) => total + loss, 0);
    const perplexity = Math.exp(sum / said.length);
    return { score: shown(-sum), tokens: features.length, perplexity: shown(perplexity) };
  }
}

/** Rows of what was read back, one for each sequence. */
function rowsOf({ batch }: FeatureBatch<HasInputs>, values: Float32Array): Float32Array[] {
  const width = values.length / batch;
  return Array.from({ length: batch }, (_, row) => values.subarray(row * width, (row + 1) * width));
}
