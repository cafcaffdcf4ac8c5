import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { UsageError } from "../../tasks/common/command.ts";
import { writeFilesOnce } from "../../tasks/common/files.ts";

Deno.test("files that were written in part can be written again, those of others stay", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kohaku-files-" });
  const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
  const files = new Map([["config.json", bytes("{}")], ["model.safetensors", bytes("weights")]]);
  // What a run leaves that met a full disk at its second file.
  await Deno.writeTextFile(`${folder}/config.json`, "{}");
  const { ino } = await Deno.stat(`${folder}/config.json`);
  await writeFilesOnce(folder, files);
  assertEquals((await Deno.stat(`${folder}/config.json`)).ino, ino, "kept as it was");
  assertEquals(await Deno.readTextFile(`${folder}/model.safetensors`), "weights");

  await Deno.writeTextFile(`${folder}/model.safetensors`, "another");
  await Deno.remove(`${folder}/config.json`);
  await assertRejects(() => writeFilesOnce(folder, files), UsageError, "is there already");
  assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["model.safetensors"]);
  assertEquals(await Deno.readTextFile(`${folder}/model.safetensors`), "another");
  await Deno.remove(folder, { recursive: true });
});
