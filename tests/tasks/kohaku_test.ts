import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { dirname, fromFileUrl, join } from "@std/path/mod.js";
import config from "../../deno.json" with { type: "json" };

const ROOT = fromFileUrl(new URL("../..", import.meta.url));
const SCRIPT = join(ROOT, "kohaku");

/** A program that claims to be Deno of some version, and says what it was asked to run. */
function fakeDeno(version: string): string {
  return `#!/bin/sh
if [ "$1" = --version ]; then echo "deno ${version} (stable)"; exit 0; fi
if [ "$1" = cache ]; then [ -z "$OFFLINE" ] || { echo offline >&2; exit 1; }; exit 0; fi
for word in "$0" "$@"; do printf '<%s>' "$word"; done
echo; echo "runtime $XDG_RUNTIME_DIR"; echo "from $INIT_CWD"; echo "path $PATH"
echo "others $(command -v python3) $(command -v deno)"; exit 7
`;
}

/** Starts a shell script in the home that is its first word, with only that home's programs. */
const ENTER = `HOME=$1 PATH=$1/bin; export HOME PATH; shift
unset XDG_RUNTIME_DIR XDG_CACHE_HOME DENO_INSTALL
exec /bin/sh "$@"`;

/** Runs ./kohaku where only the given programs (and the system's usual ones) are found. */
async function run(
  programs: Record<string, string>,
  args: string[],
  { cwd, ...env }: { cwd?: string; INIT_CWD?: string; OFFLINE?: string } = {},
): Promise<{ code: number; out: string; err: string; home: string }> {
  const home = await Deno.makeTempDir({ prefix: "kohaku-home-" });
  try {
    await Deno.mkdir(`${home}/bin`);
    for (const tool of ["cat", "chmod", "cp", "dirname", "id", "ln", "mkdir", "sed", "uname"]) {
      const script = `#!/bin/sh\nPATH=/usr/bin:/bin exec ${tool} "$@"\n`;
      await Deno.writeTextFile(`${home}/bin/${tool}`, script, { mode: 0o755 });
    }
    for (const [name, script] of Object.entries(programs)) {
      await Deno.mkdir(dirname(`${home}/bin/${name}`), { recursive: true });
      await Deno.writeTextFile(`${home}/bin/${name}`, script, { mode: 0o755 });
    }
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", ENTER, "sh", home, SCRIPT, ...args],
      cwd,
      env,
    }).output();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    return { code, out: text(stdout), err: text(stderr), home };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

Deno.test("./kohaku hands its words over unchanged, and the exit code back", async () => {
  const { code, out, home } = await run(
    { deno: fakeDeno("2.9.0") },
    ["pretrain", "--hparams", '{"model_size": "small"}', "日本 語", ""],
  );
  assertEquals(code, 7);
  assertEquals(
    out.split("\n")[0],
    `<${home}/bin/deno><task><--quiet><pretrain><--hparams><{"model_size": "small"}><日本 語><>`,
  );
  assertMatch(out, /runtime \/.+/);
});

Deno.test("./kohaku fetches Deno through npm where it is missing or too old", async () => {
  // Without install scripts, npm leaves the program in the package of the platform alone.
  const npm = `#!/bin/sh
echo "npm $*" >&2
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/@deno/some-platform"
cat > "$2/node_modules/@deno/some-platform/deno" <<'END'
${fakeDeno("2.9.6")}END
chmod +x "$2/node_modules/@deno/some-platform/deno"
`;
  const found: Record<string, string>[] = [
    { npm },
    { npm, deno: fakeDeno("2.8.3") },
    { npm, deno: fakeDeno("1.46.3") },
  ];
  for (const programs of found) {
    const { code, out, err, home } = await run(programs, ["test"]);
    assertEquals(code, 7);
    assertStringIncludes(err, "installing it with npm into");
    assertStringIncludes(err, "npm install --prefix");
    assertStringIncludes(
      out,
      `<${home}/.cache/kohaku/node_modules/@deno/some-platform/deno><task><--quiet><test>`,
    );
  }
});

Deno.test("./kohaku takes newer versions as they are", async () => {
  for (const version of ["2.10.0", "3.0.0"]) {
    const { out } = await run({ deno: fakeDeno(version) }, ["test"]);
    assertStringIncludes(out, "<task><--quiet><test>");
  }
});

Deno.test("./kohaku explains what to install where it cannot do so itself", async () => {
  const { code, out, err } = await run({ deno: fakeDeno("2.8.3") }, ["test"]);
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, "needs Deno 2.9 or newer, or npm to fetch it");
  assertStringIncludes(err, "apt-get install npm");
});

