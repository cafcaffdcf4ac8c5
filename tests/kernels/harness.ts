/**
 * Runs kernel programs on the adapter with guards around every buffer.
 *
 * Each buffer holds guard words before and after its data, and the binding reaches over the trailing
 * guard, so a write past the end shows and a read past the end poisons the result with NaN. Buffers that
 * a kernel promises to write start as NaN, so an element left unwritten shows too.
 */
import { assert, assertEquals } from "@std/assert/mod.js";
import type { Gpu } from "../../kernels/device.ts";
import { bytesPerElement, type DType, type KernelProgram } from "../../kernels/launch.ts";
import { openGpu, WEBGPU_VARIABLE } from "../../tasks/common/webgpu.ts";

const GUARD_WORDS = 64;
const GUARD = 0xffffffff; // a NaN in f32 and in f16, an absurd index as an integer

let shared: Promise<Gpu> | undefined;

/** One device for all tests of a file, from the provider that `deno task test --webgpu` names. */
export function testGpu(): Promise<Gpu> {
  const webgpu = Deno.env.get(WEBGPU_VARIABLE) === "dawn" ? "dawn" : "deno";
  shared ??= openGpu({ adapter: "high-performance", webgpu });
  return shared;
}

/**
 * A test that needs something of the adapter. Elsewhere its name says what is missing, and it counts as
 * skipped.
 *
 * @param missing what the adapter lacks; undefined where it lacks nothing.
 */
export function testNeeding(
  missing: string | undefined,
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
): void {
  const ignore = missing !== undefined;
  Deno.test({
    name: ignore ? `${name} (skipped: this adapter has no ${missing})` : name,
    ignore,
    fn,
  });
}

/** A test that needs 16-bit floats. */
export async function halfTest(name: string, fn: (gpu: Gpu) => Promise<void>): Promise<void> {
  const gpu = await testGpu();
  testNeeding(gpu.features.f16 ? undefined : "16-bit floats", name, () => fn(gpu));
}

// Drivers that are still at work when a process ends may crash it.
Deno.test.afterAll(async () => {
  const gpu = await shared?.catch(() => undefined);
  await gpu?.device.queue.onSubmittedWorkDone();
  gpu?.destroy();
});

/** Data of a binding. f16 data travels as Uint16Array of its bits. */
export type Data = Float32Array | Uint32Array | Int32Array | Uint16Array;

/**
 * Runs a program: `data` gives the contents of every binding that is read; the result holds every
 * binding that is written, scratch included.
 */
