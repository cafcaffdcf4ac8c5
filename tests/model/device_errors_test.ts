import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { add } from "../../kernels/elementwise/elementwise.ts";
import { Gpu } from "../../kernels/device.ts";
import { KernelError } from "../../kernels/errors.ts";
import { Plan } from "../../model/autograd/plan.ts";
import { type HostNumbers, ReadbackRing, readBuffer } from "../../model/autograd/readback.ts";
import { cutByWork, MOST_WORK } from "../../model/autograd/submission.ts";
import { Tape } from "../../model/autograd/tape.ts";
import type { Tensor } from "../../model/autograd/tensor.ts";
import { ModelError } from "../../model/errors.ts";
import { ParameterStore } from "../../model/parameters/store.ts";

/** Three additions in a row: x, 2x, 4x, 8x. */
function doublings(): { tape: Tape; input: Tensor; result: Tensor } {
  const tape = new Tape({ training: false });
  const input = tape.input("input", [8], "f32");
  let result = input;
  for (const operation of ["double", "double again", "double once more"]) {
    const output = tape.activation(operation, [8]);
    tape.run(operation, add({ elements: 8 }), { a: result, b: result, output });
    result = output;
  }
  return { tape, input, result: tape.keep(result) };
}

/** A device of its own, since an error ends all further work on it. */
async function withGpu(work: (gpu: Gpu) => Promise<void>): Promise<void> {
  const gpu = await Gpu.request();
  try {
    await work(gpu);
    await gpu.device.queue.onSubmittedWorkDone();
  } finally {
    gpu.destroy();
  }
}

Deno.test("an error that no scope catches ends the next step and every later one, in one line", async () => {
  await withGpu(async (gpu) => {
    const { tape, input } = doublings();
    const plan = await Plan.compile(gpu, tape, new ParameterStore());
    plan.write(input, new Float32Array(8));
    plan.run();
    await gpu.settle();
    const { buffer } = plan.location(input);
    gpu.device.queue.writeBuffer(buffer, 0, new Float32Array(64)); // longer than the buffer
    gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (let step = 0; step < 2; step++) {
      const error = await Promise.try(() => plan.run()).catch((error: Error) => error);
      assert(error instanceof KernelError);
      assert(!error.message.includes("\n"), error.message);
      assertStringIncludes(error.message, "the GPU reports an error");
    }
  });
});

/** Runs a plan and reads what it made through a slot of the ring. */
async function runAndRead(
  ring: ReadbackRing,
  plan: Plan,
  result: Tensor,
): Promise<readonly HostNumbers[]> {
  const slot = ring.take();
  plan.run((encoder) => slot.copy(encoder, plan, [result]));
  return await slot.read();
}

Deno.test("a dispatch that the device refuses ends the run with a line that names its operation", async () => {
  await withGpu(async (gpu) => {
    const { tape, result } = doublings();
    const dispatch = tape.dispatches[1];
    const launch = { ...dispatch.launch, workgroups: [1, 70_000, 1] as const };
    tape.dispatches[1] = { ...dispatch, launch };
    const plan = await Plan.compile(gpu, tape, new ParameterStore());
    const ring = new ReadbackRing(gpu, 32, 2);
    const error = await assertRejects(() => runAndRead(ring, plan, result), KernelError);
    assertStringIncludes(error.message, "double again (add 8): ");
    assert(!error.message.includes("\n"), error.message);
    assertStringIncludes(
      (await assertRejects(() => gpu.settle(), KernelError)).message,
      "double again",
    );
  });
});

Deno.test("a buffer that cannot be mapped tells its cause and frees its slot", async () => {
  await withGpu(async (gpu) => {
    const { tape, input, result } = doublings();
    const plan = await Plan.compile(gpu, tape, new ParameterStore());
    plan.write(input, new Float32Array(8).fill(3));
    const ring = new ReadbackRing(gpu, 32, 1);
    const { mapAsync } = GPUBuffer.prototype;
    GPUBuffer.prototype.mapAsync = () => Promise.reject(new Error("the driver is out of handles"));
    try {
      for (let step = 0; step < 3; step++) {
        const error = await assertRejects(() => runAndRead(ring, plan, result), ModelError);
        assertStringIncludes(error.message, "double once more");
        assertStringIncludes(error.message, "the driver is out of handles");
      }
      const { buffer } = plan.location(result);
      const error = await assertRejects(() => readBuffer(gpu, buffer, 0, 32), ModelError);
      assertStringIncludes(error.message, "the driver is out of handles");
    } finally {
      GPUBuffer.prototype.mapAsync = mapAsync;
    }
    assertEquals(await runAndRead(ring, plan, result), [new Float32Array(8).fill(24)]);
    ring.destroy();
    plan.destroy();
  });
});

Deno.test("work is cut where a submission would run too long, and nowhere else", () => {
  const cost = (flops: number, bytes = 0): { flops: number; bytes: number } => ({ flops, bytes });
  const most = cost(10, 100);
  assertEquals(cutByWork([cost(4), cost(4), cost(4), cost(2)], undefined, most), {
    cuts: [2],
    spent: cost(6),
  });
  assertEquals(cutByWork([cost(1, 60), cost(1, 60)], undefined, most).cuts, [1]);
  assertEquals(cutByWork([cost(30), cost(30)], undefined, most).cuts, [1]);
  assertEquals(cutByWork([cost(4)], cost(8), most), { cuts: [0], spent: cost(4) });
  assertEquals(cutByWork([cost(4), cost(6)], undefined, most).cuts, []);
  assertEquals(cutByWork([], cost(3), most), { cuts: [], spent: cost(3) });
});

Deno.test("a step of much work is several submissions that give what one gives", async () => {
  await withGpu(async (gpu) => {
    const { tape, input, result } = doublings();
    tape.dispatches.forEach((dispatch, i) => {
      const launch = { ...dispatch.launch, cost: { flops: 0.6 * MOST_WORK.flops, bytes: 0 } };
      tape.dispatches[i] = { ...dispatch, launch };
    });
    const plan = await Plan.compile(gpu, tape, new ParameterStore());
    plan.write(input, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const { queue } = gpu.device;
    let submissions = 0;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      submissions++;
      return submit(buffers);
    };
    const ring = new ReadbackRing(gpu, 32, 1);
    assertEquals(await runAndRead(ring, plan, result), [
      Float32Array.of(8, 16, 24, 32, 40, 48, 56, 64),
    ]);
    assertEquals(submissions, 3);
    ring.destroy();
    plan.destroy();
  });
});
