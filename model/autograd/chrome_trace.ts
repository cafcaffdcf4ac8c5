/**
 * A profile in the Trace Event Format, which chrome://tracing and ui.perfetto.dev show.
 *
 * @module
 */
import type { PlanProfile } from "./profile.ts";
import type { Phase } from "./tape.ts";

/** One complete event: begin and length in microseconds. */
interface CompleteEvent {
  readonly ph: "X";
  readonly name: string;
  readonly cat: string;
  readonly pid: 1;
  readonly tid: 1 | 2;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, string | number>>;
}

/** The name of a process or a track. */
interface NameEvent {
  readonly ph: "M";
  readonly name: "process_name" | "thread_name";
  readonly pid: 1;
  readonly tid: number;
  readonly args: { readonly name: string };
}

/**
 * The JSON of a trace: one track with the parts of the step, one below with its dispatches.
 *
 * @param process what was profiled, for people.
 */
export function encodeChromeTrace({ dispatches }: PlanProfile, process: string): string {
  const named = (name: NameEvent["name"], tid: number, label: string): NameEvent => ({
    ph: "M",
    name,
    pid: 1,
    tid,
    args: { name: label },
  });
  const events: (CompleteEvent | NameEvent)[] = [
    named("process_name", 0, process),
    named("thread_name", 1, "step"),
    named("thread_name", 2, "dispatches"),
  ];
  const phases = new Map<Phase, { start: number; end: number }>();
  for (const { dispatch, start, seconds } of dispatches) {
    const phase = phases.get(dispatch.phase);
    if (phase) phase.end = start + seconds;
    else phases.set(dispatch.phase, { start, end: start + seconds });
  }
  for (const [phase, { start, end }] of phases) {
    events.push(complete(phase, "phase", 1, start, end - start, {}));
  }
  for (const { dispatch: { operation, launch, phase }, start, seconds } of dispatches) {
    events.push(complete(operation, phase, 2, start, seconds, {
      kernel: launch.kernel,
      shape: launch.label,
      workgroups: launch.workgroups.join("×"),
      flops: launch.cost.flops,
      bytes: launch.cost.bytes,
    }));
  }
  return JSON.stringify({ traceEvents: events, displayTimeUnit: "ms" });
}

function complete(
  name: string,
  cat: string,
  tid: 1 | 2,
  start: number,
  seconds: number,
  args: CompleteEvent["args"],
): CompleteEvent {
  return { ph: "X", name, cat, pid: 1, tid, ts: start * 1e6, dur: seconds * 1e6, args };
}
