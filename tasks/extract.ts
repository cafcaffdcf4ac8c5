/** `deno task extract`: a MediaWiki dump in, clean text out. */

import { dirname } from "@std/path/mod.js";
import { decompressorCommand } from "../pipeline/wiki/decompressor.ts";
import type { PageCounts } from "../pipeline/wiki/counts.ts";
import { extractDump, type ExtractProgress } from "../pipeline/wiki/extract.ts";
import { commonest, droppedTemplates } from "../pipeline/wiki/losses.ts";
import { type ExtractManifest, readExtractManifest } from "../pipeline/wiki/manifest.ts";
import {
  Interrupted,
  InvalidArgumentError,
  Option,
  runTask,
  task,
  UsageError,
} from "./common/command.ts";
import { encodingOption } from "./common/encoding.ts";
import { integerFrom, workers } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { createProgress, type Progress } from "./common/progress.ts";
import { formatNumber, formatQuantity } from "./common/text.ts";

/** Reads `i/n`. */
function shard(text: string): { index: number; count: number } {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const index = Number(match?.[1]), count = Number(match?.[2]);
  if (match && index >= 1 && index <= count) return { index, count };
  throw new InvalidArgumentError(
    "Two numbers like 3/8 are needed, the first from 1 to the second.",
  );
}

const command = task(
  "extract",
  "Turns a MediaWiki dump (.xml, .bz2, .gz; .zst, .xz and .7z by a tool) into text, one JSON document a line. After an " +
    "interruption, the same command goes on where it stopped.",
  "deno task extract --dump jawiki-latest-pages-articles-multistream.xml.bz2 --out data/text \\\n" +
    "      --drop-sections --deduplicate near --num-processes 8",
)
  .option("--dump <file>", "the dump; - reads standard input")
  .option("--out <dir>", "the folder for documents; it holds nothing else", "data/text")
  .option("--min-length <n>", "characters below which a page is left out", integerFrom(0, 1e9), 50)
  .option("--drop-lists", "leave out pages named …の一覧", false)
  .option("--drop-sections", "leave out sections without prose (脚注, 出典, 関連項目, …)", false)
  .addOption(
    new Option(
      "--deduplicate <which>",
      "leave out documents whose text is there already: the same text, or nearly the same",
    ).choices(["none", "exact", "near"] as const).default("none" as const),
  )
  .option(
    "--num-processes <n>",
    "workers; the output does not depend on it (default: one per core)",
    workers,
  )
  .option(
    "--shard <i/n>",
    "do the i-th of n shares of the work; shards share one --out, and the last one finishes it",
    shard,
  )
  .option(
    "--decompressor <command>",
    "let an installed tool decode the dump, such as lbzip2, zstd, xz or 7z; asks for the " +
      "permission to run it",
  )
  .addOption(encodingOption)
  .option(
    "--templates <file>",
    "put in the text of the dump's own simple templates, from this file; where it does not exist, they " +
      "are collected from the dump first",
  )
  .option("--index <file>", "where streams start, as published (default: the dump is searched)")
  .option("--overwrite", "replace documents that were extracted otherwise", false)
  .option("--report", "extract nothing; report on the quality of what is in --out", false);

/** Asks for what `deno task extract` does not grant, since it is rarely needed. */
async function requestRun(decompressor: string): Promise<void> {
  const [program] = decompressorCommand(decompressor);
  const { state } = await Deno.permissions.request({ name: "run", command: program });
  if (state === "granted") return;
  throw new UsageError(
    `--decompressor needs the permission to run ${program}: answer y when asked, or grant it with ` +
      `\`deno run --allow-read=/ --allow-write=/ --allow-sys=hostname --allow-run=${program} ` +
      "tasks/extract.ts …`",
  );
}

/** Shows each phase as a bar of its own. */
function makeReporter(): { show(progress: ExtractProgress): void; finish(): void } {
  let phase: ExtractProgress["phase"] | undefined;
  let bar: Progress | undefined;
  let start = 0;
  return {
    show({ phase: next, done, resumed, total, pages, documents }): void {
      if (bar === undefined || next !== phase) {
        bar?.finish();
        phase = next;
        start = performance.now();
        const unit = next === "deduplicate" ? "documents" : "B";
        bar = createProgress({ label: next, total, unit, initial: resumed });
      }
      if (next !== "extract") return bar.update(done);
      const rate = documents / ((performance.now() - start) / 1000 || 1);
      const shown = [pages, documents].map(formatNumber);
      bar.update(done, `${shown[0]} pages, ${shown[1]} kept, ${formatNumber(Math.round(rate))}/s`);
    },
    finish(): void {
      bar?.finish();
    },
  };
}

