/** jax-js on its WebGPU backend, each piece of work compiled as one function. */

import {
  type Array,
  blockUntilReady,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  nn,
  numpy as np,
  valueAndGrad,
  vjp,
} from "@jax-js/jax";
import type { Contender, Runner } from "./contender.ts";
import { type Arrays, EPSILON, LAYER_VARIABLES, type LayerWork, type Work } from "./work.ts";

/** Starts the backend. */
export async function jaxContender(version: string): Promise<Contender> {
  await init("webgpu");
  defaultDevice("webgpu");
  return { name: "jax-js", version, prepare };
}

/** A compiled function of arrays; it consumes its arguments. */
type Step = (...inputs: Array[]) => Array[];

async function prepare(work: Work, inputs: Arrays): Promise<Runner> {
  const { names, results, step } = stepOf(work);
  const held = names.map((name) => {
    const { shape, data } = inputs[name];
    return np.array(data.slice(), { shape: [...shape] });
  });
  await blockUntilReady(held);
  // A result that is dropped before the work is sent would not be computed at all.
  let made: Array[] = [];
  const old: Array[] = [];
  const drop = (arrays: readonly Array[]): void => {
    for (const array of arrays) array.dispose();
  };
  return {
    run: () => {
      old.push(...made);
      made = step(...held.map((array) => array.ref));
    },
    finish: async () => {
      await blockUntilReady([...old, ...made]);
      drop(old.splice(0));
      await getWebGPUDevice().queue.onSubmittedWorkDone();
    },
    results: async () => {
      const data = await Promise.all(made.map((array) => array.ref.data()));
      return Object.fromEntries(results.map((name, i) => [name, data[i] as Float32Array]));
    },
    dispose: () => {
      drop(made);
      drop(held);
    },
  };
}

function stepOf(
  work: Work,
): { names: readonly string[]; results: readonly string[]; step: Step } {
  switch (work.kind) {
    case "matmul": {
      const { layout } = work;
      return {
        names: ["a", "b"],
        results: ["output"],
        step: jit((a: Array, b: Array) => [
          np.matmul(
            layout[0] === "T" ? a.transpose() : a,
            layout[1] === "T" ? b.transpose() : b,
          ),
        ]) as Step,
      };
    }
    case "softmax":
      return withGradients((x) => nn.softmax(x, -1), ["x"]);
    case "layernorm":
      return withGradients(layerNorm, ["x", "weight", "bias"]);
    case "attention":
      return withGradients((q, k, v) => attention(q, k, v, work.headSize), ["q", "k", "v"]);
    case "layer": {
      const argnums = LAYER_VARIABLES.map((_, i) => i);
      const loss = (...inputs: Array[]): Array => layerLoss(work, inputs);
      return {
        names: [...LAYER_VARIABLES, "labels"],
        results: ["loss", ...LAYER_VARIABLES],
        step: jit((...inputs: Array[]) => {
          const [value, gradients] = valueAndGrad(loss, { argnums })(...inputs);
          return [value, ...gradients as Array[]];
        }) as Step,
      };
    }
  }
}

function withGradients(
  f: (...x: Array[]) => Array,
  names: readonly string[],
): { names: readonly string[]; results: readonly string[]; step: Step } {
  return {
    names: [...names, "outputGradient"],
    results: ["output", ...names],
    step: jit((...inputs: Array[]) => {
      const [output, pullback] = vjp(f, inputs.slice(0, -1));
      return [output, ...pullback(inputs[inputs.length - 1]) as Array[]];
    }) as Step,
  };
}

function layerNorm(x: Array, weight: Array, bias: Array): Array {
  return nn.standardize(x, -1, { epsilon: EPSILON }).mul(weight).add(bias);
}

function attention(q: Array, k: Array, v: Array, headSize: number): Array {
  const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(headSize));
  return np.matmul(nn.softmax(scores, -1), v);
}

function layerLoss(work: LayerWork, inputs: readonly Array[]): Array {
  const { batch, sequence, hidden, heads } = work;
  const headSize = hidden / heads;
  const v = Object.fromEntries(LAYER_VARIABLES.map((name, i) => [name, inputs[i]]));
  const labels = inputs[LAYER_VARIABLES.length];
  const dense = (x: Array, name: string): Array => np.matmul(x, v[name]).add(v[`${name}Bias`]);
  const [q, k, value] = np.split(dense(v.x.ref, "queryKeyValue"), 3, 1).map((part) =>
    part.reshape([batch, sequence, heads, headSize]).transpose([0, 2, 1, 3])
  );
  const joined = attention(q, k, value, headSize).transpose([0, 2, 1, 3])
    .reshape([batch * sequence, hidden]);
  const attended = layerNorm(
    dense(joined, "attentionOutput").add(v.x),
    v.attentionNorm,
    v.attentionNormBias,
  );
  const between = nn.gelu(dense(attended.ref, "intermediate"), { approximate: false });
  const logits = layerNorm(
    dense(between, "output").add(attended),
    v.outputNorm,
    v.outputNormBias,
  );
  return np.mean(nn.softplus(logits.ref).sub(logits.mul(labels)));
}