Deno.test("./kohaku says so when npm fails", async () => {
  const { code, err } = await run({ npm: "#!/bin/sh\necho offline >&2\nexit 1\n" }, ["test"]);
  assertEquals(code, 1);
  assertStringIncludes(err, "offline\nkohaku: npm could not install Deno");
});

Deno.test("./kohaku tells tasks where it was called from, whatever an outer script says", async () => {
  const cwd = await Deno.makeTempDir({ prefix: "kohaku 所-" });
  try {
    const { out } = await run({ deno: fakeDeno("2.9.0") }, ["test"], { cwd, INIT_CWD: "/usr" });
    assertStringIncludes(out, `from ${await Deno.realPath(cwd)}\n`);
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});

Deno.test("what lies in Deno's folder never comes before what the caller's PATH has", async () => {
  const python = "#!/bin/sh\n";
  const installed = { "../.deno/bin/deno": fakeDeno("2.9.0"), "../.deno/bin/python3": python };
  const none = await run({ python3: python, ...installed }, ["test"]);
  assertStringIncludes(none.out, `others ${none.home}/bin/python3 ${none.home}/.deno/bin/deno\n`);
  // Another deno that is too old must not come before the one that was found.
  const old = await run({ python3: python, deno: fakeDeno("1.46.3"), ...installed }, ["test"]);
  assertStringIncludes(
    old.out,
    `others ${old.home}/bin/python3 ${old.home}/.cache/kohaku/bin/deno\n`,
  );
});

Deno.test("./kohaku goes on without a cache that it cannot write", async () => {
  const { code, err } = await run({ deno: fakeDeno("2.9.0"), "../.cache": "in the way" }, ["test"]);
  assertEquals(code, 7, err);
  assertStringIncludes(err, "going on without it");
});

Deno.test("./kohaku fetches packages in one line before a task, and only once for a lock file", async () => {
  // The second fake program is what the first runs: ./kohaku again, in the same home.
  const again = fakeDeno("2.9.0").replace("exit 7", `[ -n "$AGAIN" ] || AGAIN=1 "${SCRIPT}" test`);
  const { err } = await run({ deno: again }, ["test"]);
  assertEquals(err, "kohaku: fetching the packages that Kohaku uses (once)\n");
});

Deno.test("./kohaku goes on with the packages that are there when it cannot fetch more", async () => {
  const { code, err } = await run({ deno: fakeDeno("2.9.0") }, ["test"], { OFFLINE: "1" });
  assertEquals(code, 7);
  assertStringIncludes(err, "offline\nkohaku: could not fetch them all");
});

Deno.test("./kohaku hands what is no task to the overview, without a look at graphics drivers", async () => {
  for (const words of [[], ["--help"], ["pretrian", "--resume"], ["test fuzz"], ["rules"]]) {
    const { out, home } = await run(
      { deno: fakeDeno("2.9.0"), uname: "#!/bin/sh\nexit 1\n" },
      words,
    );
    const rest = words.map((word) => `<${word}>`).join("");
    assertEquals(
      out.split("\n")[0],
      `<${home}/bin/deno><run><--quiet><--no-prompt><tasks/overview.ts>${rest}`,
    );
  }
});

/** What tasks/overview.ts says to some words. */
async function overview(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "--quiet", "--no-prompt", join(ROOT, "tasks/overview.ts"), ...words],
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("the overview names every task with its sentence, and the usual way in a dozen lines", async () => {
  const { code, out } = await overview();
  assertEquals(code, 0);
  for (const [name, { description }] of Object.entries(config.tasks)) {
    assertMatch(description, /^\S.{8,}\S$/, name);
    assert(out.includes(`\n  ${name} `) && out.includes(`  ${description}\n`), name);
  }
  const lines = out.split("\n");
  assert(lines.findIndex((line) => line.startsWith("Tasks")) <= 13);
  for (const line of lines) assert(line.length <= 100, line);
  assertEquals((await overview("--help")).out, out);
});

Deno.test("a mistyped task is refused with the nearest, exit code 2", async () => {
  const { code, out, err } = await overview("pretrian", "--resume");
  assertEquals([code, out], [2, ""]);
  assertEquals(
    err,
    "error: there is no task 'pretrian'; the nearest is 'pretrain'\n       `./kohaku` lists them all\n",
  );
});

Deno.test("nothing comes before a task's own words", async () => {
  const { stdout, stderr } = await new Deno.Command("sh", { args: [SCRIPT, "decode", "--help"] })
    .output();
  const text = new TextDecoder();
  assertMatch(text.decode(stdout), /^Usage: deno task decode/);
  assertMatch(text.decode(stderr), /^(kohaku: .*\n)*$/);
});
