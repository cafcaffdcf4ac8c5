import { assert, assertEquals, assertLess, assertThrows } from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import {
  type RuleName,
  SentencePieceProcessor,
  TRAINER_DEFAULTS,
  trainSentencePiece,
} from "../../pipeline/sentencepiece/mod.ts";
import {
  exportTokenizer,
  type TokenizerExportOptions,
} from "../../pipeline/tokenizers/tokenizer_json.ts";
import { smallModelFile } from "../pipeline/sentencepiece/small_model.ts";
import { type ClientTokenizer, type Encoded, loadTokenizers } from "./load.ts";
import { oddLines } from "./tokenizer_lines.ts";

const SAMPLE = new URL("../../pipeline/sample/jawiki-sample.xml", import.meta.url);

const text = (await Deno.readTextFile(SAMPLE)).split("\n").filter((line) => line.length > 20);

const trained = new Map<RuleName, Promise<Uint8Array<ArrayBuffer>>>();

/** A model of the sample's text, trained once. */
function train(rule: RuleName): Promise<Uint8Array<ArrayBuffer>> {
  const options = {
    ...TRAINER_DEFAULTS,
    modelPrefix: "sample",
    vocabSize: 3000,
    seedSentencepieceSize: 50_000,
    normalizationRuleName: rule,
  };
  const model = trained.get(rule) ?? trainSentencePiece(text, options).then(({ model }) => model);
  trained.set(rule, model);
  return model;
}

async function clientsOf(
  model: Uint8Array,
  options: Partial<TokenizerExportOptions> = {},
): Promise<ClientTokenizer[]> {
  const files = exportTokenizer(model, "m", { doLowerCase: false, maxLength: 512, ...options });
  const [tokenizer, config] = ["tokenizer.json", "tokenizer_config.json"].map((name) =>
    new TextDecoder().decode(files.get(name))
  );
  return await loadTokenizers(tokenizer, config);
}

/** Holds clients to the encoder on lines, singly and in pairs; `prepare` is what comes before it. */
async function compare(
  model: Uint8Array,
  clients: readonly ClientTokenizer[],
  lines: readonly string[],
  prepare: (line: string) => string = (line) => line,
): Promise<void> {
  const processor = SentencePieceProcessor.fromBytes(model);
  const [cls, sep] = ["[CLS]", "[SEP]"].map((piece) => processor.pieceToId(piece));
  for (const client of clients) {
    const wrong: string[] = [], ties: string[] = [];
    const check = ({ ids, typeIds }: Encoded, wanted: number[], first: number, what: string) => {
      const types = wanted.map((_, at) => Number(at >= first));
      if (ids.join() === wanted.join()) {
        if (typeIds.join() !== types.join()) wrong.push(`${what}: types ${typeIds}`);
        return;
      }
      // Two paths of the same pieces score the same, as "[[[" does; which wins is a matter of rounding.
      const tie = [...ids].sort().join() === [...wanted].sort().join();
      (tie ? ties : wrong).push(`${what}: ${ids} not ${wanted}`);
    };
    for (let i = 0; i < lines.length; i++) {
      const [a, b] = [lines[i], lines[(i + 1) % lines.length]];
      const [first, second] = [a, b].map((line) => [...processor.encodeIds(prepare(line))]);
      const single = [cls, ...first, sep], pair = [...single, ...second, sep];
      check(await client.encode(a), single, single.length, JSON.stringify(a));
      // The JavaScript library takes an empty second text for none.
      if (b !== "") check(await client.encode(a, b), pair, single.length, JSON.stringify([a, b]));
    }
    assertEquals(wrong.slice(0, 10), [], `${client.name}: ${wrong.length} differ`);
    assertLess(ties.length, lines.length / 100, `${client.name}: ties`);
  }
}

Deno.test("two clients of tokenizer.json cut 5,000 odd lines, and pairs, as the encoder does", async () => {
  const model = await train("nmt_nfkc");
  const clients = await clientsOf(model);
  await compare(model, clients, oddLines(5000, text, 7));

  const lowered = await clientsOf(model, { doLowerCase: true });
  await compare(model, lowered, oddLines(500, text, 8), (line) => line.toLowerCase());

  // A mask in the text divides it; no space grows behind it, and none is lost.
  const processor = SentencePieceProcessor.fromBytes(model);
  const id = (piece: string): number => processor.pieceToId(piece);
  const ids = (line: string): number[] => [...processor.encodeIds(line)];
  const behind = (line: string): number[] => ids("x" + line).slice(ids("x").length);
  for (const client of clients) {
    const masked = await client.encode("日本の[MASK]である。 [MASK] x");
    const wanted = [
      id("[CLS]"),
      ...ids("日本の"),
      id("[MASK]"),
      ...behind("である。"),
      id("[MASK]"),
      ...ids("x"),
      id("[SEP]"),
    ];
    assertEquals([...masked.ids], wanted, client.name);
    const line = "東京は日本の首都である。";
    assertEquals(await client.decode((await client.encode(line)).ids), line, client.name);
  }
});

Deno.test("the other sets of rules are exported as the clients understand them", async () => {
  for (const rule of ["nfkc", "identity"] as const) {
    const model = await train(rule);
    const plain = text.slice(0, 300);
    await compare(model, await clientsOf(model), [...plain, ...plain.map((line) => ` ${line}  ｶﾞ`)]);
  }
});

Deno.test("what tokenizer.json cannot say is refused by name", () => {
  const options = { doLowerCase: false, maxLength: 512 };
  assertThrows(
    () => exportTokenizer(smallModelFile([["a", -1]]), "small.model", options),
    PipelineError,
    "small.model: the model has no piece [SEP], [PAD], [MASK]",
  );
  assertThrows(
    () => exportTokenizer(new Uint8Array([10, 200]), "cut.model", options),
    PipelineError,
    "cut.model",
  );
});

Deno.test("the configuration names the class that every reader takes tokenizer.json for", async () => {
  const files = exportTokenizer(await train("nmt_nfkc"), "m", {
    doLowerCase: false,
    maxLength: 128,
  });
  const read = (name: string): Record<string, unknown> =>
    JSON.parse(new TextDecoder().decode(files.get(name)));
  const config = read("tokenizer_config.json");
  assertEquals(config.tokenizer_class, "ElectraTokenizer");
  assertEquals(config.model_max_length, 128);
  assertEquals(config.clean_up_tokenization_spaces, false);
  assert((config.model_input_names as string[]).includes("token_type_ids"));
  const special = read("special_tokens_map.json");
  for (const key of ["unk", "sep", "pad", "cls", "mask"]) {
    assertEquals(config[`${key}_token`], special[`${key}_token`]);
  }
  assertEquals(Object.keys(special).length, 5);
});
