/** The commands that README.md and the other documents show are held to what the tasks accept. */

import { assert, assertEquals, assertMatch } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import config from "../deno.json" with { type: "json" };
import { picture, shownLines } from "../docs/picture.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));

const TASKS = config.tasks as Record<string, { command: string }>;

/** Programs other than ours that the documents call. */
const OTHERS = ["cat", "cd", "curl", "deno", "git", "spm_encode", "spm_train", "tensorboard"];

/** A command of a document. */
interface Shown {
  readonly where: string;
  readonly words: string[];
}

/** The words of a line of shell, without the quotes around them, and without redirections. */
function wordsOf(line: string): string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words
    .filter((word, i) => !/^\d?[<>]/.test(word) && !/^[<>]$/.test(words[i - 1] ?? ""))
    .map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
}

/** The commands in the blocks of shell of a document. */
function commandsOf(file: string): Shown[] {
  const text = Deno.readTextFileSync(join(ROOT, file));
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
    block.replaceAll(/\\\n\s*/g, "").split("\n")
      .map((line) => line.replace(/(^|\s)#.*/, ""))
      .flatMap((line) => line.split(/ (?:\||&&) /))
      .map((line) => wordsOf(line.trim()))
      // Variables before a command.
      .map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))))
      .filter((words) => words.length > 0)
      .map((words) => ({ where: `${file}: ${words.join(" ")}`, words }))
  );
}

function documents(): string[] {
  const inFolder = (folder: string): string[] =>
    [...Deno.readDirSync(join(ROOT, folder))]
      .filter(({ name }) => name.endsWith(".md"))
      .map(({ name }) => `${folder}/${name}`.replace(/^\.\//, ""));
  return [...inFolder("."), ...inFolder("docs")].sort();
}

/** What a task says of itself with --help; undefined for one that is no program of ours. */
async function helpOf(task: string): Promise<string | undefined> {
  const [, flags, script] = /^deno run (.*?) ((?:tasks|tests|docs)\/\S+\.ts)/.exec(
    TASKS[task].command,
  ) ?? [];
  if (script === undefined) return undefined;
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "--quiet", ...flags.split(" "), script, "--help"],
    cwd: ROOT,
  }).output();
  assertEquals(code, 0, `${task} --help: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** What is wrong with a task's words, by its help; undefined where nothing is. */
function faultOf(words: readonly string[], help: string): string | undefined {
  const takesValue = new Map(
    [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)(?: ([<[]))?/gm)].map(([, flag, value]) =>
      [flag, value === "<"] as const
    ),
  );
  const [usage] = help.split("\n");
  const most = usage.includes("...]") ? Infinity : [...usage.matchAll(/ [<[](?!options)/g)].length;
  let given = 0;
  for (let i = 0; i < words.length; i++) {
    const [flag, value] = words[i].split("=", 2);
    if (!flag.startsWith("--")) {
      if (++given > most) return `takes no ${words[i]}`;
    } else if (!takesValue.has(flag)) {
      return `has no ${flag}`;
    } else if (takesValue.get(flag)) {
      const argument = value ?? words[++i];
      if (argument === undefined) return `${flag} lacks its value`;
      if (argument.startsWith("{")) JSON.parse(argument);
    }
  }
}

Deno.test("every command in README.md and the other documents is one that its task accepts", async () => {
  const shown = documents().flatMap(commandsOf);
  assert(shown.length > 30);
  const helps = new Map<string, string | undefined>();
  for (const { where, words } of shown) {
    const task = words[0] === "./kohaku"
      ? words[1]
      : words[0] === "deno" && words[1] === "task"
      ? words[2]
      : undefined;
    if (task === undefined) {
      assert(words[0] === "./kohaku" || OTHERS.includes(words[0]), where);
      continue;
    }
    assert(Object.hasOwn(TASKS, task), `${where}: there is no task ${task}`);
    if (!helps.has(task)) helps.set(task, await helpOf(task));
    const help = helps.get(task);
    const rest = words.slice(words[0] === "./kohaku" ? 2 : 3);
    if (help !== undefined) assertEquals(faultOf(rest, help), undefined, where);
  }
});

Deno.test("a flag or word too many in a document would be found", () => {
  const help =
    "Usage: deno task build [options] [name]\n\nOptions:\n  --verify <dir>  rereads\n  -h, --help  help\n";
  assertEquals(faultOf(["--verify", "data", "one"], help), undefined);
  assertEquals(faultOf(["--verfy", "data"], help), "has no --verfy");
  assertEquals(faultOf(["--verify"], help), "--verify lacks its value");
  assertEquals(faultOf(["one", "two"], help), "takes no two");
});

Deno.test("links between documents lead to files that are there", () => {
  for (const file of documents()) {
    const text = Deno.readTextFileSync(join(ROOT, file));
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      const path = join(ROOT, file, "..", target);
      assert(Deno.statSync(path) !== undefined, `${file} links to ${target}`);
    }
  }
});

Deno.test("README.ja.md shows the commands of README.md", () => {
  const words = (file: string): string[][] => commandsOf(file).map(({ words }) => words);
  assertEquals(words("README.ja.md"), words("README.md"));
});

Deno.test("the picture of a run shows what was written last of each line, without colours", () => {
  const recorded = "Script started on now\n\x1b[1mtext\x1b[0m  10%\rtext 100%\r\n日本 <&>\r\n";
  const lines = shownLines(recorded);
  assertEquals(lines, ["text 100%", "日本 <&>"]);
  const svg = picture(lines, '<svg width="900" height="270"></svg>');
  assertMatch(svg, /height="\d+"/);
  assert(svg.includes(">日本 &lt;&amp;&gt;</text>"));
});
