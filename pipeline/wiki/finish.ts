/**
 * The end of an extraction: duplicates are left out, a manifest is written, and the folder takes its
 * name.
 *
 * Duplicates are looked for once all parts are there, in the order of the dump, so that the outcome does
 * not depend on who made which part. Files are rewritten in place; what was removed from one does not
 * change what is removed from the next, so a run that was stopped in the middle can simply begin anew.
 *
 * @module
 */
import { dirname } from "@std/path/mod.js";
import { syncFolder, writeFileAtomic } from "../atomic_file.ts";
import { PipelineError } from "../errors.ts";
import { refuseStrangers, removeOwn } from "../own_files.ts";
import { Deduplicator } from "../text/deduplicate.ts";
import { readDocuments } from "../text/documents.ts";
import { compressSegment, SegmentedGzip } from "../text/gzip_segments.ts";
import { addCounts, noCounts } from "./counts.ts";
import { commonest } from "./losses.ts";
import { type Deduplicate, type ExtractManifest, MANIFEST_NAME } from "./manifest.ts";
import { type DonePart, type Duplicates, isOurs, partName, type PartsFolder } from "./parts.ts";

const SEGMENT_LENGTH = 1 << 20;

/** Dropped templates that a manifest names; there are many that stand on one page alone. */
const NAMED_TEMPLATES = 1000;

/**
 * Finishes an extraction whose parts are all done.
 *
 * @param onProgress told how many of how many documents have been compared.
 * @throws {PipelineError} when nothing was extracted.
 */
export async function finishExtraction(
  parts: PartsFolder,
  out: string,
  deduplicate: Deduplicate,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<ExtractManifest> {
  const { folder, recipe } = parts;
  const done = [...parts.done.values()].sort((a, b) => a.part - b.part);
  const counts = noCounts();
  for (const part of done) addCounts(counts, part.counts);
  counts.losses.templates = Object.fromEntries(commonest(counts.losses, NAMED_TEMPLATES));
  if (counts.documents === 0) {
    await removeOwn(folder, isOurs);
    throw new PipelineError(
      counts.pages === 0
        ? `${recipe.dump} holds no page; give a pages-articles dump`
        : `none of the ${counts.pages} pages of ${recipe.dump} is an article to keep`,
    );
  }
  const filled = done.filter(({ counts }) => counts.documents > 0);
  const removed = deduplicate === "none"
    ? filled.map(() => NO_DUPLICATES)
    : await removeDuplicates(parts, filled, deduplicate, signal, onProgress);
  const sum = (key: keyof Duplicates): number => removed.reduce((n, one) => n + one[key], 0);
  const manifest: ExtractManifest = {
    format: "kohaku-text-1",
    recipe,
    deduplicate,
    counts,
    duplicates: { exact: sum("exact"), near: sum("near"), characters: sum("characters") },
    files: filled.map(({ part, counts }, i) => ({
      name: partName(part),
      documents: counts.documents - removed[i].exact - removed[i].near,
      characters: counts.characters - removed[i].characters,
    })),
  };
  await writeFileAtomic(`${folder}/${MANIFEST_NAME}`, JSON.stringify(manifest, null, 2) + "\n");
  await takeName(folder, out, manifest);
  return manifest;
}

const NO_DUPLICATES: Duplicates = { exact: 0, near: 0, characters: 0 };

async function removeDuplicates(
  parts: PartsFolder,
  filled: readonly DonePart[],
  deduplicate: "exact" | "near",
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Duplicates[]> {
  const seen = new Deduplicator(deduplicate === "near");
  const total = filled.reduce((sum, { counts }) => sum + counts.documents, 0);
  let compared = 0;
  const removed: Duplicates[] = [];
  for (const part of filled) {
    signal.throwIfAborted();
    const path = `${parts.folder}/${partName(part.part)}`;
    const found = { ...NO_DUPLICATES };
    const lines: string[] = [];
    for await (const { id, title, text } of readDocuments(path)) {
      const verdict = seen.add(text);
      if (verdict === "new") {
        lines.push(JSON.stringify({ id, title, text }) + "\n");
      } else {
        found[verdict]++;
        found.characters += text.length;
      }
      onProgress(++compared, total);
    }
    if (found.exact + found.near > 0) {
      // Counts first: if the run ends between, the same is found again.
      await parts.save({ ...part, duplicates: found });
      await rewrite(path, lines);
    }
    removed.push(found.exact + found.near > 0 ? found : part.duplicates ?? NO_DUPLICATES);
  }
  return removed;
}

async function rewrite(path: string, lines: readonly string[]): Promise<void> {
  const file = await SegmentedGzip.create(path);
  try {
    for (let at = 0; at < lines.length;) {
      let length = 0;
      const from = at;
      while (at < lines.length && length < SEGMENT_LENGTH) length += lines[at++].length;
      await file.append(compressSegment(lines.slice(from, at).join("")));
    }
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Gives the finished folder its name; an extraction that bore it before goes away. */
async function takeName(folder: string, out: string, manifest: ExtractManifest): Promise<void> {
  await removeOwn(replaced(out), isOurs);
  // Somebody may have put something there since the extraction began.
  await refuseStrangers(out, isOurs, "an extraction");
  await Deno.rename(out, replaced(out)).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.rename(folder, out);
  await syncFolder(dirname(out));
  await tidy(out, manifest);
}

/** Where an extraction goes whose name another takes. */
function replaced(out: string): string {
  return `${out}.part.old`;
}

/** Removes what has served once an extraction has its name. A run that was killed may have left some. */
export async function tidy(out: string, { files }: ExtractManifest): Promise<void> {
  await removeOwn(replaced(out), isOurs);
  const kept = new Set([MANIFEST_NAME, ...files.map(({ name }) => name)]);
  for (const { name } of [...Deno.readDirSync(out)]) {
    if (isOurs(name) && !kept.has(name)) await Deno.remove(`${out}/${name}`);
  }
}
