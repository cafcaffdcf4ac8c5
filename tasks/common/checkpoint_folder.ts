/**
 * A checkpoint on the disk: a folder of files with a manifest of their sizes and checksums. It is seen under
 * its name once it is whole and synced, and what is there and whole is never written again.
 */

import { dirname, join } from "@std/path/mod.js";
import * as v from "valibot";
import { syncFolder } from "../../pipeline/atomic_file.ts";
import { ModelError } from "../../model/errors.ts";
import type { CheckpointFiles } from "../../model/files/checkpoint.ts";
import { decodeSafeTensors } from "../../model/files/safetensors.ts";
import { count, parseJson } from "../../pipeline/wire/json.ts";
import { writeFileAtomic } from "./files.ts";

const MANIFEST = "manifest.json";

/** Names in a manifest cannot lead out of its folder. */
const fileName = v.pipe(v.string(), v.regex(/^[\w-][\w.-]*$/));

const manifestSchema = v.object({
  format: v.literal("kohaku-checkpoint-1"),
  files: v.array(v.object({
    name: fileName,
    bytes: count,
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  })),
});

/**
 * Writes a checkpoint, unless the folder holds a whole one already.
 *
 * @throws {ModelError} when a tensor is not finite; nothing is written then.
 * @throws {PipelineError} when the disk is full; what was written goes, and what was there stays.
 */
export async function writeCheckpoint(folder: string, files: CheckpointFiles): Promise<void> {
  requireFinite(folder, files);
  if (await readCheckpoint(folder).then(() => true, () => false)) return;
  const part = `${folder}.part`;
  await Deno.remove(part, { recursive: true }).catch(() => {});
  try {
    await Deno.mkdir(part, { recursive: true });
    const described = [];
    for (const [name, bytes] of files) {
      await writeFileAtomic(join(part, name), bytes);
      described.push({ name, bytes: bytes.length, sha256: await sha256(bytes) });
    }
    const manifest = { format: "kohaku-checkpoint-1", files: described };
    await writeFileAtomic(join(part, MANIFEST), JSON.stringify(manifest, null, 2) + "\n");
  } catch (error) {
    await Deno.remove(part, { recursive: true }).catch(() => {});
    throw error;
  }
  // What bears the name here is damaged: a whole one was kept above.
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.rename(part, folder);
  await syncFolder(dirname(folder));
}

/**
 * Reads a checkpoint and holds it to its manifest.
 *
 * @throws {ModelError} saying which file is missing or damaged.
 */
export async function readCheckpoint(folder: string): Promise<CheckpointFiles> {
  const text = new TextDecoder().decode(await readFile(join(folder, MANIFEST)));
  const { files } = parseJson(
    manifestSchema,
    text,
    (what) => new ModelError(`${join(folder, MANIFEST)} is damaged: ${what}`),
  );
  const read = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { name, bytes, sha256: expected } of files) {
    const path = join(folder, name);
    const content = await readFile(path);
    if (content.length !== bytes) {
      throw new ModelError(`${path} has ${content.length} bytes where ${bytes} were written`);
    }
    if (await sha256(content) !== expected) {
      throw new ModelError(`${path} is damaged: its SHA-256 is not the one it was written with`);
    }
    read.set(name, content);
  }
  return read;
}

async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ModelError(`${path} is missing`);
  });
}

/** Refuses weights and moments that no training can go on from. */
function requireFinite(folder: string, files: CheckpointFiles): void {
  for (const [file, bytes] of files) {
    if (!file.endsWith(".safetensors")) continue;
    for (const [name, { dtype, bytes: data }] of decodeSafeTensors(bytes, file).tensors) {
      if (dtype !== "F32") continue;
      const values = data.byteOffset % 4 === 0
        ? new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
        : new Float32Array(data.slice().buffer);
      const at = values.findIndex((value) => !Number.isFinite(value));
      if (at === -1) continue;
      throw new ModelError(
        `${folder} is not written: element ${at} of ${name} is ${
          values[at]
        }, so nothing could go on ` +
          "from it",
      );
    }
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
