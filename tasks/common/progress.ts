/**
 * How far a stage is: a bar redrawn in place on a terminal, now and then a plain line elsewhere.
 * Everything goes to the error stream, so that output on stdout stays clean.
 */

import { displayWidth, fitWidth, formatDuration, formatQuantity } from "./text.ts";

/** A stage's progress as its caller drives it. */
export interface Progress {
  /** Says how many units are done in all, and optionally what is worth a look. */
  update(done: number, note?: string): void;
  /** Sets or corrects how many units there will be. */
  setTotal(total: number): void;
  /** Draws the last state for good; call it once. */
  finish(note?: string): void;
}

/** What a line of progress is drawn from. */
export interface ProgressState {
  label: string;
  unit: string;
  done: number;
  /** Units in all, where known. */
  total?: number;
  /** Units a second of late; 0 while unknown. */
  rate: number;
  /** Seconds since the start. */
  elapsed: number;
  note: string;
  finished: boolean;
}

/** Where the lines go and what time it is; tests replace it. */
export interface ProgressScreen {
  isTerminal: boolean;
  columns(): number;
  write(text: string): void;
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
}

const BAR_WIDTH = 20;
const REDRAW_MS = 100;
const PLAIN_LINE_MS = 5000;
/** The rate is taken over this much of the past, so that it follows what happens now. */
const RATE_WINDOW_MS = 30_000;

/** The standard error stream. */
function standardError(): ProgressScreen {
  const encoder = new TextEncoder();
  return {
    isTerminal: Deno.stderr.isTerminal(),
    columns: () => {
      try {
        // Some terminals say 0 when they do not know.
        return Deno.consoleSize().columns || 80;
      } catch {
        return 80;
      }
    },
    write: (text) => {
      const bytes = encoder.encode(text);
      try {
        for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
      } catch {
        // Nobody reads it, or the disk is full: the work goes on without.
      }
    },
    now: () => performance.now(),
  };
}

/** One line of progress in at most `columns` columns; `bar` draws the bar itself as well. */
export function renderProgress(state: ProgressState, columns: number, bar: boolean): string {
  const parts: string[] = [state.label];
  if (state.total !== undefined && state.total > 0) {
    const share = Math.min(1, state.done / state.total);
    parts.push(`${Math.floor(share * 100)}%`.padStart(4));
    if (bar) {
      const full = Math.floor(share * BAR_WIDTH);
      parts.push("█".repeat(full) + "░".repeat(BAR_WIDTH - full));
    }
    const [done, total] = [state.done, state.total].map((n) => formatQuantity(n, state.unit));
    parts.push(state.unit === "B" ? `${done} / ${total}` : `${done.split(" ")[0]}/${total}`);
  } else {
    parts.push(formatQuantity(state.done, state.unit));
  }
  if (state.rate > 0) parts.push(`${formatQuantity(state.rate, state.unit)}/s`);
  if (state.finished) parts.push(`in ${formatDuration(state.elapsed)}`);
  else if (state.total !== undefined && state.rate > 0) {
    parts.push(`${formatDuration((state.total - state.done) / state.rate)} left`);
  }
  if (state.note !== "") parts.push(state.note);
  return fitWidth(parts.join("  "), columns);
}

/**
 * Starts the progress of one stage. `unit` is what is counted ("pages", "steps"; "B" for bytes),
 * `initial` how much was done before this run, so that the rate of a resumed one is right.
 */
export function createProgress(
  options: {
    label: string;
    total?: number;
    unit: string;
    initial?: number;
    screen?: ProgressScreen;
  },
): Progress {
  const screen = options.screen ?? standardError();
  const start = screen.now();
  const initial = options.initial ?? 0;
  const state: ProgressState = {
    label: options.label,
    unit: options.unit,
    done: initial,
    total: options.total,
    rate: 0,
    elapsed: 0,
    note: "",
    finished: false,
  };
  const samples: { time: number; done: number }[] = [{ time: start, done: initial }];
  let drawn = screen.isTerminal ? -Infinity : start;
  let drawnWidth = 0;

  const measure = (time: number): void => {
    const last = samples[samples.length - 1];
    if (time - last.time >= 1000) samples.push({ time, done: state.done });
    while (samples.length > 2 && time - samples[1].time > RATE_WINDOW_MS) samples.shift();
    const { time: from, done } = samples[0];
    state.rate = time > from ? Math.max(0, (state.done - done) * 1000 / (time - from)) : 0;
    state.elapsed = (time - start) / 1000;
  };
  const draw = (): void => {
    if (!screen.isTerminal) {
      screen.write(renderProgress(state, Infinity, false) + "\n");
      return;
    }
    // The last column stays free: writing into it makes some terminals wrap.
    const line = renderProgress(state, screen.columns() - 1, true);
    const width = displayWidth(line);
    screen.write("\r" + line + " ".repeat(Math.max(0, drawnWidth - width)));
    drawnWidth = width;
    if (state.finished) screen.write("\n");
  };

  return {
    update(done: number, note?: string): void {
      const time = screen.now();
      state.done = done;
      if (note !== undefined) state.note = note;
      if (time - drawn < (screen.isTerminal ? REDRAW_MS : PLAIN_LINE_MS)) return;
      drawn = time;
      measure(time);
      draw();
    },
    setTotal(total: number): void {
      state.total = total;
    },
    finish(note?: string): void {
      const time = screen.now();
      if (note !== undefined) state.note = note;
      state.finished = true;
      // The finished line says the average over the whole stage, not the last moments.
      const seconds = (time - start) / 1000;
      state.elapsed = seconds;
      state.rate = seconds > 0 ? (state.done - initial) / seconds : 0;
      draw();
    },
  };
}
