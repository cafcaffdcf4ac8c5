/**
 * An extraction that stops for good before its n-th change of a name on the disk, says so, and waits to
 * be killed; one with fewer changes ends. Arguments: the options as JSON, and n.
 */
import { extractDump } from "../../pipeline/wiki/extract.ts";

const options = JSON.parse(Deno.args[0]), last = Number(Deno.args[1]);
const { rename, remove } = Deno;
let changes = 0;

async function halt(): Promise<void> {
  if (++changes < last) return;
  console.log("halted");
  await new Promise<never>(() => setInterval(() => {}, 1_000_000));
}

Object.assign(Deno, {
  async rename(...paths: Parameters<typeof rename>): Promise<void> {
    await halt();
    await rename(...paths);
  },
  async remove(...path: Parameters<typeof remove>): Promise<void> {
    await halt();
    await remove(...path);
  },
});

await extractDump(options);
console.log("ended");
