/** Which files of examples a list of patterns means, and how many examples each of them has. */

import { basename, dirname, globToRegExp } from "@std/path/mod.js";
import { PipelineError } from "../errors.ts";
import { RecordReader } from "../tfrecord/reader.ts";
import { type Manifest, readManifest } from "./manifest.ts";

/**
 * The files that comma-separated patterns match, sorted by path. A pattern's last part may hold
 * wildcards: `data/pretrain_tfrecords/pretrain_data.tfrecord*`. Throws a PipelineError for a
 * folder that is missing and a pattern that matches nothing.
 */
export async function expandPatterns(patterns: string): Promise<string[]> {
  const found = new Set<string>();
  // A comma may also be part of a folder's name.
  const inFolder = dirname(patterns).includes(",") &&
    await Deno.stat(dirname(patterns)).then(({ isDirectory }) => isDirectory, () => false);
  const parts = inFolder ? [patterns] : patterns.split(",");
  for (const pattern of parts.map((part) => part.trim())) {
    if (pattern === "") continue;
    const folder = dirname(pattern);
    const matches = globToRegExp(basename(pattern));
    const names: string[] = [];
    try {
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        if (!isDirectory && !name.endsWith(".part") && matches.test(name)) names.push(name);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new PipelineError(
        `${folder}: no such folder; make the examples with \`deno task build\``,
      );
    }
    if (names.length === 0) {
      throw new PipelineError(
        `${pattern}: no file matches; make the examples with \`deno task build\`, ` +
          `or name others with pretrain_tfrecords`,
      );
    }
    for (const name of names) found.add(`${folder}/${name}`);
  }
  if (found.size === 0) throw new PipelineError("no pattern names any file of examples");
  return [...found].sort();
}

/** Counts a file's records by reading it. */
async function countByReading(path: string): Promise<number> {
  const reader = await RecordReader.open(path);
  try {
    while (await reader.next() !== undefined);
    return reader.records;
  } finally {
    await reader.close();
  }
}

/**
 * How many examples each file has: from the manifest beside it if that describes a file of this
 * name and size, else by reading it.
 */
export async function countExamples(files: readonly string[]): Promise<number[]> {
  const manifests = new Map<string, Manifest | undefined>();
  const counts: number[] = [];
  for (const file of files) {
    const folder = dirname(file);
    if (!manifests.has(folder)) manifests.set(folder, await readManifest(folder));
    const manifest = manifests.get(folder);
    const name = basename(file);
    const described = manifest === undefined
      ? undefined
      : [...manifest.train.files, ...manifest.eval.files].find((entry) => entry.name === name);
    const { size } = await Deno.stat(file);
    counts.push(described?.bytes === size ? described.examples : await countByReading(file));
  }
  return counts;
}
