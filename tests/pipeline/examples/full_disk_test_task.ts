/**
 * Writes to a disk that is always full, as Linux's /dev/full is, and prints the errors as a JSON
 * list. A process of its own, because writing to a device takes every permission.
 */

import { writeFileAtomic } from "../../../pipeline/atomic_file.ts";
import { ShardSet } from "../../../pipeline/examples/shards.ts";
import { RecordBuffer } from "../../../pipeline/tfrecord/writer.ts";

const [folder] = Deno.args;

async function errorOf(work: () => Promise<unknown>): Promise<string> {
  return await work().then(() => "no error", (error) => `${error.name}: ${error.message}`);
}

await Deno.symlink("/dev/full", `${folder}/x.part`);
await Deno.symlink("/dev/full", `${folder}/shard`);
const set = await ShardSet.create([`${folder}/shard`]);
const records = new RecordBuffer();
records.append(new Uint8Array(9));
const { bytes, ends } = records.take();
set.deal(bytes, ends);
console.log(JSON.stringify([
  await errorOf(() => writeFileAtomic(`${folder}/x`, "content")),
  await errorOf(() => set.flush()),
]));
