/** What a run says of itself: idle time, spikes, when it ends early, and how sentences are shown. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { IdleClock } from "../../tasks/common/idle_clock.ts";
import { LossSpikes } from "../../tasks/common/loss_spikes.ts";
import { countFlags, describeSentences, sentencesMarkdown } from "../../tasks/common/showcase.ts";
import { RECENT, Stopping } from "../../tasks/common/stopping.ts";

Deno.test("a device is idle while no step is queued, other work left out", async () => {
  let time = 0;
  const clock = new IdleClock(() => time);
  const first = Promise.withResolvers<void>(), second = Promise.withResolvers<void>();
  time = 10;
  clock.queued(first.promise);
  clock.queued(second.promise);
  time = 60;
  first.resolve();
  second.resolve();
  await second.promise;
  await Promise.resolve();
  time = 100;
  assertAlmostEquals(clock.take(), 0.5);
  time = 150;
  clock.skip(50);
  time = 160;
  const third = Promise.withResolvers<void>();
  clock.queued(third.promise);
  time = 200;
  assertAlmostEquals(clock.take(), 0.2);
  assertEquals(clock.take(), 0);
});

Deno.test("a loss that stands out of many is a spike, noise and a first high loss are none", () => {
  const spikes = new LossSpikes();
  const noisy = (step: number): number => 10 + Math.sin(step * 12.9898) / 2;
  assertEquals(spikes.add(100), undefined);
  for (let step = 0; step < 300; step++) assertEquals(spikes.add(noisy(step)), undefined);
  assertEquals(spikes.add(NaN), undefined);
  assert(spikes.add(20)! > 6);
  assertEquals(spikes.add(10), undefined);
});

Deno.test("a run ends when its hours are over, or its mean loss is low enough", () => {
  let time = 0;
  const hours = new Stopping({ maxHours: 2 }, () => time);
  time = 7_199_999;
  assertEquals(hours.reason(), undefined);
  time = 7_200_000;
  assertEquals(hours.reason(), "2 hours are over");
  const until = new Stopping({ untilLoss: 3 });
  for (let step = 1; step < RECENT; step++) until.add(2);
  assertEquals(until.reason(), undefined);
  until.add(2);
  assertStringIncludes(until.reason()!, "is 2.000 on average");
  for (let step = 0; step < RECENT / 2; step++) until.add(5);
  assertEquals(until.reason(), undefined);
  until.add(NaN);
  assertEquals(until.reason(), undefined);
});

Deno.test("sentences show what was replaced, what was flagged and what was missed", () => {
  const sentences = [
    [{ text: "同じ", probability: 0.9 }, { text: "。", probability: 0.1 }],
    [
      { text: " 犬", original: "猫", probability: 0.8 },
      { text: "が*", probability: 0.6 },
      { text: "走", original: "寝", probability: 0.2 },
      { text: "る。", probability: 0 },
    ],
  ];
  assertEquals(countFlags(sentences), { right: 1, wrong: 2 });
  const [shown, ...others] = describeSentences(sentences, 3);
  assertEquals(others, []);
  // deno-lint-ignore no-control-regex
  const plain = shown.replace(/\u001b\[\d+m/g, "");
  assertStringIncludes(plain, "1  [ 犬]が*[走]る。");
  assertStringIncludes(plain, "replaced: 犬 for 猫, 走 for 寝");
  assertStringIncludes(plain, "flagged:  犬 80% (right), が* 60% (wrong)");
  assertStringIncludes(plain, "missed:   走 20%");
  assertEquals(
    sentencesMarkdown(sentences),
    "- 同じ⟨90%⟩。\n- ** 犬**⟨80%⟩(猫)が\\*⟨60%⟩**走**(寝)る。",
  );
});
