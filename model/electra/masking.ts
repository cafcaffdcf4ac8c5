/**
 * Masking, new for every step: which tokens are hidden from the generator (Clark et al., 2020, section
 * 3.1; `pretrain_helpers.mask` of the original).
 *
 * @module
 */
import { randomWord, uniformOpen } from "../../kernels/random/random.ts";
import { roundHalfToEven } from "../rounding.ts";

/** A batch as the loader gives it; each array holds batch·sequence numbers. */
export interface TokenBatch {
  /** Token ids. */
  readonly inputIds: Int32Array;
  /** 1 for a real token, 0 for padding. */
  readonly attentionMask: Int32Array;
  /** Segments. */
  readonly tokenTypeIds: Int32Array;
}

/** Ids of the special pieces, and the size of the vocabulary. */
export interface SpecialIds {
  /** [CLS] */
  readonly cls: number;
  /** [SEP] */
  readonly sep: number;
  /** [MASK] */
  readonly mask: number;
  /** Pieces in the vocabulary. */
  readonly vocabSize: number;
}

/** How much is masked. */
export interface MaskingOptions {
  /** Share of tokens to predict. */
  readonly maskProb: number;
  /** Predictions in a row at most. */
  readonly maxPredictions: number;
  /** Whether a uniform draw never is the token that stood there. */
  readonly disallowCorrect?: boolean;
}

/** What the generator sees and must predict. */
export interface MaskedBatch {
  /** u32 [batch·sequence] */
  readonly maskedInputIds: Uint32Array<ArrayBuffer>;
  /** u32 [batch·picks] in rising order within a row; 0 where the weight is 0. */
  readonly maskedPositions: Uint32Array<ArrayBuffer>;
  /** u32 [batch·picks] */
  readonly maskedIds: Uint32Array<ArrayBuffer>;
  /** f32 [batch·picks]: 1 for a prediction, 0 for padding. */
  readonly maskedWeights: Float32Array<ArrayBuffer>;
  /** u32 [batch·picks]: uniform draws from the vocabulary. */
  readonly uniformIds: Uint32Array<ArrayBuffer>;
}

/** Streams of the counter-based generator, apart from those that tapes hand out from 1 upward. */
const POSITION_STREAM = 0x80000001;
const REPLACE_STREAM = 0x80000002;
const UNIFORM_STREAM = 0x80000003;

/** Share of the chosen positions that become [MASK]; the rest keep their token. */
const MASKED_SHARE = 0.85;

/**
 * Chooses positions without replacement among real tokens that are not special, about `maskProb` of
 * the row's length, and masks 85% of them. A pure function of (seed, step, batch).
 */
export function maskBatch(
  batch: TokenBatch,
  sequence: number,
  special: SpecialIds,
  options: MaskingOptions,
  seed: number,
  step: number,
): MaskedBatch {
  const rows = batch.inputIds.length / sequence;
  const picks = options.maxPredictions;
  const masked: MaskedBatch = {
    maskedInputIds: Uint32Array.from(batch.inputIds),
    maskedPositions: new Uint32Array(rows * picks),
    maskedIds: new Uint32Array(rows * picks),
    maskedWeights: new Float32Array(rows * picks),
    uniformIds: new Uint32Array(rows * picks),
  };
  const candidates = new Int32Array(sequence);
  for (let row = 0; row < rows; row++) {
    const base = row * sequence;
    let count = 0, length = 0;
    for (let s = 0; s < sequence; s++) {
      if (batch.attentionMask[base + s] === 0) continue;
      length++;
      const id = batch.inputIds[base + s];
      if (id !== special.cls && id !== special.sep && id !== special.mask) candidates[count++] = s;
    }
    const wanted = Math.max(1, Math.min(picks, shareOf(length, options.maskProb)));
    const chosen = Math.min(wanted, count);
    // The first steps of a Fisher–Yates shuffle draw without replacement.
    for (let i = 0; i < chosen; i++) {
      const u = uniformOpen(randomWord(seed, POSITION_STREAM, step, base + i));
      const j = i + Math.floor(u * (count - i));
      [candidates[i], candidates[j]] = [candidates[j], candidates[i]];
    }
    const positions = candidates.subarray(0, chosen).slice().sort();
    positions.forEach((position, i) => {
      const element = row * picks + i;
      masked.maskedPositions[element] = position;
      masked.maskedIds[element] = batch.inputIds[base + position];
      masked.maskedWeights[element] = 1;
      const hide = uniformOpen(randomWord(seed, REPLACE_STREAM, step, element)) < MASKED_SHARE;
      if (hide) masked.maskedInputIds[base + position] = special.mask;
      const u = uniformOpen(randomWord(seed, UNIFORM_STREAM, step, element));
      const { vocabSize } = special, id = batch.inputIds[base + position];
      if (options.disallowCorrect) {
        const drawn = Math.floor(u * (vocabSize - 1));
        masked.uniformIds[element] = drawn + Number(drawn >= id);
      } else masked.uniformIds[element] = Math.floor(u * vocabSize);
    });
  }
  return masked;
}

/** A share of a row, rounded as the original does it: in float32, half to even. */
function shareOf(length: number, maskProb: number): number {
  return roundHalfToEven(Math.fround(length * Math.fround(maskProb)));
}
