/** Removing what a stage has made itself, and nothing else. */

import { PipelineError } from "./errors.ts";

/** Names of what is in a folder, sorted; none where there is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/**
 * Refuses a folder that holds anything but our own.
 *
 * @param maker who made what is ours, for the message: "an extraction".
 * @throws {PipelineError} naming up to three of the others.
 */
export async function refuseStrangers(
  folder: string,
  isOurs: (name: string) => boolean,
  maker: string,
): Promise<void> {
  const others = (await namesIn(folder)).filter((name) => !isOurs(name));
  if (others.length === 0) return;
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  throw new PipelineError(
    `${folder} holds ${
      others.slice(0, 3).join(", ")
    }${more}, which ${maker} did not make and will ` +
      "not remove; move it elsewhere, then run the same command again",
  );
}

/** Removes our own from a folder, and the folder once it is empty; what is not ours stays. */
export async function removeOwn(
  folder: string,
  isOurs: (name: string) => boolean,
): Promise<void> {
  const names = await namesIn(folder);
  for (const name of names.filter(isOurs)) {
    await Deno.remove(`${folder}/${name}`, { recursive: true });
  }
  if (names.every(isOurs)) {
    await Deno.remove(folder).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
