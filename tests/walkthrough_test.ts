/** docs/kernels.md quotes files of the tree: what it quotes is what stands there. */

import { assert, assertEquals } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";

const ROOT = fromFileUrl(new URL("..", import.meta.url));

/** The pieces of code that a page shows. */
function quotesOf(page: string): string[] {
  return [...page.matchAll(/^```(?:ts|wgsl)\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
}

/** The files that a page names. */
function filesOf(page: string): string[] {
  return [...page.matchAll(/`((?:\w+\/)+[\w.]+\.(?:ts|wgsl)|mod\.ts)`/g)].map(([, file]) => file);
}

Deno.test("what docs/kernels.md quotes stands in the files that it names", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/kernels.md"));
  const files = [...new Set(filesOf(page))];
  assert(files.length >= 10);
  const texts = files.map((file) => Deno.readTextFileSync(join(ROOT, file)));
  const quotes = quotesOf(page);
  assert(quotes.length >= 10);
  for (const quote of quotes) {
    assertEquals(texts.some((text) => text.includes(quote)), true, `no file has\n${quote}`);
  }
});
