/** What one thread of `encode` does: a block of lines in, a block of ids or pieces out. */

import { serve } from "../ordered_workers.ts";
import { encodeBlock, type EncodeSetup } from "./encode_lines.ts";
import { SentencePieceProcessor } from "./processor.ts";

serve<EncodeSetup, Uint8Array, Uint8Array<ArrayBuffer>>(({ model, name, format }) => {
  const processor = SentencePieceProcessor.fromBytes(model, name);
  return (block) => {
    const result = encodeBlock(processor, block, format);
    return Promise.resolve({ result, transfer: [result.buffer] });
  };
});
