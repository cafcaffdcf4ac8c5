import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { fromFileUrl, join } from "@std/path/mod.js";
import { MUTANTS } from "./list.ts";
import { mutate } from "./mutants.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));

Deno.test("every fault of the list can be made where it says, and its tests exist", () => {
  const names = new Set(MUTANTS.map(({ file, fault }) => `${file}: ${fault}`));
  assertEquals(names.size, MUTANTS.length, "two faults have one name");
  assert(MUTANTS.length >= 60);
  for (const mutant of MUTANTS) {
    const text = Deno.readTextFileSync(join(ROOT, mutant.file));
    assert(mutate(text, mutant) !== text, mutant.fault);
    for (const path of mutant.tests) assert(Deno.statSync(join(ROOT, path)).isFile);
  }
});

Deno.test("a fault whose text has moved on is an error", () => {
  const mutant = { ...MUTANTS[0], from: "one" };
  for (const text of ["none", "one, one"]) {
    assertThrows(() => mutate(text.replace("none", "two"), mutant), Error, "not once");
  }
});
