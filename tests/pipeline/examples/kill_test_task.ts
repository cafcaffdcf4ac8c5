/** Builds examples slowly, saving its state after every chunk, so that it can be killed anywhere. */

import { buildExamples } from "../../../pipeline/examples/build.ts";

const [folder, output, compress] = Deno.args;

await buildExamples(
  {
    input: `${folder}/text`,
    model: `${folder}/tiny.model`,
    output,
    maxSeqLength: 32,
    numProcesses: 2,
    numOutFiles: 5,
    compress: compress === "gzip" ? "gzip" : "none",
    evalFraction: 0.1,
    seed: 42,
    doLowerCase: false,
    overwrite: false,
    gatherBytes: 1,
  },
  new AbortController().signal,
  (progress) => {
    console.log(progress.phase === "encode" ? `${progress.documents}` : `file ${progress.files}`);
  },
);
