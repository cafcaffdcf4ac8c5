/** The policy of a run: cadence, interruption, and what happens to work when something fails. */
import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import {
  type LoopEnd,
  type LoopOptions,
  MOST_SKIPPED,
  runLoop,
} from "../../model/training/loop.ts";
import type { AnyObjective } from "../../model/training/objective.ts";
import type { StepMetrics, Training } from "../../model/training/training.ts";

/** Takes steps in no time; metrics come two steps late. */
class PretendedTraining {
  step = 0;
  /** What each step does with its metrics. */
  readonly outcome: (step: number) => Partial<StepMetrics> | Error;
  readonly #late: (() => void)[] = [];

  constructor(outcome: (step: number) => Partial<StepMetrics> | Error = () => ({})) {
    this.outcome = outcome;
  }

  train(): Promise<{ metrics: Promise<StepMetrics> }> {
    const step = ++this.step;
    const metrics = new Promise<StepMetrics>((resolve, reject) => {
      const settle = (): void => {
        const outcome = this.outcome(step);
        if (outcome instanceof Error) reject(outcome);
        else resolve({ step, skipped: false, ...outcome } as StepMetrics);
      };
      this.#late.push(settle);
      if (this.#late.length > 2) this.#late.shift()!();
      setTimeout(settle, 1);
    });
    metrics.catch(() => {});
    return Promise.resolve({ metrics });
  }
}

interface Trail {
  readonly events: string[];
  readonly options: LoopOptions<AnyObjective>;
}

function trail(
  training: PretendedTraining,
  more: Partial<LoopOptions<AnyObjective>> = {},
): Trail {
  const events: string[] = [];
  const options: LoopOptions<AnyObjective> = {
    totalSteps: 10,
    nextBatch: () => Promise.resolve({}),
    signal: new AbortController().signal,
    onWarm: () => events.push("warm"),
    onStep: ({ step }, logged) => void events.push(`${logged ? "log" : "step"} ${step}`),
    logEvery: 4,
    save: () => Promise.resolve(events.push(`save ${training.step}`) > 0),
    saveEvery: 6,
    evaluate: () => Promise.resolve(void events.push(`evaluate ${training.step}`)),
    evaluateEvery: 5,
    onFailure: (step, fault) => void events.push(`failed at ${step}, ${fault ?? "saved"}`),
    ...more,
  };
  return { events, options };
}

function run(
  training: PretendedTraining,
  options: LoopOptions<AnyObjective>,
): Promise<LoopEnd> {
  return runLoop(training as unknown as Training<AnyObjective>, options);
}

Deno.test("a run logs, evaluates and saves when it should, and reports all steps in order", async () => {
  const training = new PretendedTraining();
  const { events, options } = trail(training);
  const end = await run(training, options);
  assertEquals([end.reason, end.last?.step], ["finished", 10]);
  assertEquals(events, [
    "log 1",
    "warm",
    "step 2",
    "step 3",
    "log 4",
    "step 5",
    "evaluate 5",
    "step 6",
    "save 6",
    "step 7",
    "log 8",
    "step 9",
    "log 10",
    "save 10",
  ]);
});

Deno.test("a run that goes on begins where it is, and one that is done takes no step and saves nothing", async () => {
  const training = new PretendedTraining();
  training.step = 8;
  const { events, options } = trail(training);
  await run(training, options);
  assertEquals(events, ["log 9", "warm", "log 10", "save 10"]);
  const again = trail(training);
  assertEquals((await run(training, again.options)).reason, "finished");
  assertEquals(again.events, []);
});

Deno.test("a run that is asked to stop saves, and an evaluation comes before the save of its step", async () => {
  const training = new PretendedTraining();
  const { events, options } = trail(training, {
    evaluateEvery: 6,
    stop: () => training.step === 7 ? "time is up" : undefined,
  });
  const end = await run(training, options);
  assertEquals([end.reason, end.stopped, end.last?.step], ["stopped", "time is up", 7]);
  assertEquals(events.slice(-4), ["evaluate 6", "save 6", "step 7", "save 7"]);
});

Deno.test("an interrupted run reports and saves what was queued", async () => {
  const controller = new AbortController();
  const training = new PretendedTraining();
  const { events, options } = trail(training, {
    signal: controller.signal,
    nextBatch: () => {
      if (training.step === 2) controller.abort();
      return Promise.resolve({});
    },
  });
  const end = await run(training, options);
  assertEquals([end.reason, end.last?.step], ["interrupted", 3]);
  assertEquals(events.slice(-2), ["step 3", "save 3"]);
});

Deno.test("a run in which no step changes anything stops, and does not put that in place of good states", async () => {
  const training = new PretendedTraining(() => ({ skipped: true }));
  const { events, options } = trail(training, { totalSteps: 1000, saveEvery: 10_000 });
  const end = await run(training, options);
  assertEquals([end.reason, end.skippedInARow >= MOST_SKIPPED], ["skipped", true]);
  assertEquals(training.step < MOST_SKIPPED + 10, true);
  assertEquals(events.filter((event) => event.startsWith("save")), []);
});

Deno.test("whatever fails, the state is saved first and the failure reaches the caller", async () => {
  const failure = new Error("the disk is full");
  const unheard: unknown[] = [];
  const listen = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    unheard.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    const failing: Record<string, Partial<LoopOptions<AnyObjective>>> = {
      "a line that cannot be written": {
        onStep: ({ step }) => step === 3 ? Promise.reject(failure) : Promise.resolve(),
      },
      "a batch that cannot be read": {
        nextBatch: () => Promise.reject(failure),
      },
      "an evaluation": { evaluate: () => Promise.reject(failure) },
    };
    for (const [name, more] of Object.entries(failing)) {
      const training = new PretendedTraining();
      training.step = 2;
      const nextBatch = more.nextBatch &&
        (() => training.step === 4 ? Promise.reject(failure) : Promise.resolve({}));
      const { events, options } = trail(training, { ...more, ...(nextBatch ? { nextBatch } : {}) });
      const error = await assertRejects(() => run(training, options), Error, undefined, name);
      assert(error === failure, name);
      assertEquals(events.slice(-2), [
        `save ${training.step}`,
        `failed at ${training.step}, saved`,
      ]);
    }
    const lost = new PretendedTraining((step) => step === 4 ? failure : {});
    const { events, options } = trail(lost);
    assert(await assertRejects(() => run(lost, options)) === failure);
    assertEquals(events.at(-1), `failed at ${lost.step}, saved`);

    const full = new PretendedTraining();
    let saves = 0;
    const unsaved = trail(full, { save: () => (saves++, Promise.reject(failure)) });
    assert(await assertRejects(() => run(full, unsaved.options)) === failure);
    assertEquals(saves, 1, "what cannot be saved is not tried twice");
    assertEquals(unsaved.events.at(-1), "failed at 6, Error: the disk is full");
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(unheard, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});

Deno.test("a save that may fail on the way is made up for at the end", async () => {
  const training = new PretendedTraining();
  const { events, options } = trail(training, { totalSteps: 6 });
  const saves: boolean[] = [];
  await run(training, { ...options, save: (last) => Promise.resolve(saves.push(last) > 1) });
  assertEquals(saves, [false, true]);
  assertEquals(events.at(-1), "log 6");
});

Deno.test("a run of no steps saves its initial weights", async () => {
  const training = new PretendedTraining();
  const { events, options } = trail(training, { totalSteps: 0 });
  await run(training, options);
  assertEquals(events, ["save 0"]);
});

Deno.test("a failure before the first step of a run saves nothing", async () => {
  const training = new PretendedTraining();
  const { events, options } = trail(training, {
    nextBatch: () => Promise.reject(new Error("no examples")),
  });
  await assertRejects(() => run(training, options), Error, "no examples");
  assertEquals(events, []);
});
