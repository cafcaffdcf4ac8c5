/** The one way tasks write whole files: under a temporary name, synced, then renamed. */
export { writeFileAtomic } from "../../pipeline/atomic_file.ts";

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
