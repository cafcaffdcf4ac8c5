/**
 * A WGSL page: what it takes from its prelude, and what it binds.
 *
 * A page can be read alone. Its first comment says what it computes and ends with its prelude, the names that
 * the launcher gives it:
 *
 *     // Prelude: Elem COLUMNS (of a row) ACCUMULATE; if DROPOUT: THRESHOLD KEEP_SCALE.
 *
 * Types become `alias` lines and numbers `const` lines before the page; names that only its template blocks
 * ask for (see {@link unroll}) leave no line. A page gets what it lists and nothing else. What it binds stands
 * in it as WGSL:
 *
 *     @group(0) @binding(0) var<storage, read> input: array<Elem>;
 *     @group(0) @binding(1) var<storage, read_write> output: array<Elem>; // written whole unless ACCUMULATE
 *     @group(0) @binding(2) var<uniform> params: Params;
 *
 * Names, access and element types are read from there. The comment is a promise that every element is written
 * and none read before, with `if FLAG` or `unless FLAG` where that depends. Optional bindings stand in
 * `//# if` blocks and leave gaps, so the numbers are closed up in the finished text, in the same order.
 *
 * @module
 */
import { KernelError } from "./errors.ts";
import { unroll } from "./unroll.ts";

/** Element types of a storage binding. */
export type DType = "f32" | "f16" | "u32" | "i32";

/** What a kernel does with a binding: `write` promises that every element is written. */
export type Access = "read" | "write" | "read_write";

/** What goes before WGSL files to make them exact. */
export interface Prelude {
  /** WGSL extensions but `f16`, which is enabled where an alias needs it. */
  readonly enables?: readonly string[];
  /** Type aliases: name to WGSL type. */
  readonly aliases?: Readonly<Record<string, string>>;
  /**
   * Constants, also known to template blocks: integers become `u32`, booleans `bool`; write `{ f32: x }` for a
   * float.
   */
  readonly constants?: Readonly<Record<string, Constant>>;
  /** Names that only template blocks use: flags, and how often lines are repeated. */
  readonly options?: Readonly<Record<string, number | boolean>>;
}

/** A constant of a prelude. */
export type Constant = number | boolean | { readonly f32: number };

/** A storage binding as it stands in a finished text. */
export interface DeclaredBinding {
  /** Name. */
  readonly name: string;
  /** How the kernel uses it. */
  readonly access: Access;
  /** Element type, `u32` for the words of a struct. */
  readonly dtype: DType;
  /** Words of a struct; undefined for an array. */
  readonly words?: number;
}

/** A finished text. */
export interface SpecialisedText {
  /** Complete WGSL. */
  readonly wgsl: string;
  /** Its storage bindings, in the order of their numbers. */
  readonly bindings: readonly DeclaredBinding[];
}

/**
 * Makes WGSL files exact: puts the prelude that they list before them, expands their template blocks and
 * numbers their bindings.
 *
 * @param files libraries first, the page with the entry point last.
 * @throws {KernelError} for a name that a file lists and the prelude lacks, for a constant that is neither a
 * 32-bit unsigned integer nor a finite float, or for bindings that do not follow the rules above.
 */
export function specialise(files: readonly string[], prelude: Prelude): SpecialisedText {
  const { enables = [], aliases = {}, constants = {}, options = {} } = prelude;
  const names: Record<string, number> = {};
  for (const [name, value] of Object.entries({ ...constants, ...options })) {
    if (typeof value !== "object") names[name] = Number(value);
  }
  const listed = new Set<string>();
  for (const file of files) {
    for (const { name, condition } of preludeOf(file)) {
      if (condition !== undefined && !(names[condition] > 0)) continue;
      if (!(name in aliases) && !(name in constants) && !(name in options)) {
        throw new KernelError(`the prelude lacks ${name}, which "${file.split("\n")[0]}" lists`);
      }
      listed.add(name);
    }
  }
  const types = Object.entries(aliases).filter(([name]) => listed.has(name));
  const lines = types.map(([name, type]) => `alias ${name} = ${type};`);
  for (const [name, value] of Object.entries(constants)) {
    if (listed.has(name)) lines.push(constantLine(name, value));
  }
  const halves = types.some(([, type]) => /\bf16\b/.test(type));
  const heads = [...(halves ? ["f16"] : []), ...enables].map((name) => `enable ${name};`);
  const text = [...heads, ...lines, ...files.map((file) => unroll(file, names))].join("\n");
  return numberBindings(text, aliases, names);
}

/** A name that a page takes. */
export interface ListedName {
  /** The name. */
  readonly name: string;
  /** The flag that must be set for it to be needed. */
  readonly condition?: string;
}

const lists = new Map<string, readonly ListedName[]>();

