/**
 * What every door shares: flags through commander, one clear line for each fault a person can
 * mend, exit codes (0 done, 1 explained failure, 2 bad usage, 130 interrupted), and Ctrl-C as an
 * abort signal so that a task can save what it has.
 */

import { Command, CommanderError, type OptionValues } from "@commander-js/extra-typings";
import { getColorEnabled, setColorEnabled } from "@std/fmt/colors.js";
import { closestString } from "@std/text/closest_string.js";
import { KernelError } from "../../kernels/errors.ts";
import { ModelError } from "../../model/errors.ts";
import { PipelineError } from "../../pipeline/errors.ts";

export { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";

/** The person asked for something that cannot be: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The person stopped the task, and what was done so far is saved: exit code 130. */
export class Interrupted extends Error {
  override name = "Interrupted";
}

/**
 * Begins the description of a task's flags; chain `.option(...)` on the result. `name` is what
 * follows `deno task`, `example` one full command line that `--help` shows.
 */
export function task(name: string, description: string, example: string): Command {
  return new Command(`deno task ${name}`)
    .description(description)
    .helpOption("-h, --help", "show this help")
    .option("--verbose", "show where in the program an error arose")
    .allowExcessArguments(false)
    .addHelpText("after", `\nExample:\n  ${example}\n`);
}

/** The nearest of the names that are valid, for messages about one that is not. */
export function nearest(given: string, valid: readonly string[]): string {
  return closestString(given, valid);
}

/**
 * Two interrupts this close together are one key press: `deno task` forwards the signal that the
 * terminal has already sent to the whole process group.
 */
const SAME_PRESS_MS = 250;

/** How often a task looks whether the process that started it is still there. */
const PARENT_MS = 500;

const INTERRUPTS = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"] as const
  : ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Aborts the returned signal at the first Ctrl-C, request to end or hang-up; the second ends the process
 * at once.
 *
 * @param stopping what the task says it does then.
 * @param orphaned whether the end of the process that started this one counts as a request to end.
 */
function listenForInterrupt(stopping: string, orphaned: boolean): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = (why: string): void => {
    first = performance.now();
    controller.abort(new Interrupted("interrupted"));
    console.error(`${why}${stopping} (Ctrl-C again ends it at once)`);
  };
  const onSignal = (): void => {
    if (!controller.signal.aborted) stop("\n");
    else if (performance.now() - first > SAME_PRESS_MS) Deno.exit(130);
  };
  for (const name of INTERRUPTS) Deno.addSignalListener(name, onSignal);
  if (orphaned && Deno.build.os !== "windows") {
    const parent = Deno.ppid;
    const timer = setInterval(() => {
      if (Deno.ppid === parent) return;
      clearInterval(timer);
      if (!controller.signal.aborted) stop("the process that started this one is gone: ");
    }, PARENT_MS);
    Deno.unrefTimer(timer);
  }
  return controller.signal;
}

/** What is printed on the way is not the work: where nobody reads it any more, the work goes on. */
function printWhereItCan(): void {
  for (const name of ["log", "info", "warn", "error"] as const) {
    const print = console[name].bind(console);
    console[name] = (...values: unknown[]): void => {
      try {
        print(...values);
      } catch {
        // The reader has gone away, or the disk is full.
      }
    };
  }
}

/**
 * The words of the command line. `deno task` runs in Kohaku's own folder and says in front of them where it
 * was called from (see deno.json): paths are relative to that.
 */
function commandLine(): { args: string[]; fromTask: boolean } {
  const [flag, folder, ...args] = Deno.args;
  if (flag !== "--called-from") return { args: Deno.args, fromTask: false };
  if (folder !== "") Deno.chdir(folder);
  return { args, fromTask: true };
}

/** Refuses empty paths, which come of variables that are not set. */
function refuseEmpty(
  command: Pick<Command, "options">,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const option of command.options) {
    if (given[option.attributeName()] !== "") continue;
    const [, what] = /<(dir|file|path|prefix|name|command)>/.exec(option.flags) ?? [];
    if (what === undefined) continue;
    throw new UsageError(`${option.long} is empty: give a ${what}, or leave the flag out`);
  }
}

