/**
 * Chromium, driven by Playwright. The package is fetched for these tests alone, from a lock file of their own, so it
 * is named neither at a literal import nor in deno.json.
 *
 * `deno task test:browser` sets `__IS_WSL_TEST__`, which keeps Playwright from looking for Windows in files that Deno
 * gives only to programs that may do anything.
 */

const PLAYWRIGHT = "npm:playwright-core@1.65.1";

/** Elements of a page that a selector finds. */
export interface Locator {
  first(): Locator;
  all(): Promise<Locator[]>;
  count(): Promise<number>;
  innerText(): Promise<string>;
  textContent(): Promise<string | null>;
  allTextContents(): Promise<string[]>;
  getAttribute(name: string): Promise<string | null>;
  isVisible(): Promise<boolean>;
  setChecked(checked: boolean): Promise<void>;
  press(key: string): Promise<void>;
  click(): Promise<void>;
  waitFor(): Promise<void>;
}

/** A page; what of it the tests use. */
export interface Page {
  readonly keyboard: { press(key: string): Promise<void> };
  on(event: "console", listen: (message: { type(): string; text(): string }) => void): void;
  on(event: "pageerror", listen: (error: Error) => void): void;
  goto(address: string): Promise<unknown>;
  evaluate(script: string): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  locator(selector: string, options?: { readonly hasText: RegExp }): Locator;
  getByLabel(text: string, options?: { readonly exact: boolean }): Locator;
  screenshot(options: { readonly path: string; readonly fullPage?: boolean }): Promise<unknown>;
}

/** A window with settings of its own. */
export interface BrowserContext {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** A running browser. */
export interface Browser {
  newContext(options: {
    readonly viewport: { readonly width: number; readonly height: number };
    readonly colorScheme: "light" | "dark";
  }): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** Starts Debian's Chromium, or the one that `CHROMIUM` names, without a window. */
export async function launchChromium(): Promise<Browser> {
  const { chromium } = await import(PLAYWRIGHT);
  return await chromium.launch({
    executablePath: Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"].concat(
      ["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ),
  });
}
