import { assert, assertEquals } from "@std/assert/mod.js";
import { createProgress, type ProgressScreen } from "../../tasks/common/progress.ts";
import {
  displayWidth,
  fitWidth,
  formatDuration,
  formatNumber,
  formatQuantity,
} from "../../tasks/common/text.ts";

/** A screen that keeps what is written, with a clock that the test moves. */
class FakeScreen implements ProgressScreen {
  isTerminal: boolean;
  written = "";
  time = 1000;

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  columns(): number {
    return 60;
  }

  write(text: string): void {
    this.written += text;
  }

  now(): number {
    return this.time;
  }
}

Deno.test("widths count Japanese twice and combining marks not at all", () => {
  assertEquals(displayWidth("日本語 ELECTRA"), 14);
  assertEquals(displayWidth("が"), 2);
  assertEquals(displayWidth("か\u3099"), 2);
  assertEquals(displayWidth("ｶﾞ"), 2);
  assertEquals(displayWidth("𠮷野家"), 6);
  assertEquals(displayWidth("😀"), 2);
  assertEquals(displayWidth(""), 0);
});

Deno.test("text is cut where it still fits, never through a wide character", () => {
  assertEquals(fitWidth("日本語", 6), "日本語");
  assertEquals(fitWidth("日本語", 5), "日本…");
  assertEquals(fitWidth("日本語", 4), "日…");
  assertEquals(fitWidth("日本語", 1), "…");
  assertEquals(fitWidth("日本語", 0), "");
});

Deno.test("numbers, quantities and times read well at every size", () => {
  assertEquals([0.834, 5, 12.44, 1234.5].map(formatNumber), ["0.83", "5", "12.4", "1,235"]);
  assertEquals(formatQuantity(1234, "pages"), "1,234 pages");
  assertEquals(
    [999, 5_100_000, 3.2e12, 4e15].map((bytes) => formatQuantity(bytes, "B")),
    ["999 B", "5.10 MB", "3.20 TB", "4,000 TB"],
  );
  assertEquals(
    [7.4, 59.6, 750, 11045, 183600].map(formatDuration),
    ["0:07", "1:00", "12:30", "3:04:05", "2d 03:00:00"],
  );
});

Deno.test("a terminal shows one line with share, bar, counts, rate, time left and note", () => {
  const screen = new FakeScreen(true);
  const progress = createProgress({ label: "学習", unit: "steps", total: 100, screen });
  screen.time += 10_000;
  progress.update(25, "損失 3.2");
  assertEquals(screen.written, "\r学習   25%  █████░░░░░░░░░░░░░░░  25/100 steps  2.50 steps…");
  assertEquals(displayWidth(screen.written.slice(1)), 59);
});

Deno.test("a terminal line that grows shorter leaves nothing of the longer one", () => {
  const screen = new FakeScreen(true);
  const progress = createProgress({ label: "a", unit: "B", screen });
  progress.update(5, "a long note");
  const first = screen.written;
  screen.time += 1000;
  progress.update(5, "");
  assertEquals(displayWidth(screen.written.slice(first.length)), displayWidth(first));
});

Deno.test("redraws are few on a terminal and fewer elsewhere", () => {
  for (const [isTerminal, least, most] of [[true, 90, 101], [false, 1, 3]] as const) {
    const screen = new FakeScreen(isTerminal);
    const progress = createProgress({ label: "x", unit: "pages", total: 10_000, screen });
    for (let done = 1; done <= 10_000; done++) {
      screen.time += 1;
      progress.update(done);
    }
    progress.finish();
    const lines = screen.written.split(isTerminal ? "\r" : "\n").length - 1;
    assert(lines >= least && lines <= most, `${lines} lines`);
    assert(screen.written.endsWith("\n"));
  }
});

Deno.test("the rate follows what happens now, and a resumed run counts its own work only", () => {
  const screen = new FakeScreen(false);
  const progress = createProgress({
    label: "x",
    unit: "steps",
    total: 1300,
    initial: 1000,
    screen,
  });
  for (let i = 1; i <= 100; i++) {
    screen.time += 1000;
    progress.update(1000 + i);
  }
  const last = screen.written.trimEnd().split("\n").at(-1);
  assertEquals(last, "x   84%  1,100/1,300 steps  1 steps/s  3:20 left");
});

Deno.test("the last line gives the average and the time it took", () => {
  const screen = new FakeScreen(false);
  const progress = createProgress({ label: "抽出", unit: "pages", total: 158, screen });
  screen.time += 79_000;
  progress.update(158);
  progress.finish("完了");
  assertEquals(
    screen.written.split("\n").at(-2),
    "抽出  100%  158/158 pages  2 pages/s  in 1:19  完了",
  );
});