/** Names of Deno's own error classes that a person can mend, with what to do about them. */
const SYSTEM_FAULTS: ReadonlyArray<readonly [abstract new () => Error, string]> = [
  [Deno.errors.NotFound, "check the path"],
  [Deno.errors.PermissionDenied, "check who may read and write there"],
  [Deno.errors.NotCapable, "run it through `deno task`, which grants what the task needs"],
  [Deno.errors.AlreadyExists, "remove it or choose another name"],
  [Deno.errors.IsADirectory, "a file was expected"],
  [Deno.errors.NotADirectory, "a directory was expected"],
  [Deno.errors.AddrInUse, "choose another port"],
];

/** What to print for an error that a person can mend; undefined for a fault of our own. */
function explain(error: unknown, signal: AbortSignal): { text: string; code: number } | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof UsageError) return { text: error.message, code: 2 };
  if (
    error instanceof Interrupted || error instanceof Deno.errors.Interrupted ||
    (signal.aborted && error.name === "AbortError")
  ) {
    return { text: error.message, code: 130 };
  }
  if (
    error instanceof PipelineError || error instanceof KernelError || error instanceof ModelError
  ) {
    return { text: error.message, code: 1 };
  }
  for (const [type, advice] of SYSTEM_FAULTS) {
    if (error instanceof type) return { text: `${error.message}; ${advice}`, code: 1 };
  }
  const code = (error as { code?: unknown }).code;
  if (code === "ENOSPC") return { text: `${error.message}; free some space and rerun`, code: 1 };
  if (code === "EROFS") return { text: `${error.message}; choose a folder to write in`, code: 1 };
  if (code === "EPIPE") return { text: "the reader of our output went away", code: 1 };
  if (typeof code === "string" && /^E[A-Z]+$/.test(code)) return { text: error.message, code: 1 };
  return undefined;
}

/** Turns commander's complaint into one line that names the nearest valid flag. */
function explainUsage(error: CommanderError, flags: readonly string[]): string {
  const message = error.message.replace(/^error: /, "").split("\n")[0];
  if (error.code !== "commander.unknownOption") return message;
  const given = /unknown option '([^'=]*)/.exec(message)?.[1] ?? "";
  return `unknown option '${given}'; the nearest valid one is '${nearest(given, flags)}'`;
}

/**
 * Parses the command line, runs `body` with the options, a signal that Ctrl-C aborts and the
 * positional arguments, and ends the process with the exit code that the outcome calls for.
 * Faults that a person can mend print one `error: …` line; any other error is ours and prints
 * its stack, which is what a report of it needs.
 */
export async function runTask<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
  body: (options: Options, signal: AbortSignal, args: Args) => Promise<void>,
  { stopping = "stopping" }: TaskTraits = {},
): Promise<never> {
  printWhereItCan();
  command.exitOverride().configureOutput({
    writeErr: () => {},
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  const { args, fromTask } = commandLine();
  try {
    await command.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) Deno.exit(0);
    const flags = ["--help", ...command.options.map((option) => option.long ?? option.flags)];
    console.error(`error: ${explainUsage(error, flags)}`);
    console.error(`       \`${command.name()} --help\` lists them all`);
    Deno.exit(2);
  }
  const signal = listenForInterrupt(stopping, fromTask);
  setColorEnabled(getColorEnabled() && Deno.stdout.isTerminal());
  const options = command.opts();
  try {
    refuseEmpty(command, options);
    await body(options, signal, command.processedArgs);
  } catch (error) {
    const fault = explain(error, signal);
    if (fault !== undefined) {
      console.error(fault.code === 130 ? fault.text : `error: ${fault.text}`);
      if (options.verbose) console.error(error);
      Deno.exit(fault.code);
    }
    console.error("error: this is a fault of Kohaku itself, not of your input; please report:");
    console.error(error);
    Deno.exit(1);
  }
  Deno.exit(0);
}

/** What tells tasks apart when they are run. */
export interface TaskTraits {
  /** What the task does at the first Ctrl-C, said to whoever pressed it: "stopping". */
  readonly stopping?: string;
}