export async function runProgram(
  gpu: Gpu,
  program: KernelProgram,
  data: Readonly<Record<string, Data>>,
): Promise<Record<string, Data>> {
  const { device } = gpu;
  const buffers = new Map<string, { buffer: GPUBuffer; dtype: DType; elements: number }>();
  const written = new Set<string>();
  const scratch = new Set(program.scratch.map((s) => s.name));
  const known = new Set(program.launches.flatMap((l) => l.bindings.map((b) => b.name)));
  for (const name of Object.keys(data)) assert(known.has(name), `no binding is called ${name}`);

  for (const launch of program.launches) {
    for (const { name, access, dtype, elements } of launch.bindings) {
      if (access !== "read") written.add(name);
      const before = buffers.get(name);
      if (before) {
        assertEquals([before.dtype, before.elements], [dtype, elements], `binding ${name} differs`);
        continue;
      }
      const bytes = Math.ceil((elements * bytesPerElement(dtype)) / 4) * 4;
      const words = new Uint32Array(bytes / 4 + 2 * GUARD_WORDS).fill(GUARD);
      const given = data[name];
      if (given) {
        assertEquals(given.length, elements, `data for ${name} has the wrong length`);
        new Uint8Array(words.buffer).set(
          new Uint8Array(given.buffer, given.byteOffset, given.byteLength),
          GUARD_WORDS * 4,
        );
      } else {
        assert(access === "write" || scratch.has(name), `binding ${name} is read but has no data`);
      }
      const buffer = device.createBuffer({
        label: name,
        size: words.byteLength,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(buffer, 0, words);
      buffers.set(name, { buffer, dtype, elements });
    }
  }

  const pipelines = await Promise.all(
    program.launches.map((launch) => gpu.pipeline(launch.wgsl, `${launch.kernel} ${launch.label}`)),
  );
  device.pushErrorScope("validation");
  const encoder = device.createCommandEncoder();
  const uniforms: GPUBuffer[] = [];
  program.launches.forEach((launch, i) => {
    const entries: GPUBindGroupEntry[] = launch.bindings.map(({ name }, binding) => {
      const { buffer } = buffers.get(name)!;
      return {
        binding,
        resource: { buffer, offset: GUARD_WORDS * 4, size: buffer.size - GUARD_WORDS * 4 },
      };
    });
    if (launch.params) {
      const uniform = device.createBuffer({
        size: launch.params.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(uniform, 0, launch.params.slice());
      uniforms.push(uniform);
      entries.push({ binding: launch.bindings.length, resource: { buffer: uniform } });
    }
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines[i]);
    pass.setBindGroup(
      0,
      device.createBindGroup({ layout: pipelines[i].getBindGroupLayout(0), entries }),
    );
    pass.dispatchWorkgroups(...launch.workgroups);
    pass.end();
  });
  const reads = [...buffers].map(([name, { buffer, dtype, elements }]) => {
    const read = device.createBuffer({
      size: buffer.size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.copyBufferToBuffer(buffer, 0, read, 0, buffer.size);
    return { name, read, dtype, elements };
  });
  device.queue.submit([encoder.finish()]);
  const fault = await device.popErrorScope();
  if (fault) throw new Error(fault.message);

  const results: Record<string, Data> = {};
  for (const { name, read, dtype, elements } of reads) {
    await read.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(read.getMappedRange().slice(0));
    read.destroy();
    const end = words.length - GUARD_WORDS;
    for (let i = 0; i < GUARD_WORDS; i++) {
      assertEquals(words[i], GUARD, `${name}: written before its start`);
      assertEquals(words[end + i], GUARD, `${name}: written past its end`);
    }
    if (!written.has(name)) {
      continue;
    }
    const bytes = words.buffer.slice(
      GUARD_WORDS * 4,
      GUARD_WORDS * 4 + elements * bytesPerElement(dtype),
    );
    results[name] = dtype === "f32"
      ? new Float32Array(bytes)
      : dtype === "f16"
      ? new Uint16Array(bytes)
      : dtype === "u32"
      ? new Uint32Array(bytes)
      : new Int32Array(bytes);
  }
  for (const { buffer } of buffers.values()) buffer.destroy();
  for (const uniform of uniforms) uniform.destroy();
  return results;
}

/** Runs a program twice and fails unless both runs give the same bits. */
export async function runTwice(
  gpu: Gpu,
  program: KernelProgram,
  data: Readonly<Record<string, Data>>,
): Promise<Record<string, Data>> {
  const first = await runProgram(gpu, program, data);
  const second = await runProgram(gpu, program, data);
  for (const name of Object.keys(first)) {
    const [one, other] = [first[name], second[name]].map(({ buffer, byteOffset, byteLength }) =>
      new Uint8Array(buffer, byteOffset, byteLength)
    );
    const byte = one.findIndex((value, i) => value !== other[i]);
    assertEquals(byte, -1, `${name} differs between two runs, first in byte ${byte}`);
  }
  return first;
}

/**
 * Fails unless ‖actual − expected‖ ≤ tolerance × (‖expected‖ + floor), NaN never passing; names the worst
 * element.
 */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
  floor = 1e-6,
): void {
  assertEquals(actual.length, expected.length, `${what}: length`);
  let difference = 0, norm = 0, worst = -1, worstIndex = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= worst)) [worst, worstIndex] = [d, i];
    if (Number.isNaN(d)) break;
    difference += d * d;
    norm += expected[i] * expected[i];
  }
  const ok = !Number.isNaN(worst) &&
    Math.sqrt(difference) <= tolerance * (Math.sqrt(norm) + floor);
  assert(
    ok,
    `${what}: relative error ${
      Math.sqrt(difference / norm)
    } past ${tolerance}; worst at ${worstIndex}: ` +
      `${actual[worstIndex]} instead of ${expected[worstIndex]}`,
  );
}

/** Seeded normal numbers (Box–Muller over a 32-bit mixing generator), as float32. */
export function normal(count: number, seed: number, scale = 1): Float32Array {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 4294967296;
  };
  return Float32Array.from(
    { length: count },
    () => scale * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** Numbers as the bits of 16-bit floats, as {@link runProgram} takes and gives them. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  return new Uint16Array(Float16Array.from(values).buffer);
}

/** The numbers that bits of 16-bit floats stand for. */
export function fromHalf(bits: Data): Float32Array {
  return Float32Array.from(new Float16Array(bits.buffer as ArrayBuffer));
}
