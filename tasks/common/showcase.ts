/** Three corrupted sentences and what the discriminator makes of them. */

import { bold, green, red } from "@std/fmt/colors.js";
import type { Pretraining } from "../../model/electra/pretraining.ts";
import type { ExampleBatch } from "../../pipeline/examples/loader.ts";
import type { SentencePieceProcessor } from "../../pipeline/sentencepiece/mod.ts";

/** Tokens of an example that are shown. */
const SHOWN_TOKENS = 40;

/** Logits above this count as a flag: more likely replaced than not. */
const FLAG = 0;

/**
 * Describes up to `count` examples of a held-out batch: the text with replaced pieces, what stood there,
 * and which pieces the model flags with what probability.
 */
export async function describeCorruptions(
  trainer: Pretraining,
  processor: SentencePieceProcessor,
  batch: ExampleBatch,
  count: number,
): Promise<string[]> {
  const { prepared, outputs } = await trainer.evaluateBatch(batch, 1);
  const { corruptedInputIds, labels, logits } = outputs;
  const { sequence } = prepared.shape;
  const shown: string[] = [];
  for (let row = 0; row < batch.examples && shown.length < count; row++) {
    const base = row * sequence;
    const places = Array.from({ length: SHOWN_TOKENS }, (_, i) => base + 1 + i).filter((place) =>
      place < base + sequence && batch.attentionMask[place] === 1 &&
      !processor.isControl(batch.inputIds[place])
    );
    const replaced = places.filter((place) => labels[place] > 0);
    if (replaced.length === 0) continue;
    const piece = (id: number): string => processor.idToPiece(id);
    const text = places.map((place) => {
      const now = piece(corruptedInputIds[place]).replaceAll("▁", " ");
      return labels[place] > 0 ? red(`[${now}]`) : now;
    }).join("");
    const were = replaced.map((place) =>
      `${piece(corruptedInputIds[place])} for ${piece(batch.inputIds[place])}`
    );
    const flags = [...places]
      .filter((place) => !Number.isNaN(logits[place]))
      .sort((a, b) => logits[b] - logits[a])
      .filter((place, i) => logits[place] > FLAG || i < replaced.length)
      .map((place) => {
        const chance = 1 / (1 + Math.exp(-logits[place]));
        const text = `${piece(corruptedInputIds[place])} ${Math.round(100 * chance)}%`;
        return labels[place] > 0 ? green(`${text} (right)`) : `${text} (wrong)`;
      });
    shown.push(
      `${bold(String(shown.length + 1))}  ${text.trim()}\n` +
        `   replaced:  ${were.join(", ")}\n` +
        `   suspected: ${flags.join(", ")}`,
    );
  }
  return shown;
}
