/**
 * The autograd by itself: operations are recorded on a {@linkcode Tape} over the parameters of a
 * {@linkcode ParameterStore}, their gradients beside them, and replayed as a {@linkcode Plan}.
 *
 * @example Multiplies two matrices
 * ```ts
 * import { ParameterStore, Plan, Tape } from "@kohaku/kohaku/autograd";
 * import { Gpu, matmul } from "@kohaku/kohaku/kernels";
 *
 * const gpu = await Gpu.request();
 * const tape = new Tape({ training: false });
 * const a = tape.input("a", [2, 4], "f32"), b = tape.input("b", [4, 3], "f32");
 * const c = tape.keep(tape.activation("product", [2, 3]));
 * tape.run("product", matmul({ m: 2, n: 3, k: 4, layout: "NN" }), { a, b, c });
 * const plan = await Plan.compile(gpu, tape, new ParameterStore());
 * plan.write(a, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
 * plan.write(b, new Float32Array(12).fill(1));
 * plan.run();
 * ```
 *
 * @module
 */

export * from "./chrome_trace.ts";
export * from "./memory.ts";
export * from "./plan.ts";
export * from "./profile.ts";
export * from "./profile_summary.ts";
export * from "./readback.ts";
export * from "./submission.ts";
export * from "./tape.ts";
export * from "./tensor.ts";
