/**
 * The one template mechanism of the kernels: unrolled repetition and optional parts.
 *
 * Register tiles need accumulators with names of their own, since indexed local arrays cost several
 * times the speed on some drivers, and loops are not unrolled (docs/adapters.md: wgpu-loop-bounds); and WGSL cannot leave out a binding by a constant. So
 *
 *     //# for i in 0..ROWS        repeats the lines up to its end, with $i replaced by 0, 1, … ROWS−1;
 *     //# if BIAS                 keeps the lines up to its end where BIAS is not 0,
 *     //# else                    those from here on where it is.
 *     //# end
 *
 * Blocks nest. Bounds are numbers or names given to {@link unroll}. Everything else is plain WGSL.
 *
 * @module
 */
import { KernelError } from "./errors.ts";

/**
 * Expands the blocks of a WGSL text.
 *
 * @throws {KernelError} for an unknown name or a block without an end.
 */
export function unroll(source: string, names: Readonly<Record<string, number>>): string {
  return expand(source.split("\n"), names).join("\n");
}

function expand(lines: readonly string[], names: Readonly<Record<string, number>>): string[] {
  const out: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const head = /^\s*\/\/# (?:for (\w+) in 0\.\.(\w+)|if (\w+))\s*$/.exec(lines[at]);
    if (!head) {
      out.push(lines[at]);
      continue;
    }
    const [, letter, bound, condition] = head;
    const name = bound ?? condition;
    const value = names[name] ?? Number(name);
    if (!Number.isInteger(value)) throw new KernelError(`unroll: nothing is called ${name}`);
    let depth = 1, end = at, otherwise = -1;
    while (depth > 0) {
      if (++end >= lines.length) throw new KernelError(`unroll: line ${at + 1} has no end`);
      if (/^\s*\/\/# (for|if) /.test(lines[end])) depth++;
      if (/^\s*\/\/# end\s*$/.test(lines[end])) depth--;
      if (depth === 1 && condition && /^\s*\/\/# else\s*$/.test(lines[end])) otherwise = end;
    }
    if (condition) {
      const cut = otherwise < 0 ? end : otherwise;
      out.push(...expand(value > 0 ? lines.slice(at + 1, cut) : lines.slice(cut + 1, end), names));
    } else {
      const body = lines.slice(at + 1, end);
      for (let i = 0; i < value; i++) {
        out.push(...expand(body.map((line) => line.replaceAll(`$${letter}`, String(i))), names));
      }
    }
    at = end;
  }
  return out;
}