/**
 * The names that a WGSL file lists in the `Prelude:` of its first comment.
 *
 * @throws {KernelError} for a file whose first comment has no such list.
 */
export function preludeOf(file: string): readonly ListedName[] {
  const known = lists.get(file);
  if (known) return known;
  const comment = /^(?:\/\/.*\n)*/.exec(file)![0].replace(/^\/\/ ?/gm, "");
  const list = /^Prelude: ([^]*?)\.$/m.exec(comment)?.[1];
  if (list === undefined) {
    throw new KernelError(`"${file.split("\n")[0]}" begins a WGSL file without a Prelude list`);
  }
  const names = list.replace(/\([^)]*\)/g, "").split(";").flatMap((part) => {
    const [, condition, rest] = /^\s*(?:if\s+(\w+):)?([^]*)$/.exec(part)!;
    return [...rest.matchAll(/\w+/g)].map(([name]) => ({ name, condition }));
  }).filter(({ name }) => name !== "none");
  lists.set(file, names);
  return names;
}

function constantLine(name: string, value: Constant): string {
  if (typeof value === "boolean") return `const ${name}: bool = ${value};`;
  if (typeof value !== "number") return `const ${name}: f32 = ${floatLiteral(name, value.f32)};`;
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new KernelError(`constant ${name} = ${value} is not a 32-bit unsigned integer`);
  }
  return `const ${name}: u32 = ${value}u;`;
}

function floatLiteral(name: string, value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new KernelError(`constant ${name} = ${value} is not finite`);
  const text = String(rounded);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

const DECLARATION =
  /^@group\(0\) @binding\((\d+)\) var<(storage, read|storage, read_write|uniform)> (\w+): ([^;]+);(?: \/\/ (.*))?$/gm;

/** Closes up the numbers of the bindings of a text whose blocks are expanded, and reads them. */
function numberBindings(
  text: string,
  aliases: Readonly<Record<string, string>>,
  names: Readonly<Record<string, number>>,
): SpecialisedText {
  const found = [...text.matchAll(DECLARATION)].map((
    [, number, space, name, type, comment],
  ) => ({ number: Number(number), space, name, type, comment }));
  found.sort((a, b) => a.number - b.number);
  found.forEach(({ number, name, space }, rank) => {
    if (rank > 0 && number === found[rank - 1].number) {
      throw new KernelError(`${found[rank - 1].name} and ${name} are both binding ${number}`);
    }
    if (space === "uniform" && (name !== "params" || rank < found.length - 1)) {
      throw new KernelError(`${name}: a page has one uniform, params, after its storage bindings`);
    }
  });
  const ranks = new Map(found.map(({ number }, rank) => [number, rank]));
  const wgsl = text.replace(
    /^@group\(0\) @binding\((\d+)\)/gm,
    (_, number) => `@group(0) @binding(${ranks.get(Number(number))})`,
  );
  const storage = found.filter(({ space }) => space !== "uniform");
  return {
    wgsl,
    bindings: storage.map(({ name, space, type, comment }) => ({
      name,
      access: space === "storage, read" ? "read" : writes(name, comment, names),
      ...elementOf(name, type, aliases, text),
    })),
  };
}

/** The access of a binding that is written, by the comment behind it. */
function writes(
  name: string,
  comment: string | undefined,
  names: Readonly<Record<string, number>>,
): Access {
  if (!comment?.startsWith("written whole")) return "read_write";
  const [, word, flag] = /^written whole(?: (if|unless) (\w+))?/.exec(comment)!;
  if (flag === undefined) return "write";
  if (names[flag] === undefined) {
    throw new KernelError(`${name}: nothing is called ${flag}`);
  }
  return names[flag] > 0 === (word === "if") ? "write" : "read_write";
}

/** The element of a binding's type: of an array, through aliases and vectors, or the words of a struct. */
function elementOf(
  name: string,
  type: string,
  aliases: Readonly<Record<string, string>>,
  text: string,
): { dtype: DType; words?: number } {
  let element = /^array<(.+)>$/.exec(type)?.[1];
  if (element === undefined) {
    const [, fields] = new RegExp(`^struct ${type} \\{\\n([^}]*)\\}`, "m").exec(text) ?? [];
    if (fields === undefined) throw new KernelError(`${name}: no struct is called ${type}`);
    return { dtype: "u32", words: [...fields.matchAll(/^ *\w+: (?:u32|i32|f32),$/gm)].length };
  }
  for (let i = 0; i < 4; i++) {
    element = /^vec\d<(.+)>$/.exec(element)?.[1] ?? aliases[element] ?? element;
  }
  if (!["f32", "f16", "u32", "i32"].includes(element)) {
    throw new KernelError(`${name}: ${type} is an array of no known type`);
  }
  return { dtype: element as DType };
}
