/**
 * Preloaded before a task: once the task works, tries to read and write what it was not given, and says on
 * the error stream what came of it. The task works once it has given back the right to write, or to read
 * where it has no other.
 */

const [READ, WRITE] = ["KOHAKU-READ", "KOHAKU-WRITE"];

async function outcome(action: () => Promise<unknown>): Promise<string> {
  return await action().then(() => "allowed", (error) => (error as Error).name);
}

const { revoke } = Deno.permissions;
Deno.permissions.revoke = async function (descriptor): Promise<Deno.PermissionStatus> {
  const status = await revoke.call(Deno.permissions, descriptor);
  if (descriptor.name === "read") {
    const read = await outcome(() => Deno.readTextFile("/etc/hostname"));
    const write = await outcome(() => Deno.writeTextFile("/tmp/kohaku-outside", "x"));
    console.error(`${READ} ${read}\n${WRITE} ${write}`);
  }
  return status;
};
