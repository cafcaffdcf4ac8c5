/** `deno task monitor`: runs and their curves on a page of this machine's, live. */

import { join } from "@std/path/mod.js";
import { runTask, task } from "./common/command.ts";
import { integerFrom } from "./common/numbers.ts";
import { keepOnly } from "./common/permissions.ts";
import { Runs } from "./monitor/runs.ts";
import { handler } from "./monitor/server.ts";

const command = task(
  "monitor",
  "Serves a page that shows runs as they train: losses, rates, evaluations, corrupted sentences.\n" +
    "It listens on this machine alone; from another, forward the port: ssh -L 6006:localhost:6006 HOST",
  "deno task monitor --data-dir data --port 6006",
)
  .option("--data-dir <dir>", "holds models (default: data, or the sample's)")
  .option("--port <n>", "of localhost; 0 takes a free one", integerFrom(0, 65_535), 6006);

await runTask(command, async ({ dataDir, port }, signal) => {
  const models = join(dataDir ?? await defaultDataDir(), "models");
  await keepOnly({ read: [models] });
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port,
    signal,
    onListen: ({ port }) => console.log(`${models}: open http://localhost:${port}/ (Ctrl-C ends)`),
    onError: (error) => {
      console.error(String(error));
      return new Response("the monitor failed; its terminal says why\n", { status: 500 });
    },
  }, handler(new Runs(models), signal));
  await server.finished;
});

/** `data`, or the sample's folder as long as `data` has no models. */
async function defaultDataDir(): Promise<string> {
  const isThere = await Deno.stat("data/models").then(() => true, () => false);
  return isThere ? "data" : "data/sample";
}
