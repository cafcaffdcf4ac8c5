/** Every task that takes text says what is not UTF-8, and reads it where its encoding is named. */
import { assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";
import { tinyModel } from "../pipeline/tiny_model.ts";

async function run(
  task: string,
  args: string[],
  input = new Uint8Array(0),
): Promise<{ code: number; out: string; err: string }> {
  const path = fromFileUrl(new URL(`../../tasks/${task}.ts`, import.meta.url));
  const child = new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-env", path, ...args],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(input).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** あいう。い。う。 in Shift_JIS, as Python's codec writes it. */
const SJIS = Uint8Array.fromHex("82a082a282a4814282a2814282a481420a");

Deno.test("encode, sentencepiece and build take no Shift_JIS for UTF-8, and take it by name", async () => {
  const data = await Deno.makeTempDir({ prefix: "kohaku-encoding-" });
  try {
    const model = `${data}/wiki-ja.model`;
    await Deno.writeFile(model, tinyModel());
    await Deno.writeFile(`${data}/a.txt`, SJIS);
    await Deno.mkdir(`${data}/text`);
    const quote = (text: string): number[] => [...new TextEncoder().encode(text)];
    const line = [...quote('{"text":"'), ...SJIS.subarray(0, -1), ...quote('"}\n')];
    await Deno.writeFile(`${data}/text/a.jsonl`, Uint8Array.from(line.concat(line, line)));
    const train = ["--input", `${data}/a.txt`, "--model-prefix", `${data}/m`, "--vocab-size", "12"];
    const flags: [string, string[], Uint8Array<ArrayBuffer>?][] = [
      ["encode", ["--model", model], SJIS],
      ["sentencepiece", [...train, "--no-hard-vocab-limit"]],
      ["build", ["--data-dir", data, "--eval-fraction", "0"]],
    ];
    for (const [task, args, input] of flags) {
      const refused = await run(task, args, input);
      assertEquals(refused.code, 1, `${task}: ${refused.err}`);
      assertStringIncludes(refused.err, "looks like shift_jis");
      assertStringIncludes(refused.err, "iconv -f CP932 -t UTF-8");
      assertEquals(refused.out, "", task);
      const taken = await run(task, [...args, "--encoding", "sjis"], input);
      assertEquals(taken.code, 0, `${task}: ${taken.err}`);
      const unknown = await run(task, [...args, "--encoding", "klingon"], input);
      assertEquals(unknown.code, 2, task);
      assertStringIncludes(unknown.err, "klingon is not known");
    }
    const vocabulary = await Deno.readTextFile(`${data}/vocab.txt`);
    for (const character of "あいう。") assertStringIncludes(vocabulary, character);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
