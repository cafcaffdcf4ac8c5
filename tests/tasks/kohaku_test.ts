import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { dirname, fromFileUrl } from "@std/path/mod.js";

const SCRIPT = fromFileUrl(new URL("../../kohaku", import.meta.url));

/** A program that claims to be Deno of some version, and says what it was asked to run. */
function fakeDeno(version: string): string {
  return `#!/bin/sh
if [ "$1" = --version ]; then echo "deno ${version} (stable)"; exit 0; fi
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
  { cwd, ...env }: { cwd?: string; INIT_CWD?: string } = {},
): Promise<{ code: number; out: string; err: string; home: string }> {
  const home = await Deno.makeTempDir({ prefix: "kohaku-home-" });
  try {
    await Deno.mkdir(`${home}/bin`);
    for (const tool of ["cat", "chmod", "dirname", "id", "ln", "mkdir", "sed", "uname"]) {
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
    `<${home}/bin/deno><task><pretrain><--hparams><{"model_size": "small"}><日本 語><>`,
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
      `<${home}/.cache/kohaku/node_modules/@deno/some-platform/deno><task><test>`,
    );
  }
});

Deno.test("./kohaku takes newer versions as they are", async () => {
  for (const version of ["2.10.0", "3.0.0"]) {
    const { out } = await run({ deno: fakeDeno(version) }, ["test"]);
    assertStringIncludes(out, "<task><test>");
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
