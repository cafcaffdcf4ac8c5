/** The monitor: logs of any size and state, followed while they grow, and a server that gives nothing else away. */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { CurveReader, emptyTable, extend } from "../../tasks/monitor/curves.ts";
import { Runs } from "../../tasks/monitor/runs.ts";
import { handler } from "../../tasks/monitor/server.ts";

/** A training line as `pretrain` writes it. */
function line(step: number, loss: number | null = 1 / step): string {
  return JSON.stringify({ step, learning_rate: 1e-4, loss }) + "\n";
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a log is followed as it grows, and a line that is not whole yet waits for its end", () =>
  inFolder(async (folder) => {
    const path = join(folder, "metrics.jsonl");
    const reader = new CurveReader(path);
    assertEquals((await reader.read()).train.step, []);
    await Deno.writeTextFile(path, line(1) + line(2).slice(0, 9));
    assertEquals((await reader.read()).train.step, [1]);
    assertEquals(reader.offset, line(1).length);
    await Deno.writeTextFile(path, line(2).slice(9) + line(3), { append: true });
    assertEquals((await reader.read()).train.step, [2, 3]);
    assertEquals((await reader.read()).train.step, []);
    const later = new CurveReader(path, reader.offset);
    await Deno.writeTextFile(path, line(4), { append: true });
    assertEquals((await later.read()).train.step, [4]);
  }));

Deno.test("a log that was cut back, as a resumed run does, is read anew", () =>
  inFolder(async (folder) => {
    const path = join(folder, "metrics.jsonl");
    const reader = new CurveReader(path);
    await Deno.writeTextFile(path, line(1) + line(2) + line(3));
    await reader.read();
    await Deno.writeTextFile(path, line(1));
    const { reset, train } = await reader.read();
    assertEquals([reset, train.step], [true, [1]]);
    await Deno.remove(path);
    assertEquals((await reader.read()).reset, true);
  }));

Deno.test("lines that are no metrics are counted, missing numbers are gaps", () =>
  inFolder(async (folder) => {
    const path = join(folder, "metrics.jsonl");
    const damage =
      ["{", "[]", "null", '{"step":"x"}', '{"step":null}', "\u0000\u0000 step"].join("\n") +
      "\n";
    const held = JSON.stringify({ step: 2, eval: { disc_auc: 0.7 } }) + "\n";
    await Deno.writeTextFile(
      path,
      line(1) + damage + line(2, null) + held + '{"step":3,"new":5}\n',
    );
    const found = await new CurveReader(path).read();
    assertEquals(found.damaged, 6);
    assertEquals(found.train.step, [1, 2, 3]);
    assertEquals(found.train.values.loss, [1, null, null]);
    assertEquals(found.train.values.new, [null, null, 5]);
    assertEquals(found.held, { step: [2], values: { disc_auc: [0.7] } });
  }));

Deno.test("a long log is thinned evenly, and every evaluation stays", () =>
  inFolder(async (folder) => {
    const path = join(folder, "metrics.jsonl");
    let text = "";
    for (let step = 1; step <= 60_000; step++) {
      text += line(step);
      if (step % 1000 === 0) text += JSON.stringify({ step, eval: { disc_auc: 0.5 } }) + "\n";
    }
    await Deno.writeTextFile(path, text);
    const { train, held } = await new CurveReader(path).read();
    assert(train.step.length >= 2000 && train.step.length <= 8000, `${train.step.length} points`);
    const gaps = train.step.slice(1).map((step, i) => step - train.step[i]);
    assertEquals(new Set(gaps).size, 1);
    assertEquals(held.step.length, 60);
  }));

Deno.test("tables that grow for ever stay bounded, with their first and last points", () => {
  const table = emptyTable();
  for (let step = 1; step <= 50_000; step++) {
    extend(table, { step: [step], values: step < 100 ? {} : { late: [step] } });
  }
  assertLess(table.step.length, 8001);
  assertEquals([table.step[0], table.step.at(-1)], [1, 50_000]);
  assertEquals(table.values.late.length, table.step.length);
  assert(table.step.every((step, i) => table.values.late[i] === (step < 100 ? null : step)));
});

