/**
 * Token, position and segment embeddings; picking rows; dropout.
 *
 * @module
 */
import { dropout as dropoutKernel } from "../../kernels/elementwise/elementwise.ts";
import {
  embeddingForward,
  embeddingPositionBackward,
  embeddingTypeBackward,
  embeddingWordBackward,
} from "../../kernels/embedding/embedding.ts";
import {
  gatherRows as gatherKernel,
  gatherRowsBackward,
} from "../../kernels/gather_rows/gather_rows.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../autograd/tensor.ts";
import { ModelError } from "../errors.ts";

/** The three embedding tables. */
export interface EmbeddingTables {
  /** [vocabulary, columns] */
  readonly word: Tensor;
  /** [positions, columns] */
  readonly position: Tensor;
  /** [types, columns] */
  readonly type: Tensor;
}

/**
 * word[id] + position[place] + type[segment].
 *
 * @param ids u32 [batch, sequence]
 * @param typeIds u32 [batch, sequence]
 * @returns [batch·sequence, columns]
 */
export function embed(tape: Tape, ids: Tensor, typeIds: Tensor, tables: EmbeddingTables): Tensor {
  const [batch, sequence] = ids.shape;
  const { word, position, type } = tables;
  const columns = word.columns;
  const [vocabulary, positions, types] = [word.rows, position.rows, type.rows];
  if (sequence > positions || position.columns !== columns || type.columns !== columns) {
    throw new ModelError(`embed: ${ids} does not fit ${word}, ${position} and ${type}`);
  }
  const tokens = batch * sequence, { storage } = tape;
  const output = tape.activation("embeddings", [tokens, columns], storage);
  tape.run(
    "embed",
    embeddingForward({ batch, sequence, columns, vocabulary, positions, types, storage }),
    { ids, typeIds, wordTable: word, positionTable: position, typeTable: type, output },
  );
  tape.differentiate("embed", [word, position, type], [output], (gradients) => {
    const outputGradient = gradients.of(output);
    gradients.into(word, (tableGradient, accumulate) => {
      tape.run(
        "word embedding gradient",
        embeddingWordBackward({ tokens, columns, vocabulary, accumulate, storage }),
        { ids, outputGradient, tableGradient },
      );
    });
    gradients.into(position, (tableGradient, accumulate) => {
      tape.run(
        "position embedding gradient",
        embeddingPositionBackward({ batch, sequence, columns, positions, accumulate, storage }),
        { outputGradient, tableGradient },
      );
    });
    gradients.into(type, (tableGradient, accumulate) => {
      tape.run(
        "segment embedding gradient",
        embeddingTypeBackward({ tokens, columns, types, accumulate, storage }),
        { typeIds, outputGradient, tableGradient },
      );
    });
  });
  return output;
}

/** Drops elements with the given rate and scales up the rest, where the tape trains. */
export function dropout(tape: Tape, input: Tensor, rate: number): Tensor {
  if (!tape.training || rate === 0) return input;
  const spec = { elements: input.elements, rate, stream: tape.nextStream(), storage: tape.storage };
  const output = tape.activation(`dropout of ${input.name}`, input.shape, tape.storage);
  tape.run("dropout", dropoutKernel(spec), { input, output });
  tape.differentiate("dropout", [input], [output], (gradients) => {
    gradients.into(input, (gradient, accumulate) => {
      tape.run("dropout backward", dropoutKernel({ ...spec, accumulate }), {
        input: gradients.of(output),
        output: gradient,
      });
    });
  });
  return output;
}

/**
 * Rows of a batch of sequences at given positions.
 *
 * @param input [batch·sequence, columns]
 * @param positions u32 [batch, picks]
 * @returns [batch·picks, columns]
 */
export function gatherRows(tape: Tape, input: Tensor, positions: Tensor): Tensor {
  const [batch, picks] = positions.shape;
  const columns = input.columns;
  const sequence = input.rows / batch;
  if (!Number.isInteger(sequence)) {
    throw new ModelError(`gather: ${input} is not ${batch} sequences, as ${positions} wants`);
  }
  const { storage } = tape;
  const spec = { batch, sequence, picks, columns, storage };
  const output = tape.activation(`rows of ${input.name}`, [batch * picks, columns], storage);
  tape.run("gather", gatherKernel(spec), { input, positions, output });
  tape.differentiate("gather", [input], [output], (gradients) => {
    gradients.into(input, (inputGradient, accumulate) => {
      tape.run("gather backward", gatherRowsBackward({ ...spec, accumulate }), {
        positions,
        outputGradient: gradients.of(output),
        inputGradient,
      });
    });
  });
  return output;
}
