import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { gzipSync, zlibSync } from "fflate";
import { PipelineError } from "../../../pipeline/errors.ts";
import { maskedCrc32c } from "../../../pipeline/wire/crc32c.ts";
import { readRecords, RecordReader } from "../../../pipeline/tfrecord/reader.ts";
import { RecordBuffer } from "../../../pipeline/tfrecord/writer.ts";

/** Runs `body` with the path of a file that holds `bytes`. */
async function withFile(bytes: Uint8Array, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".tfrecord" });
  try {
    await Deno.writeFile(path, bytes);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

async function collect(path: string): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for await (const record of readRecords(path)) records.push(record.slice());
  return records;
}

/** Records of awkward sizes: empty, one byte, around powers of two, larger than a read. */
function someRecords(): Uint8Array[] {
  return [0, 1, 7, 8, 9, 255, 256, 376, 200_001, 3].map((length) =>
    Uint8Array.from({ length }, (_, i) => Math.imul(i + length, 0x9e3779b1) >>> 24)
  );
}

function frame(records: Uint8Array[]): Uint8Array {
  const buffer = new RecordBuffer();
  for (const record of records) buffer.append(record);
  return buffer.take().bytes;
}

Deno.test("a frame is laid out as TFRecord's definition says", () => {
  const data = new TextEncoder().encode("日本語");
  const bytes = frame([data]);
  const view = new DataView(bytes.buffer);
  assertEquals(bytes.length, 8 + 4 + data.length + 4);
  assertEquals(view.getBigUint64(0, true), BigInt(data.length));
  assertEquals(view.getUint32(8, true), maskedCrc32c(bytes.slice(0, 8)));
  assertEquals(bytes.slice(12, 12 + data.length), data);
  assertEquals(view.getUint32(12 + data.length, true), maskedCrc32c(data));
});

Deno.test("a record buffer says where each record ends and starts afresh once taken", () => {
  const buffer = new RecordBuffer();
  buffer.append(new Uint8Array(5));
  buffer.append(new Uint8Array(0));
  assertEquals([...buffer.take().ends], [21, 37]);
  assertEquals(buffer.take().bytes.length, 0);
});

Deno.test("records come back the same from plain, gzip and zlib files", async () => {
  const records = someRecords();
  const bytes = frame(records);
  for (
    const [wrapping, wrapped] of [
      ["none", bytes],
      ["gzip", gzipSync(bytes)],
      ["zlib", zlibSync(bytes)],
    ] as const
  ) {
    await withFile(wrapped, async (path) => {
      assertEquals(await collect(path), records, wrapping);
      const reader = await RecordReader.open(path);
      assertEquals(reader.wrapping, wrapping);
      await reader.close();
    });
  }
});

Deno.test("a plain file whose first length looks like a zlib header is read as plain", async () => {
  // 376 = 0x0178 is stored as the bytes 78 01, a valid beginning of zlib data.
  const records = [new Uint8Array(376).fill(5)];
  await withFile(frame(records), async (path) => assertEquals(await collect(path), records));
});

Deno.test("an empty file holds no records", async () => {
  await withFile(new Uint8Array(0), async (path) => assertEquals(await collect(path), []));
  await withFile(gzipSync(new Uint8Array(0)), async (path) => {
    assertEquals(await collect(path), []);
  });
});

Deno.test("every damaged byte is found and reported with file, record and byte", async () => {
  const bytes = frame([new Uint8Array(3).fill(1), new Uint8Array(4).fill(2)]);
  for (let i = 0; i < bytes.length; i++) {
    const damaged = bytes.slice();
    damaged[i] ^= 0x10;
    const expected = i < 19 ? "record 1 (at byte 0)" : "record 2 (at byte 19)";
    await withFile(damaged, async (path) => {
      const error = await assertRejects(() => collect(path), PipelineError, expected, `byte ${i}`);
      assert(error.message.startsWith(path));
    });
  }
});

Deno.test("a file cut short anywhere is an error, unless between two records", async () => {
  const records = [new Uint8Array(3).fill(1), new Uint8Array(4).fill(2)];
  const bytes = frame(records);
  for (let length = 1; length < bytes.length; length++) {
    await withFile(bytes.slice(0, length), async (path) => {
      if (length === 19) assertEquals(await collect(path), records.slice(0, 1));
      else await assertRejects(() => collect(path), PipelineError, "the file ends inside it");
    });
  }
});

Deno.test("a gzip file cut short is an error that says so", async () => {
  const wrapped = gzipSync(frame(someRecords()));
  await withFile(wrapped.slice(0, wrapped.length - 20), async (path) => {
    await assertRejects(() => collect(path), PipelineError, "gzip data around it is damaged");
  });
});

Deno.test("a gzip file of several members is read to the end of the last", async () => {
  const records = someRecords();
  const bytes = frame(records);
  const members = [bytes.subarray(0, 100), bytes.subarray(100, 101), bytes.subarray(101)]
    .map((part) => gzipSync(part));
  const joined = new Uint8Array(await new Blob(members).arrayBuffer());
  await withFile(joined, async (path) => assertEquals(await collect(path), records));
});

Deno.test("all bytes of a file are shown as they lie on the disk, wrapped or not", async () => {
  const bytes = frame(someRecords());
  for (const content of [bytes, gzipSync(bytes), zlibSync(bytes)]) {
    await withFile(content, async (path) => {
      const shown: Uint8Array<ArrayBuffer>[] = [];
      const reader = await RecordReader.open(path, (piece) => shown.push(new Uint8Array(piece)));
      while (await reader.next() !== undefined);
      await reader.close();
      assertEquals(new Uint8Array(await new Blob(shown).arrayBuffer()), content);
    });
  }
});