Deno.test("runs of fine-tuning are found below their model, and a deleted run goes", () =>
  inFolder(async (folder) => {
    const runs = new Runs(folder);
    assertEquals(await new Runs(join(folder, "none")).list(), []);
    for (const id of ["a", "a/finetuning_models/jsts_1", "b"]) {
      await Deno.mkdir(join(folder, id), { recursive: true });
      await Deno.writeTextFile(join(folder, id, "metrics.jsonl"), line(1));
    }
    await Deno.writeTextFile(join(folder, "metrics.jsonl"), line(1));
    await Deno.writeTextFile(join(folder, "b", "config.json"), "{ not JSON");
    assertEquals((await runs.list()).map(({ id }) => id).sort(), [
      "a",
      "a/finetuning_models/jsts_1",
      "b",
    ]);
    const details = (await runs.details("b"))!;
    assertEquals([details.train.step, details.config], [[1], undefined]);
    await Deno.remove(join(folder, "b"), { recursive: true });
    assertEquals(await runs.details("b"), undefined);
    for (const id of ["..", "../..", "", ".", "a/..", "/etc"]) {
      assertEquals(await runs.details(id), undefined);
    }
  }));

/** Asks the server in process, as a browser at `host` would. */
function ask(
  runs: Runs,
  path: string,
  host = "localhost:6006",
  method = "GET",
): Promise<Response> {
  const request = new Request(`http://localhost:6006${path}`, { method, headers: { host } });
  return handler(runs, new AbortController().signal)(request);
}

Deno.test("the server answers under this machine's names alone, and only GET", () =>
  inFolder(async (folder) => {
    const runs = new Runs(folder);
    for (const host of ["localhost:6006", "127.0.0.1:6006", "[::1]:6006", "localhost"]) {
      assertEquals((await ask(runs, "/", host)).status, 200, host);
    }
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:6006", ""]) {
      assertEquals((await ask(runs, "/api/runs", host)).status, 421, host);
    }
    assertEquals((await ask(runs, "/", "localhost", "POST")).status, 405);
  }));

Deno.test("the page may load nothing but itself, and no request reaches another file", () =>
  inFolder(async (folder) => {
    const models = join(folder, "models");
    await Deno.mkdir(models);
    await Deno.writeTextFile(join(folder, "secret.json"), "{}");
    const runs = new Runs(models);
    const page = await ask(runs, "/");
    assertStringIncludes(page.headers.get("content-security-policy")!, "default-src 'none'");
    assertStringIncludes(await page.text(), "<title>Kohaku monitor</title>");
    const paths = [
      "/secret.json",
      "/../secret.json",
      "/%2e%2e/secret.json",
      "/api/run?id=..",
      "/api/run?id=%2e%2e",
    ];
    for (const path of [...paths, "/api/run", "/api/run?id=../secret.json", "/favicon.ico"]) {
      assertEquals((await ask(runs, path)).status, 404, path);
    }
    for (
      const path of ["/page.js", "/charts.js", "/text.js", "/page.css", "/uPlot.js", "/uPlot.css"]
    ) {
      const response = await ask(runs, path);
      assertEquals(response.status, 200, path);
      assert((await response.text()).length > 500, path);
    }
  }));

Deno.test("events bring the runs, then what is new of those that are followed", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a", "metrics.jsonl");
    await Deno.mkdir(join(folder, "a"));
    await Deno.writeTextFile(path, line(1) + line(2));
    const runs = new Runs(folder);
    const details = (await (await ask(runs, "/api/run?id=a")).json()) as { offset: number };
    const response = await ask(runs, `/api/events?id=a&from=${details.offset}&id=..&from=0`);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (word: string): Promise<void> => {
      while (!text.includes(word)) {
        const { value, done } = await reader.read();
        assert(!done, text);
        text += value;
      }
    };
    await until("event: runs\n");
    await Deno.writeTextFile(path, line(3), { append: true });
    await Deno.writeTextFile(join(folder, "a", "samples.json"), '{"step":3,"sentences":[]}');
    await until('"step":[3]');
    await until('event: samples\ndata: {"id":"a","samples":{"step":3');
    await reader.cancel();
  }));
