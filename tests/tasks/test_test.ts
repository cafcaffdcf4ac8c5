import { assertEquals } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";

const TASK = fromFileUrl(new URL("../../tasks/test.ts", import.meta.url));

/** Runs the task on a small project; tells the last line that it prints, and its exit code. */
async function runOn(
  files: Record<string, string>,
  ...words: string[]
): Promise<{ code: number; last: string }> {
  const project = await Deno.makeTempDir({ prefix: "kohaku-project-" });
  try {
    await Deno.mkdir(join(project, "tests"));
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(project, name), text);
    }
    const { code, stdout } = await new Deno.Command("deno", {
      args: [
        "run",
        "--allow-read",
        "--allow-env",
        "--allow-run=deno",
        `--config=${fromFileUrl(new URL("../../deno.json", import.meta.url))}`,
        TASK,
        "--called-from",
        project,
        ...words,
      ],
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    return { code, last: lines.at(-1)! };
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

const SOUND = {
  "deno.json": '{ "exports": { ".": "./mod.ts" } }\n',
  "mod.ts": "/** A number. */\nexport const number: number = 1;\n",
  "tests/a_test.ts": 'Deno.test("a", () => {});\n',
};

Deno.test("a run of all tests counts the checks; one of chosen tests leaves them out", async () => {
  assertEquals(await runOn(SOUND), { code: 0, last: "5 passed, 0 failed" });
  assertEquals(await runOn(SOUND, "a_test"), { code: 0, last: "1 passed, 0 failed" });
});

Deno.test("a run whose tests all pass fails for its formatting, or for documentation that lacks", async () => {
  const files = { ...SOUND, "mod.ts": "export const number : number = 1;\n" };
  assertEquals(await runOn(files), { code: 1, last: "3 passed, 2 failed" });
});
