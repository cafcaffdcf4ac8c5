/** XML of a dump takes work in proportion to its length, whatever stands in it. */
import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { PageCutter } from "../../pipeline/wiki/page_cutter.ts";
import { PageParser } from "../../pipeline/wiki/pages.ts";

function cut(text: string, least: number, chunk: number): { pieces: string[]; work: number } {
  const bytes = new TextEncoder().encode(text), cutter = new PageCutter(least);
  const pieces: string[] = [];
  const take = (piece: Uint8Array): void => void pieces.push(new TextDecoder().decode(piece));
  for (let at = 0; at < bytes.length; at += chunk) {
    for (const piece of cutter.push(bytes.subarray(at, at + chunk))) take(piece);
  }
  take(cutter.end());
  return { pieces, work: cutter.work };
}

Deno.test("pieces end where the first page does behind their least length, for any chunks", () => {
  const page = (n: number): string => `<page>${"x".repeat(n)}</page>`;
  const text = [3, 40, 0, 7, 90, 1, 1, 1].map(page).join("\n") + "</mediawiki>";
  for (const least of [7, 20, 60, 1000]) {
    // From the definition: the shortest piece of `least` bytes or more that ends with a page.
    const expected: string[] = [];
    let rest = text;
    for (;;) {
      const end = rest.indexOf("</page>", least - 7);
      if (end === -1) break;
      expected.push(rest.slice(0, end + 7));
      rest = rest.slice(end + 7);
    }
    expected.push(rest);
    for (const chunk of [1, 2, 3, 6, 7, 8, 50, 1000]) {
      assertEquals(cut(text, least, chunk).pieces, expected, `${least} by ${chunk}`);
    }
  }
});

Deno.test("XML without an end of a page is searched and copied a bounded number of times", () => {
  for (const text of ["x", "</page", "<page>", "</page></pag", "あ"]) {
    const once = cut(text.repeat(200_000 / text.length), 4096, 512);
    const more = cut(text.repeat(1_600_000 / text.length), 4096, 512);
    assert(more.work <= 8.5 * once.work, `${text}: ${once.work} → ${more.work}`);
    assert(more.work <= 6 * 3 * 1_600_000, `${text}: ${more.work}`);
  }
});

Deno.test("elements within elements are refused at a depth, and nothing behind them is worked on", () => {
  for (const text of ["<a>".repeat(1_000_000), "<a>".repeat(90) + "<page>".repeat(900_000)]) {
    const parser = new PageParser(
      { fragment: true, name: "d.xml" },
      ({ message, byte, advice }) => new Error(`${message} at byte ${byte}: ${advice}`),
    );
    assertThrows(
      () => parser.write(new TextEncoder().encode(text)),
      Error,
      "more than 100 elements within each other",
    );
    assertEquals(parser.open.length, 101);
  }
});

Deno.test("characters that do not exist are broken XML", () => {
  for (const text of ["&#x110000;", "&#1114112;", "&#99999999999999;"]) {
    const parser = new PageParser(
      { fragment: true, name: "d.xml" },
      ({ message, byte }) => new Error(`${message} at byte ${byte}`),
    );
    assertThrows(
      () => parser.write(new TextEncoder().encode(`<page>${text}`)),
      Error,
      "broken XML",
    );
  }
});

Deno.test("broken XML is left where it breaks, not parsed to the end of its chunk", () => {
  const pages = "<page><title>a</title></page>";
  const parser = new PageParser(
    { fragment: true, name: "d.xml" },
    ({ message, byte }) => new Error(`${message} at byte ${byte}`),
  );
  const text = `${pages}</b>${"<c></b>".repeat(500_000)}`;
  const start = pages.length;
  assertThrows(() => parser.write(new TextEncoder().encode(text)), Error, `at byte ${start + 4}`);
});
