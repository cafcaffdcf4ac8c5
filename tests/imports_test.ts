import { assert, assertEquals, assertGreater } from "@std/assert/mod.js";
import { dirname, fromFileUrl, join, relative } from "@std/path/mod.js";

const ROOT = fromFileUrl(new URL("..", import.meta.url));

/** Codecs of bytes inside the pipeline: a room of their own, since model files are made of them too. */
const WIRE = "pipeline/wire";

/** Whom each room may import besides itself; the doors and the tests may import all. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  kernels: [],
  [WIRE]: [],
  pipeline: [WIRE],
  "model/files": ["model", "kernels", WIRE],
  model: ["model/files", "kernels", WIRE],
  tasks: ["kernels", "pipeline", "model", "model/files", WIRE, "deno.json"],
  "mod.ts": ["kernels", "pipeline", "model", "model/files", WIRE],
};

/** The specifiers that a module names: imports, re-exports, dynamic imports, workers. */
function specifiersOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:])\/\/.*$/gm, "$1");
  const patterns = [
    /\b(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s*["']([^"']+)["']/g,
    /\bimport\s*\(\s*["']([^"']+)["']/g,
    /\bnew\s+URL\s*\(\s*["']([^"']+)["']\s*,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]));
}

/** The room of a path relative to the project: the longest that is listed, else its first folder. */
function roomOf(path: string): string {
  const nested = Object.keys(ALLOWED).find((room) =>
    room.includes("/") && path.startsWith(`${room}/`)
  );
  return nested ?? path.split("/")[0];
}

/** Every arrow from `file` (relative to the project) that the design forbids, in words. */
function forbiddenArrows(file: string, source: string): string[] {
  const room = roomOf(file);
  return specifiersOf(source)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => relative(".", join(dirname(file), specifier)))
    // The checkout itself is a place, not a module.
    .filter((target) =>
      target !== "" && roomOf(target) !== room && !ALLOWED[room].includes(roomOf(target))
    )
    .map((target) => `${file} imports ${target}`);
}

/** All TypeScript files of a room, relative to the project. */
function filesOf(room: string): string[] {
  if (room.endsWith(".ts")) return [room];
  return [...Deno.readDirSync(join(ROOT, room))].flatMap((entry) => {
    const path = `${room}/${entry.name}`;
    if (entry.isDirectory) return filesOf(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

Deno.test("every import goes along an arrow that the architecture allows", () => {
  const found: string[] = [];
  for (const room of Object.keys(ALLOWED)) {
    const files = filesOf(room);
    assertGreater(files.length, 0, `no files in ${room}`);
    for (const file of files.filter((file) => roomOf(file) === room)) {
      found.push(...forbiddenArrows(file, Deno.readTextFileSync(join(ROOT, file))));
    }
  }
  assertEquals(found, []);
});

/** Whom each part of the model may import besides itself; all may use files right in `model/`. */
const MODEL_ARROWS: Readonly<Record<string, readonly string[]>> = {
  files: [],
  metrics: [],
  autograd: [],
  parameters: ["autograd", "files"],
  ops: ["autograd"],
  transformer: ["autograd", "ops", "parameters"],
  training: ["autograd", "ops", "parameters", "files"],
  electra: ["autograd", "ops", "parameters", "files", "metrics", "transformer", "training"],
  finetuning: ["autograd", "ops", "parameters", "files", "metrics", "transformer", "training"],
};

Deno.test("inside the model arrows go down: nobody below knows ELECTRA or fine-tuning", () => {
  const partOf = (path: string): string | undefined => /^model\/([^/]+)\//.exec(path)?.[1];
  const found: string[] = [];
  for (const file of filesOf("model")) {
    const part = partOf(file);
    if (part === undefined) continue;
    assert(part in MODEL_ARROWS, `${file} lies in no part of the model that is listed`);
    for (const specifier of specifiersOf(Deno.readTextFileSync(join(ROOT, file)))) {
      const target = partOf(relative(".", join(dirname(file), specifier)));
      if (!specifier.startsWith(".") || target === undefined || target === part) continue;
      if (!MODEL_ARROWS[part].includes(target)) found.push(`${file} imports ${specifier}`);
    }
  }
  assertEquals(found, []);
});

Deno.test("kernels/ and model/ reach the system through web standards only", () => {
  const found: string[] = [];
  for (const room of ["kernels", "model"]) {
    for (const file of filesOf(room)) {
      const source = Deno.readTextFileSync(join(ROOT, file));
      if (/\bDeno\./.test(source)) found.push(`${file} uses Deno`);
      const outside = specifiersOf(source).filter((specifier) => !specifier.startsWith("."));
      for (const specifier of outside) {
        if (/^(node:|jsr:|https?:)/.test(specifier)) found.push(`${file} imports ${specifier}`);
      }
    }
  }
  assertEquals(found, []);
});

Deno.test("a forbidden arrow is found in each form that an import can take", () => {
  const forms = [
    `import { train } from "../model/trainer.ts";`,
    `import type {\n  Trainer,\n} from "../model/trainer.ts";`,
    `export * from "../model/trainer.ts";`,
    `import "../model/trainer.ts";`,
    `const { train } = await import("../model/trainer.ts");`,
    `new Worker(new URL("../model/trainer.ts", import.meta.url), { type: "module" });`,
  ];
  for (const source of forms) {
    assertEquals(
      forbiddenArrows("pipeline/example.ts", source),
      ["pipeline/example.ts imports model/trainer.ts"],
      source,
    );
  }
  assertEquals(
    forbiddenArrows("model/ops/x.ts", `import { y } from "../../pipeline/y.ts";`),
    ["model/ops/x.ts imports pipeline/y.ts"],
  );
  assertEquals(
    forbiddenArrows("pipeline/wire/a.ts", `import { PipelineError } from "../errors.ts";`),
    ["pipeline/wire/a.ts imports pipeline/errors.ts"],
  );
  assertEquals(
    forbiddenArrows("kernels/x.ts", `import { y } from "../pipeline/wire/y.ts";`),
    ["kernels/x.ts imports pipeline/wire/y.ts"],
  );
  assertEquals(
    forbiddenArrows("model/files/x.ts", `import { y } from "../../pipeline/examples/y.ts";`),
    ["model/files/x.ts imports pipeline/examples/y.ts"],
  );
  assertEquals(
    forbiddenArrows("kernels/a.ts", `import { b } from "../tests/b.ts";`),
    ["kernels/a.ts imports tests/b.ts"],
  );
});

Deno.test("allowed arrows and imports that are only mentioned pass", () => {
  assertEquals(
    forbiddenArrows("model/trainer.ts", `import { Device } from "../kernels/device.ts";`),
    [],
  );
  assertEquals(forbiddenArrows("kernels/a.ts", `// import { x } from "../model/x.ts";`), []);
  assertEquals(forbiddenArrows("kernels/a/b.ts", `export { c } from "../d/c.ts";`), []);
  assertEquals(
    forbiddenArrows("model/files/x.ts", `import { y } from "../../pipeline/wire/y.ts";`),
    [],
  );
});
