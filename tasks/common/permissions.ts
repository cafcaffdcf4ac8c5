/**
 * Least privilege. Which folders a task needs is known only once its flags are read, so `deno.json` grants
 * each task all files below `/`, and the task itself gives back what it does not need.
 *
 * A grant of everything (`--allow-read`) could only be revoked as a whole. A grant of the folder `/` is one
 * of a list: others can be put beside it, without a prompt since it covers them, and then it can be revoked
 * alone. Nothing brings it back in the same process, and workers begin with what is left.
 */

import { dirname, fromFileUrl, resolve } from "@std/path/mod.js";
import { lockFolder } from "../../pipeline/lock.ts";

/** The files and folders that a task still needs. */
export interface NeededPaths {
  /** What is read. */
  readonly read?: readonly (string | undefined)[];
  /** What is written, and read back. */
  readonly write?: readonly (string | undefined)[];
  /** What is locked: what is read or written while others must not change it. */
  readonly lock?: readonly (string | undefined)[];
}

/** Where Kohaku itself lies: workers load their modules from there. */
const CHECKOUT = fromFileUrl(new URL("../..", import.meta.url));

/** Gives back the permission to read and write anything but what is needed. Folders include their contents. */
export async function keepOnly({ read = [], write = [], lock = [] }: NeededPaths): Promise<void> {
  const given = (paths: readonly (string | undefined)[]): string[] =>
    paths.filter((path) => path !== undefined && path !== "" && path !== "-") as string[];
  const locks = (await throughLinks(given(lock))).map(lockFolder);
  const written = await throughLinks(given(write));
  await keep("write", [...written, ...locks]);
  // What a path is the real name of is asked of its folders, too.
  const looked = given([...read, ...write, ...lock]);
  await keep("read", [
    CHECKOUT,
    ...await throughLinks(given(read)),
    ...written,
    ...locks,
    ...looked,
  ]);
}

/** The paths, and where links lead from them; for one that is not there, where its folder is. */
async function throughLinks(paths: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (const path of paths.map((path) => resolve(path))) {
    const real = await Deno.realPath(path).catch(async () =>
      await Deno.realPath(dirname(path)).then((folder) =>
        resolve(folder, path.slice(dirname(path).length).replace(/^\//, ""))
      )
        .catch(() => path)
    );
    all.push(path, real);
  }
  return all;
}

async function keep(name: "read" | "write", paths: readonly string[]): Promise<void> {
  // One that was granted `/` itself keeps everything, since that is what it asked for.
  if (paths.includes("/")) return;
  for (const path of new Set(paths.map((path) => resolve(path)))) {
    const { state } = await Deno.permissions.query({ name, path });
    if (state === "granted") await Deno.permissions.request({ name, path });
  }
  await Deno.permissions.revoke({ name, path: "/" });
}
