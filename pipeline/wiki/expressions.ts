/**
 * Arithmetic of `{{#expr: …}}`, with the operators and their order as the manual of the extension
 * ParserFunctions lists them.
 *
 * @module
 */

/** Longer ones are none that a page needs. */
const LONGEST = 1000;

const TOKEN = /\s*(?:(\d+(?:\.\d*)?|\.\d+)|(<=|>=|<>|!=|[-+*/^()=<>])|([a-z]+))/iy;

/** Operators between two values, by how strongly they bind, with what they do. */
const BINARY: Readonly<Record<string, readonly [number, (a: number, b: number) => number]>> = {
  "or": [2, (a, b) => Number(a !== 0 || b !== 0)],
  "and": [3, (a, b) => Number(a !== 0 && b !== 0)],
  "=": [4, (a, b) => Number(a === b)],
  "<>": [4, (a, b) => Number(a !== b)],
  "!=": [4, (a, b) => Number(a !== b)],
  "<": [4, (a, b) => Number(a < b)],
  ">": [4, (a, b) => Number(a > b)],
  "<=": [4, (a, b) => Number(a <= b)],
  ">=": [4, (a, b) => Number(a >= b)],
  "round": [5, (a, b) => round(a, Math.trunc(b))],
  "+": [6, (a, b) => a + b],
  "-": [6, (a, b) => a - b],
  "*": [7, (a, b) => a * b],
  "/": [7, divide],
  "div": [7, divide],
  "mod": [7, (a, b) => Math.trunc(a) % Math.trunc(b)],
  "fmod": [7, (a, b) => a % b],
  "^": [8, (a, b) => a ** b],
  "e": [10, (a, b) => a * 10 ** b],
};

/** How strongly operators before a value bind. */
const UNARY_BINDS = 9;

const UNARY: Readonly<Record<string, (a: number) => number>> = {
  "+": (a) => a,
  "-": (a) => -a,
  "not": (a) => Number(a === 0),
  "ceil": Math.ceil,
  "floor": Math.floor,
  "trunc": Math.trunc,
  "abs": Math.abs,
  "exp": Math.exp,
  "ln": Math.log,
  "sqrt": Math.sqrt,
  "sin": Math.sin,
  "cos": Math.cos,
  "tan": Math.tan,
  "asin": Math.asin,
  "acos": Math.acos,
  "atan": Math.atan,
};

const CONSTANTS: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E };

/** A quotient; not a number where there is none. */
function divide(a: number, b: number): number {
  return b === 0 ? NaN : a / b;
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  const scaled = Number((Math.abs(value) * scale).toPrecision(15));
  return Math.sign(value) * Math.round(scaled) / scale;
}

/** What an expression comes to; undefined where it is none. Empty ones come to an empty text. */
export function evaluate(expression: string): string | undefined {
  if (expression.trim() === "") return "";
  const tokens = tokenize(expression);
  if (tokens === undefined) return undefined;
  const value = new Reader(tokens).whole();
  if (value === undefined || !Number.isFinite(value)) return undefined;
  // As many digits as PHP prints.
  return String(Number(value.toPrecision(14)));
}

function tokenize(expression: string): string[] | undefined {
  const text = expression.trim().replaceAll("−", "-");
  if (text.length > LONGEST) return undefined;
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (!match) return undefined;
    tokens.push((match[1] ?? match[2] ?? match[3]).toLowerCase());
  }
  return tokens;
}

/** Reads values as far as an operator binds more strongly than what stands before them. */
class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  whole(): number | undefined {
    const value = this.#value(0);
    return this.#at === this.#tokens.length ? value : undefined;
  }

  #value(least: number): number | undefined {
    let left = this.#operand();
    while (left !== undefined) {
      const name = this.#tokens[this.#at];
      const operator = Object.hasOwn(BINARY, name ?? "") ? BINARY[name] : undefined;
      if (!operator || operator[0] <= least) return left;
      this.#at++;
      const right = this.#value(operator[0]);
      left = right === undefined ? undefined : operator[1](left, right);
      if (Number.isNaN(left)) return undefined;
    }
    return left;
  }

  #operand(): number | undefined {
    const token = this.#tokens[this.#at++];
    if (token === undefined) return undefined;
    if (/^[\d.]/.test(token)) return Number(token);
    if (Object.hasOwn(CONSTANTS, token)) return CONSTANTS[token];
    if (token === "(") {
      const value = this.#value(0);
      return this.#tokens[this.#at++] === ")" ? value : undefined;
    }
    if (!Object.hasOwn(UNARY, token)) return undefined;
    const value = this.#value(UNARY_BINDS);
    return value === undefined ? undefined : UNARY[token](value);
  }
}
