/**
 * What `./kohaku` says when it is given no task: what Kohaku is, the usual way through, and each task with a
 * sentence. Given a task that does not exist, it names the nearest.
 */

import { closestString } from "@std/text/closest_string.js";
import config from "../deno.json" with { type: "json" };

/** The tasks that serve work on Kohaku itself begin with this one in deno.json. */
const FIRST_OF_DEVELOPMENT = "bench";

/** The tasks of deno.json from one up to another, a line each. */
function list(tasks: ReadonlyArray<readonly [string, { readonly description: string }]>): string {
  const width = Math.max(...tasks.map(([name]) => name.length));
  return tasks.map(([name, { description }]) => `  ${name.padEnd(width)}  ${description}`).join(
    "\n",
  );
}

function overview(): string {
  const tasks = Object.entries(config.tasks);
  const middle = tasks.findIndex(([name]) => name === FIRST_OF_DEVELOPMENT);
  return `Kohaku takes a Japanese Wikipedia dump to a pre-trained ELECTRA that you can fine-tune,
on whatever GPU you have, through WebGPU.

To see it work, on a small sample, in a few minutes:
  ./kohaku pretrain

From a dump to a model:
  ./kohaku extract --dump jawiki-latest-pages-articles-multistream.xml.bz2
  ./kohaku sentencepiece
  ./kohaku build
  ./kohaku pretrain --data-dir data

Tasks (\`./kohaku TASK --help\` explains each):
${list(tasks.slice(0, middle))}

For work on Kohaku itself:
${list(tasks.slice(middle))}`;
}

const [given] = Deno.args;
if (given === undefined || ["", "-h", "--help", "help"].includes(given)) {
  console.log(overview());
} else {
  const near = closestString(given, Object.keys(config.tasks));
  console.error(`error: there is no task '${given}'; the nearest is '${near}'`);
  console.error("       `./kohaku` lists them all");
  Deno.exit(2);
}
