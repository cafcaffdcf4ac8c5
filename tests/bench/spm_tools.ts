/** The original's command-line tools, from Debian's package `sentencepiece`. */

import { PipelineError } from "../../pipeline/errors.ts";

/** All of them. */
export const TOOLS = [
  "spm_train",
  "spm_encode",
  "spm_decode",
  "spm_normalize",
  "spm_export_vocab",
] as const;

/** One of them. */
export type Tool = typeof TOOLS[number];

/** What a tool wrote, or `undefined` where it gave up, with its last words. */
export async function tryTool(
  tool: Tool,
  args: readonly string[],
  input?: Uint8Array,
): Promise<{ output: Uint8Array | undefined; errors: string }> {
  const command = new Deno.Command(tool, {
    args: [...args],
    stdin: input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  });
  let child: Deno.ChildProcess;
  try {
    child = command.spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(`${tool} is not installed; install Debian's package sentencepiece`);
  }
  const output = child.output();
  // A tool that gives up reads no further.
  if (input) {
    await new Blob([input as Uint8Array<ArrayBuffer>]).stream().pipeTo(child.stdin).catch(() => {});
  }
  const { success, stdout, stderr } = await output;
  const errors = new TextDecoder().decode(stderr).slice(-400);
  return { output: success ? stdout : undefined, errors };
}

/**
 * What a tool wrote.
 *
 * @throws {PipelineError} with its last words where it gave up.
 */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  input?: Uint8Array,
): Promise<Uint8Array> {
  const { output, errors } = await tryTool(tool, args, input);
  if (output === undefined) throw new PipelineError(`${tool}: ${errors}`);
  return output;
}
