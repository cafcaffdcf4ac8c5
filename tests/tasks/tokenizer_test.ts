/** A tokenizer and what was made with it belong together. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";
import { resolveHparams } from "../../model/electra/config.ts";
import { PipelineError } from "../../pipeline/errors.ts";
import { buildExamples } from "../../pipeline/examples/build.ts";
import { rewritePieces } from "../../pipeline/sentencepiece/model_proto.ts";
import { loadTokenizer, requireSameTokenizer } from "../../tasks/common/tokenizer.ts";
import { tinyModel } from "../pipeline/tiny_model.ts";

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("examples built with another tokenizer of the same size are refused", async () => {
  await withFolder(async (data) => {
    const model = `${data}/wiki-ja.model`, output = `${data}/pretrain_tfrecords`;
    await Deno.writeFile(model, tinyModel());
    await Deno.mkdir(`${data}/text`);
    const text = JSON.stringify({ id: "1", text: "あいうえお。".repeat(50) }) + "\n";
    await Deno.writeTextFile(`${data}/text/a.jsonl`, text);
    await buildExamples(
      {
        input: `${data}/text`,
        model,
        output,
        maxSeqLength: 16,
        numProcesses: 1,
        compress: "none",
        evalFraction: 0,
        seed: 1,
        doLowerCase: false,
        overwrite: false,
      },
      new AbortController().signal,
      () => {},
    );
    const { hparams } = resolveHparams({});
    const own = await loadTokenizer(data, hparams);
    await requireSameTokenizer(own, [output, data]);
    // The same pieces, two of them with each other's ids.
    const last = own.processor.vocabSize - 1;
    const pieces = [own.processor.idToPiece(last), own.processor.idToPiece(last - 1)];
    const swapped = rewritePieces(
      tinyModel(),
      "m",
      (piece, id) => id < last - 1 ? piece : { ...piece, piece: pieces[id - last + 1] },
    );
    await Deno.writeFile(model, swapped);
    const other = await loadTokenizer(data, hparams);
    assertEquals(other.processor.vocabSize, own.processor.vocabSize);
    const error = await assertRejects(
      () => requireSameTokenizer(other, [output]),
      PipelineError,
      `${output}: these examples were built with another tokenizer than ${model}`,
    );
    assertStringIncludes(error.message, other.sha256.slice(0, 12));
  });
});

Deno.test("sentencepiece replaces neither a model nor another's vocab.txt unless asked", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.txt`, "あいうえお。\nいうえ。\n".repeat(9));
    const task = fromFileUrl(new URL("../../tasks/sentencepiece.ts", import.meta.url));
    const train = async (prefix: string, ...more: string[]): Promise<[number, string]> => {
      const flags = ["--input", `${folder}/a.txt`, "--model-prefix", `${folder}/${prefix}`];
      const limit = ["--vocab-size", "16", "--no-hard-vocab-limit", ...more];
      const { code, stderr } = await new Deno.Command("deno", {
        args: ["run", "-RWE", "--no-prompt", task, ...flags, ...limit],
        env: { NO_COLOR: "1" },
      }).output();
      return [code, new TextDecoder().decode(stderr)];
    };
    await Deno.writeTextFile(`${folder}/vocab.txt`, "of another\n");
    const [code, message] = await train("a");
    assertEquals(code, 2, message);
    assertStringIncludes(message, `${folder}/vocab.txt is there already`);
    assertEquals(await Deno.readTextFile(`${folder}/vocab.txt`), "of another\n");
    assertEquals((await train("a", "--overwrite"))[0], 0);
    const vocabulary = await Deno.readTextFile(`${folder}/vocab.txt`);
    assert(vocabulary.startsWith("<unk>\n"));
    // In the same folder, a second model would take the first one's vocab.txt.
    assertStringIncludes((await train("b"))[1], "choose another --model-prefix in another folder");
    assertStringIncludes((await train("a"))[1], "a.model is there already");
    assertEquals((await train("elsewhere/b"))[0], 0);
  });
});