/** What became of the pages, in one line. */
function summary({ counts, duplicates, files }: ExtractManifest): string {
  const sum = (key: "documents" | "characters"): number =>
    files.reduce((total, file) => total + file[key], 0);
  const { exact, near } = duplicates;
  const left = Object.entries({ ...counts.dropped, duplicate: exact, "near duplicate": near })
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${formatNumber(count)} ${reason}`);
  return `${formatQuantity(sum("documents"), "articles")}, ` +
    formatQuantity(sum("characters"), "characters") +
    (left.length > 0 ? `; left out: ${left.join(", ")}` : "");
}

/** Prints what is known about the quality of an extraction. */
function report(folder: string, manifest: ExtractManifest): void {
  const { counts, recipe } = manifest;
  const share = (part: number, whole: number): string =>
    `${formatNumber(part)} (${(100 * part / Math.max(1, whole)).toFixed(2)} %)`;
  console.log(`${folder}: ${summary(manifest)}`);
  console.log(`  dump                      ${recipe.dump}`);
  console.log(`  pages                     ${formatNumber(counts.pages)}`);
  for (const [reason, count] of Object.entries(counts.dropped)) {
    console.log(`  left out, ${reason.padEnd(16)}${share(count, counts.pages)}`);
  }
  console.log(`  kept                      ${share(counts.documents, counts.pages)}`);
  const { exact, near } = manifest.duplicates;
  console.log(`  duplicates                ${share(exact, counts.documents)}`);
  console.log(`  near duplicates           ${share(near, counts.documents)}`);
  console.log(`  pages with leftovers      ${share(counts.pagesWithLeftovers, counts.documents)}`);
  for (const [kind, count] of Object.entries(counts.leftovers)) {
    if (count > 0) console.log(`    ${kind.padEnd(24)}${formatNumber(count)}`);
  }
  reportLosses(counts);
  if (counts.worst.length > 0) console.log("  worst pages by leftovers");
  for (const { id, title, leftovers, kinds } of counts.worst) {
    console.log(
      `    ${formatNumber(leftovers).padStart(6)}  ${title} (${id}): ${kinds.join(", ")}`,
    );
  }
}

/** Dropped templates that are shown, of all that are counted. */
const SHOWN_TEMPLATES = 15;

/** Prints what readers see and the text lacks. */
function reportLosses(
  { losses, holes, headings, lossiest, characters, wikitext }: PageCounts,
): void {
  console.log(
    `  characters shown          ${
      (characters / Math.max(1, wikitext)).toFixed(3)
    } of the wikitext`,
  );
  console.log(`  places like holes         ${formatNumber(holes)}`);
  console.log(`  headings left as text     ${formatNumber(headings)}`);
  console.log(`  list items dropped        ${formatNumber(losses.listItems)}`);
  console.log(`  sentences cut             ${formatNumber(losses.sentences)}`);
  console.log(`  inline templates dropped  ${formatNumber(droppedTemplates(losses))}`);
  for (const [name, { count, example }] of commonest(losses, SHOWN_TEMPLATES)) {
    console.log(`    ${formatNumber(count).padStart(6)}  ${name}: ${example}`);
  }
  if (lossiest.length > 0) console.log("  worst pages by loss");
  for (const { id, title, lost, shown } of lossiest) {
    console.log(
      `    ${formatNumber(lost).padStart(6)}  ${title} (${id}): ${shown} of its wikitext`,
    );
  }
}

await runTask(command, async (options, signal) => {
  const { dump, out } = options;
  if (options.report) {
    await keepOnly({ read: [out] });
    return report(out, await readExtractManifest(out));
  }
  if (dump === undefined) throw new UsageError("--dump is needed: the MediaWiki dump to read");
  if (options.decompressor !== undefined) await requestRun(options.decompressor);
  const folder = await Deno.realPath(out).catch(() => out);
  await keepOnly({
    // The folder around the documents is synced when they take their name.
    read: [dump, options.index, dirname(folder)],
    write: [folder, `${folder}.part`, `${folder}.part.old`],
    lock: [folder],
  });
  const reporter = makeReporter();
  const { manifest, parts, resumedParts } = await extractDump(
    { ...options, dump, numProcesses: options.numProcesses ?? navigator.hardwareConcurrency },
    signal,
    reporter.show,
  ).catch((error) => {
    if (!signal.aborted) throw error;
    throw new Interrupted("interrupted; the same command goes on from here");
  });
  reporter.finish();
  if (manifest === undefined) {
    const { index, count } = options.shard!;
    console.log(
      `shard ${index} of ${count} is done; the one that ends last makes ${out}. If one was lost, run ` +
        "it again, or the same command without --shard",
    );
    return;
  }
  if (parts === 0) console.log("all of it was extracted already");
  else if (resumedParts > 0) console.log(`went on after ${formatQuantity(resumedParts, "parts")}`);
  console.log(`${out}: ${summary(manifest)}`);
}, { stopping: "stopping: the parts that are done stay" });
