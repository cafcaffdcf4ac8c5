/**
 * Decoding by an installed tool.
 *
 * @module
 */
import { PipelineError } from "../errors.ts";
import type { ByteInput } from "./byte_input.ts";

/** Tools that unpack archives, which are files, to standard output. */
const ARCHIVER = /(?:^|\/)7z[azr]?$/;

/**
 * The command that decompresses from standard input to standard output. A tool given by its name alone
 * (`lbzip2`, `pbzip2`, `zstd`, `7z`) gets the flags that make it do so.
 */
export function decompressorCommand(text: string): string[] {
  const words = text.trim().split(/\s+/);
  if (words.length > 1) return words;
  return ARCHIVER.test(words[0]) ? [words[0], "x", "-so"] : [words[0], "-d", "-c"];
}

/**
 * What a command writes when it is given the input.
 *
 * @param input what it reads from standard input; undefined where it is given a file.
 * @param name of the input, for messages.
 * @throws {PipelineError} when the command cannot be run or says that it failed.
 */
export async function* readCommand(
  command: readonly string[],
  input: ByteInput | undefined,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const shown = command.join(" ");
  let child: Deno.ChildProcess;
  try {
    const [program, ...args] = command;
    child = new Deno.Command(program, {
      args,
      stdin: input ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new PipelineError(
        `running ${
          command[0]
        } was not allowed; answer the question with y, or give Deno the flag ` +
          `--allow-run=${command[0]}`,
      );
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PipelineError(
      `${command[0]} is not installed; install it or leave out --decompressor`,
    );
  }
  const complaint = new Response(child.stderr).text();
  const feeding = input ? feed(input, child.stdin) : undefined;
  let whole = false;
  try {
    for await (const bytes of child.stdout) yield bytes;
    await feeding;
    const { success, code } = await child.status;
    whole = true;
    if (success) return;
    const [reason] = (await complaint).trim().split("\n");
    throw new PipelineError(
      `${shown} could not decode ${name} (exit code ${code}: ${reason || "no reason given"}); ` +
        "check the file and the command",
    );
  } finally {
    if (!whole) {
      try {
        child.kill();
      } catch {
        // It is gone already.
      }
      await child.status;
    }
    await complaint;
  }
}

/** Writes all of the input; a command that ends early says why itself. */
async function feed(input: ByteInput, stdin: WritableStream<Uint8Array>): Promise<void> {
  const writer = stdin.getWriter();
  try {
    for (let bytes = input.take(); bytes.length > 0; bytes = input.take()) {
      await writer.write(bytes);
    }
    await writer.close();
  } catch {
    await writer.abort().catch(() => {});
  }
}
