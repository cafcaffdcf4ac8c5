/** Files of tasks. */

import { join } from "@std/path/mod.js";
import { writeFileAtomic } from "../../pipeline/atomic_file.ts";
import { UsageError } from "./command.ts";

/** The one way tasks write whole files: under a temporary name, synced, then renamed. */
export { writeFileAtomic } from "../../pipeline/atomic_file.ts";

/**
 * Writes files into a folder that holds no others of their names. Equal ones are kept, so that a run that was
 * killed, or met a full disk, can be repeated.
 *
 * @throws {UsageError} when another file has such a name; nothing is written then.
 */
export async function writeFilesOnce(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const missing: string[] = [];
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    const there = await Deno.readFile(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return undefined;
    });
    if (there === undefined) missing.push(name);
    else if (there.length !== bytes.length || there.some((byte, i) => byte !== bytes[i])) {
      throw new UsageError(`${path} is there already; choose another --out`);
    }
  }
  for (const name of missing) await writeFileAtomic(join(folder, name), files.get(name)!);
}

/** Paths of all files under `folder` whose name ends in `ending`, sorted; hidden ones left out. */
export async function listFiles(folder: string, ending: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory) found.push(...await listFiles(path, ending));
    else if (entry.name.endsWith(ending)) found.push(path);
  }
  return found.sort();
}
