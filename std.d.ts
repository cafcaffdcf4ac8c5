// Typed doors to the parts of Deno std that Kohaku uses: the npm build ships without types.
// Declare here exactly what is imported, no more.

declare module "@std/text/closest_string.js" {
  export function closestString(given: string, possible: readonly string[]): string;
}

declare module "@std/assert/mod.js" {
  export function assert(expression: unknown, message?: string): asserts expression;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertAlmostEquals(
    actual: number,
    expected: number,
    tolerance?: number,
    message?: string,
  ): void;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertLess(actual: number, expected: number, message?: string): void;
  export function assertLessOrEqual(actual: number, expected: number, message?: string): void;
  export function assertGreater(actual: number, expected: number, message?: string): void;
  export function assertGreaterOrEqual(actual: number, expected: number, message?: string): void;
  export function assertInstanceOf<T>(
    actual: unknown,
    expectedType: abstract new (...args: never[]) => T,
    message?: string,
  ): asserts actual is T;
  export function assertThrows<E extends Error = Error>(
    fn: () => unknown,
    // deno-lint-ignore no-explicit-any
    errorClass?: abstract new (...args: any[]) => E,
    messageIncludes?: string,
    message?: string,
  ): E;
  export function assertRejects<E extends Error = Error>(
    fn: () => PromiseLike<unknown>,
    // deno-lint-ignore no-explicit-any
    errorClass?: abstract new (...args: any[]) => E,
    messageIncludes?: string,
    message?: string,
  ): Promise<E>;
  export function fail(message?: string): never;
}

declare module "@std/path/mod.js" {
  export function join(...parts: string[]): string;
  export function dirname(path: string): string;
  export function basename(path: string, suffix?: string): string;
  export function fromFileUrl(url: string | URL): string;
  export function toFileUrl(path: string): URL;
  export function globToRegExp(glob: string): RegExp;
  export function relative(from: string, to: string): string;
  export function resolve(...parts: string[]): string;
}

declare module "@std/fmt/colors.js" {
  export function setColorEnabled(enabled: boolean): void;
  export function getColorEnabled(): boolean;
  export function bold(text: string): string;
  export function cyan(text: string): string;
  export function dim(text: string): string;
  export function green(text: string): string;
  export function red(text: string): string;
  export function yellow(text: string): string;
  export function stripAnsiCode(text: string): string;
}

declare module "@std/csv/parse.js" {
  export function parse(
    input: string,
    options?: { readonly separator?: string; readonly fieldsPerRecord?: number },
  ): string[][];
}
