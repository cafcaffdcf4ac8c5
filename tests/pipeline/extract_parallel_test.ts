/** Streams of a dump spread over workers, shards and runs: always the same bytes. */
import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { PipelineError } from "../../pipeline/errors.ts";
import { readDocuments } from "../../pipeline/text/documents.ts";
import { findStreams } from "../../pipeline/wiki/bzip2.ts";
import { decompressorCommand } from "../../pipeline/wiki/decompressor.ts";
import { extractDump, type ExtractOptions } from "../../pipeline/wiki/extract.ts";
import { readStreamIndex } from "../../pipeline/wiki/stream_index.ts";

function unpack(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** `<mediawiki>`; the pages 1 and 2; the pages 3 and 4; `</mediawiki>`: a bzip2 stream each. */
const [HEAD, FIRST, SECOND, TAIL] = [
  "QlpoOTFBWSZTWR8dYC4AAArZkUAQUACAFye/jMABIABAIABAlQnpGIaaD1MTQo0NAAAA6ANZkxpOUpHL76Oj" +
  "Rabud0pKaKyoPZ6tsywbRjVTy8DMS4+41ARfsY/F3JFOFCQHx1gLgA==",
  "QlpoOTFBWSZTWUq6954AAC3d+VAQUYDwPzAAP6fdYHLM5QyC7IgAC+AwAPtDGBoCYCZBgmAmTEYRgBD0Gp6o" +
  "NTQD1B6gABoaYmIaNGgAFVNQpjUyMCYQaNDRhAAAaGSdKVpIhJJQkQcqorrbChdxPn6zWLRgGAhFwNVQVklG" +
  "UK0gosXiUm0FjBAqBoXwQkEMAjYxLCZMyIZUyEy5RQiE6fqv3Eox2GRlGdlYXQQzrK2mSgsqSuymMqlcqmZB" +
  "UaFZoKVKyVm2nULyLl1QnbpfIUmduLi6maVKkhVLykvoNLuatcS5I7ZtX7xxrPiPTZsn9x2WCOgNc/ob1Loh" +
  "PwgCA/whBuLuSKcKEglXXvPA",
  "QlpoOTFBWSZTWeP9DwYAABbZ+VAQUADoNz6n3WBwCAAGAMCAAQkAIACSDVPU0PSAaAADTQAGJIR6mnkIGh6T" +
  "CBkDiYEBEETEBC6h8d6qJi+hQXKoOph3+NWpkyvjWzWqTJnODR7F9sgMJbrgqYYFDWJDmJw8Ti9DHEGcYS2h" +
  "SkImFAIxpAFmYJ0KMUkF+gMLfL5pvoux356xP3Q/F3JFOFCQ4/0PBg==",
  "QlpoOTFBWSZTWe2+c6oAAAFZgAAQAACABSYqAIAgACIGhpoIBppoAksUl1rvF3JFOFCQ7b5zqg==",
].map(unpack);

/** Four streams cut inside a character, inside `<page>` and inside `</mediawiki>`. */
const CUT_ANYWHERE = [
  "QlpoOTFBWSZTWe0PQjUAAA9Z+QAQUADwFya/3cBwDgAoAEAAUAwgIACEEpKe1Qek/Uj1PU0PUzRqAAGimQAAAA0ND" +
  "TSw2szIChJmYUrl1efnFo4S6N1Dgc8XiiimYFJ0SXFDPY8cOMMU1JCaUaZgVilUgEo25KEOiimQJBARuAzE4CCe" +
  "JKQYMIArJ5The/DU9vl+qDGhjWrLw/xdyRThQkO0PQjU",
  "QlpoOTFBWSZTWRAy7/QAABLZ8QAQAACABSKh3UBwDgAoABAIICAAIiaajJoeak00abUKaNAGgABEgZWSVG5LdU4YA" +
  "AHGsVLJWPrvDtnDu/4u5IpwoSAgZd/o",
  "QlpoOTFBWSZTWTJ1tJgAABfZ+QAQAADIBSan3UBwJMAAEEAAYA4gIABIamjJADTaQAACVT0IAAAAM1ERjCCORwyza" +
  "wUrVCTjM2g1gIXkUZB4WeK2DAPA3MjZUIMsGmg5yI0nD6Lb3ggvyvfBe1T8XckU4UJAydbSYA==",
  "QlpoOTFBWSZTWU4Gwa4AAAHJgAAQAAEkKACAIAAxDADEwig63TeLuSKcKEgnA2DXAA==",
].map(unpack);

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Many streams; the same few pages again and again. */
const ROUNDS = 30;
const MANY = join([
  HEAD,
  ...Array.from({ length: ROUNDS }, (_, i) => i % 3 === 2 ? SECOND : FIRST),
  TAIL,
]);

/** Small enough for a dozen parts. */
const PART_BYTES = 1000;

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/dump`, MANY);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function extract(
  folder: string,
  out: string,
  more: Partial<ExtractOptions> = {},
  ...rest: [signal?: AbortSignal, onProgress?: () => void]
): ReturnType<typeof extractDump> {
  return await extractDump(optionsOf(folder, out, more), ...rest);
}

function optionsOf(folder: string, out: string, more: Partial<ExtractOptions>): ExtractOptions {
  return {
    dump: `${folder}/dump`,
    out: `${folder}/${out}`,
    minLength: 0,
    dropLists: false,
    dropSections: false,
    overwrite: false,
    partBytes: PART_BYTES,
    ...more,
  };
}

/** Every file of a folder, byte by byte. */
async function bytesOf(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of [...Deno.readDirSync(folder)].map(({ name }) => name).sort()) {
    files[name] = (await Deno.readFile(`${folder}/${name}`)).toHex();
  }
  return files;
}

Deno.test("streams are found where they start, also over the ends of what is read at once", () =>
  inFolder(async (folder) => {
    const ends = [HEAD, FIRST, FIRST, SECOND];
    const starts = ends.reduce((all, { length }) => [...all, all[all.length - 1] + length], [0]);
    using file = await Deno.open(`${folder}/dump`);
    assertEquals([...findStreams(file, 0)].slice(0, 5), starts);
    assertEquals([...findStreams(file, 1, starts[2])], [starts[1]]);
    // A start at each place around the end of the first mebibyte.
    for (let before = 0; before < 14; before++) {
      const at = (1 << 20) - before;
      const bytes = new Uint8Array(at + HEAD.length);
      bytes.set(HEAD, at);
      await Deno.writeFile(`${folder}/far`, bytes);
      using far = await Deno.open(`${folder}/far`);
      assertEquals([...findStreams(far, 0)], [at]);
    }
  }));

Deno.test("any number of workers, an index, and a tool that decodes give the same documents", () =>
  inFolder(async (folder) => {
    await extract(folder, "one");
    const one = await bytesOf(`${folder}/one`);
    assert(Object.keys(one).length > 6, Object.keys(one).join());
    await extract(folder, "three", { numProcesses: 3 });
    assertEquals(await bytesOf(`${folder}/three`), one);

    let offset = HEAD.length;
    const lines = Array.from({ length: ROUNDS }, (_, i) => {
      const line = `${offset}:${i}:題:名\n`;
      offset += (i % 3 === 2 ? SECOND : FIRST).length;
      return line + line;
    });
    await Deno.writeTextFile(`${folder}/index`, lines.join(""));
    assertEquals((await readStreamIndex(`${folder}/index`)).length, ROUNDS + 1);
    await extract(folder, "indexed", { index: `${folder}/index` });
    assertEquals(await bytesOf(`${folder}/indexed`), one);
    await Deno.writeTextFile(`${folder}/index`, lines.join("") + "題\n");
    await assertRejects(
      () => extract(folder, "none", { index: `${folder}/index` }),
      PipelineError,
      `line ${2 * ROUNDS + 1}: not of an index`,
    );
  }));

Deno.test("shards together equal one run byte for byte, in any order", () =>
  inFolder(async (folder) => {
    await extract(folder, "one", { deduplicate: "exact" });
    for (const order of [[3, 1, 4, 2], [1, 2, 3, 4]]) {
      const out = `of-${order.join("")}`;
      for (const [i, index] of order.entries()) {
        const shard = { index, count: 4 };
        const { manifest } = await extract(folder, out, { shard, deduplicate: "exact" });
        assertEquals(manifest !== undefined, i === 3);
      }
      assertEquals(await bytesOf(`${folder}/${out}`), await bytesOf(`${folder}/one`));
    }
  }));

Deno.test("a shard that was lost is made up for by a run of all", () =>
  inFolder(async (folder) => {
    await extract(folder, "one");
    await extract(folder, "two", { shard: { index: 2, count: 3 } });
    const { manifest, resumedParts, parts } = await extract(folder, "two");
    assert(manifest !== undefined && resumedParts > 0 && parts > resumedParts);
    assertEquals(await bytesOf(`${folder}/two`), await bytesOf(`${folder}/one`));
  }));

Deno.test("a run stopped at any point goes on and ends like one that was not", () =>
  inFolder(async (folder) => {
    await extract(folder, "one");
    for (const stop of [1, 3, 6]) {
      const out = `stopped-${stop}`;
      const controller = new AbortController();
      let calls = 0;
      await assertRejects(
        () =>
          extract(folder, out, { numProcesses: 2 }, controller.signal, () => {
            if (++calls === stop) controller.abort(new Error("stopped"));
          }),
        Error,
        "stopped",
      );
      assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name === out), false);
      await extract(folder, out);
      assertEquals(await bytesOf(`${folder}/${out}`), await bytesOf(`${folder}/one`));
    }
  }));

/** Extracts in a process of its own, which is killed before it changes the n-th name on the disk. */
async function killBefore(change: number, options: ExtractOptions): Promise<"halted" | "ended"> {
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-sys=hostname",
      new URL("./extract_kill_test_process.ts", import.meta.url).pathname,
      JSON.stringify(options),
      String(change),
    ],
    stdout: "piped",
  }).spawn();
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("halted")) child.kill("SIGKILL");
  }
  const { success } = await child.status;
  assertEquals(success, said === "ended\n", said);
  return said === "ended\n" ? "ended" : "halted";
}

Deno.test("a run killed before any change of a name ends, run again, like one that was not", () =>
  inFolder(async (folder) => {
    const more: Partial<ExtractOptions> = { deduplicate: "near", partBytes: 2_000 };
    await extract(folder, "one", more);
    const one = await bytesOf(`${folder}/one`);
    assert(Object.keys(one).length > 3, Object.keys(one).join());
    let change = 0;
    for (let end = "halted"; end === "halted";) {
      // One more that replaces an extraction with other options.
      await extract(folder, "out", { minLength: 5, overwrite: true });
      end = await killBefore(++change, optionsOf(folder, "out", { ...more, overwrite: true }));
      await extract(folder, "out", { ...more, overwrite: true });
      assertEquals(await bytesOf(`${folder}/out`), one, `killed before change ${change}`);
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
      assertEquals(names, ["dump", "one", "out"], `killed before change ${change}`);
      await Deno.remove(`${folder}/out`, { recursive: true });
    }
    // Two for each part, some for its duplicates, the manifest, the folder's name, what has served.
    assert(change > 15, `${change} changes`);
  }));

Deno.test("the last shard, killed while it finishes, finishes when it is run again", () =>
  inFolder(async (folder) => {
    const more: Partial<ExtractOptions> = { deduplicate: "exact", partBytes: 2_000 };
    await extract(folder, "one", more);
    await extract(folder, "out", { ...more, shard: { index: 1, count: 2 } });
    const last = { ...more, shard: { index: 2, count: 2 } };
    assertEquals(await killBefore(9, optionsOf(folder, "out", last)), "halted");
    const turn = [...Deno.readDirSync(`${folder}/.kohaku-locks`)].map(({ name }) => name)
      .filter((name) => /^out\.part\.finish-lock-[0-9a-f-]+$/.test(name));
    assertEquals(turn.length, 1);
    const { manifest } = await extract(folder, "out", last);
    assert(manifest !== undefined);
    assertEquals(await bytesOf(`${folder}/out`), await bytesOf(`${folder}/one`));
  }));

Deno.test("what another dump or other options began is not mixed in", () =>
  inFolder(async (folder) => {
    await extract(folder, "out", { shard: { index: 1, count: 2 } });
    await assertRejects(
      () => extract(folder, "out", { minLength: 5 }),
      PipelineError,
      "(different: minLength)",
    );
    const { resumedParts } = await extract(folder, "out", { minLength: 5, overwrite: true });
    assertEquals(resumedParts, 0);
  }));

Deno.test("pages that reach over the ends of streams are taken once, for parts of any size", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeFile(`${folder}/dump`, join(CUT_ANYWHERE));
  for (const partBytes of [60, 150, 100_000]) {
    const out = `parts-of-${partBytes}`;
    await extract(folder, out, { partBytes });
    const texts: string[] = [];
    for await (const { text } of readDocuments(`${folder}/${out}`)) texts.push(text);
    assertEquals(texts, ["雨が降る。", "雪が降る。", "風が吹く。"]);
  }
  await Deno.writeFile(`${folder}/dump`, join(CUT_ANYWHERE.slice(0, 3)));
  await assertRejects(
    () => extract(folder, "cut", { partBytes: 60 }),
    PipelineError,
    "is cut short",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("XML, which must be read from its beginning, is shared out and resumed as well", async () => {
  const folder = await Deno.makeTempDir();
  const text = "雨が降る。".repeat(2_000);
  const pages = Array.from(
    { length: 120 },
    (_, i) =>
      `<page><title>${i}</title><ns>0</ns><id>${i}</id>` +
      `<revision><text>${text}</text></revision></page>\n`,
  );
  await Deno.writeTextFile(`${folder}/dump`, `<mediawiki>\n${pages.join("")}</mediawiki>\n`);
  const options = { partBytes: 200_000 };
  await extract(folder, "one", options);
  const one = await bytesOf(`${folder}/one`);
  assert(Object.keys(one).length > 3);
  await extract(folder, "two", { ...options, shard: { index: 2, count: 2 } });
  await extract(folder, "two", { ...options, numProcesses: 2, shard: { index: 1, count: 2 } });
  assertEquals(await bytesOf(`${folder}/two`), one);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a hostile page is one page: those around it come out", async () => {
  const folder = await Deno.makeTempDir();
  const hostile = [
    "{{".repeat(10_000),
    "\n{|\n|".repeat(10_000),
    "&amp;amp;".repeat(50_000),
    "[[a|".repeat(10_000),
    "* [[甲|乙]]（{{lang-en|a}}）\n".repeat(70_000),
  ];
  const pages = hostile.flatMap((text, i) => [text, `本文${i}。`]).map((text, i) =>
    `<page><title>${i}</title><ns>0</ns><id>${i}</id>` +
    `<revision><text>${text}</text></revision></page>\n`
  );
  await Deno.writeTextFile(`${folder}/dump`, `<mediawiki>\n${pages.join("")}</mediawiki>\n`);
  await extract(folder, "out", { minLength: 1 });
  const texts: string[] = [];
  for await (const { text } of readDocuments(`${folder}/out`)) texts.push(text);
  for (const i of hostile.keys()) assert(texts.includes(`本文${i}。`));
  assert(texts.some((text) => text.startsWith("乙（英語: a）\n乙") && text.length > 600_000));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a decompressor gets the flags it needs, or those that are given", () => {
  assertEquals(decompressorCommand("lbzip2"), ["lbzip2", "-d", "-c"]);
  assertEquals(decompressorCommand(" bzip2 -d -s "), ["bzip2", "-d", "-s"]);
});

Deno.test("what a decompressor writes is read; one that fails or cannot be run is told", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/decode.sh`, `cat > /dev/null; cat "$1"`);
    const xml = "<mediawiki><page><title>一</title><ns>0</ns><id>1</id>" +
      "<revision><text>雨。</text></revision></page></mediawiki>";
    await Deno.writeTextFile(`${folder}/xml`, xml);
    await extract(folder, "out", { decompressor: `sh ${folder}/decode.sh ${folder}/xml` });
    for await (const { text } of readDocuments(`${folder}/out`)) assertEquals(text, "雨。");

    await Deno.writeTextFile(`${folder}/fail.sh`, "echo 'bad block' >&2; exit 3");
    const failing = { decompressor: `sh ${folder}/fail.sh` };
    await assertRejects(
      () => extract(folder, "none", failing),
      PipelineError,
      "(exit code 3: bad block)",
    );
    // Tests may run few programs: this one is not there, or not allowed.
    await assertRejects(
      () => extract(folder, "none", { decompressor: "no-such-tool" }),
      PipelineError,
      "no-such-tool",
    );
    assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name.startsWith("none")), false);
  }));
