import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { fromFileUrl } from "@std/path/mod.js";
import { gzipSync } from "fflate";
import { tinyModel } from "../pipeline/tiny_model.ts";

const TASK = fromFileUrl(new URL("../../tasks/build.ts", import.meta.url));

async function build(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-env", TASK, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("build makes examples by the original's flags, reports them, and verifies them", async () => {
  const data = await Deno.makeTempDir({ prefix: "kohaku-task-" });
  try {
    const lines = Array.from({ length: 60 }, (_, id) => {
      const text = "あいうえお。".repeat(id);
      return JSON.stringify({ id: String(id), title: "題", text }) + "\n";
    });
    await Deno.mkdir(`${data}/text`);
    const bytes = gzipSync(new TextEncoder().encode(lines.join("")));
    await Deno.writeFile(`${data}/text/0.jsonl.gz`, bytes);
    await Deno.writeFile(`${data}/wiki-ja.model`, tinyModel());
    const flags = ["--data-dir", data, "--max-seq-length", "64", "--eval-fraction", "0.2"];

    const first = await build(...flags, "--num-processes", "2");
    assertEquals(first.code, 0, first.err);
    assertStringIncludes(first.out, "of text became\n  training  ");
    assertStringIncludes(first.out, "held out  ");
    const again = await build(...flags, "--num-processes", "1");
    assertStringIncludes(again.out, "all of it was built already");

    const verified = await build("--verify", `${data}/pretrain_tfrecords`);
    assertEquals(verified.code, 0);
    assertStringIncludes(verified.err, "no fault");
    const other = await build(...flags, "--seed", "1");
    assertEquals([other.code, other.out], [1, ""]);
    assertStringIncludes(other.err, "(different: seed); pass --overwrite");
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("build refuses flags and values that cannot be, and says what is missing", async () => {
  const cases: [string[], number, string][] = [
    [["--max-seq-len", "128"], 2, "the nearest valid one is '--max-seq-length'"],
    [["--max-seq-length", "four"], 2, "An integer from 5 to 8192 is needed."],
    [["--eval-fraction", "1"], 2, "A number from 0 to below 1 is needed."],
    [["--compress", "bzip2"], 2, "Allowed choices are gzip, none."],
    [["--data-dir", "/no/such/data"], 1, "/no/such/data/text does not exist"],
    [["--verify", "/no/such/data"], 1, "/no/such/data: no manifest.json there"],
  ];
  const results = await Promise.all(cases.map(([args]) => build(...args)));
  for (const [i, { code, out, err }] of results.entries()) {
    assertEquals([code, out], [cases[i][1], ""], err);
    assertStringIncludes(err, cases[i][2]);
    assert(!err.includes("    at "), err);
  }
});
