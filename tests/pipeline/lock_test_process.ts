/** Locks a path and waits to be killed. Arguments: the path, and the use as JSON. */
import { lock } from "../../pipeline/lock.ts";

await lock(Deno.args[0], JSON.parse(Deno.args[1]));
console.log("locked");
setInterval(() => {}, 1_000_000);
if (Deno.args[2] === "exit") Deno.exit(0);
