/** TensorFlow.js on its WebGPU backend. */

import * as tf from "@tensorflow/tfjs-core";
// The gradients of the core come registered by the bundle of the layers.
import "@tensorflow/tfjs-layers";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import type { Contender, Runner } from "./contender.ts";
import { type Arrays, EPSILON, LAYER_VARIABLES, type LayerWork, type Work } from "./work.ts";

/** Starts the backend. */
export async function tensorflowContender(version: string): Promise<Contender> {
  await import("@tensorflow/tfjs-backend-webgpu");
  await tf.setBackend("webgpu");
  await tf.ready();
  return { name: "TensorFlow.js", version, prepare };
}

type Tensors = Readonly<Record<string, tf.Tensor>>;

async function prepare(work: Work, inputs: Arrays): Promise<Runner> {
  const backend = tf.backend() as WebGPUBackend;
  const held: Tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]) => [
      name,
      tf.tensor(data, [...shape]),
    ]),
  );
  const step = stepOf(work, held);
  let made: Tensors = {};
  const drop = (tensors: Tensors): void => tf.dispose(Object.values(tensors));
  return await Promise.resolve({
    run: () => {
      drop(made);
      made = tf.tidy(() => step()) as Tensors;
    },
    finish: async () => {
      backend.endComputePassEncoder();
      backend.submitQueue();
      await backend.device.queue.onSubmittedWorkDone();
    },
    results: async () =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(made).map(async ([name, tensor]) => [name, await tensor.data()]),
        ),
      ),
    dispose: () => {
      drop(made);
      drop(held);
    },
  });
}

function stepOf(work: Work, held: Tensors): () => tf.TensorContainer {
  switch (work.kind) {
    case "matmul": {
      const [transposeA, transposeB] = [work.layout[0] === "T", work.layout[1] === "T"];
      return () => ({ output: tf.matMul(held.a, held.b, transposeA, transposeB) });
    }
    case "softmax":
      return () => withGradients((x) => tf.softmax(x), ["x"], held);
    case "layernorm":
      return () => withGradients(layerNorm, ["x", "weight", "bias"], held);
    case "attention":
      return () =>
        withGradients((q, k, v) => attention(q, k, v, work.headSize), ["q", "k", "v"], held);
    case "layer":
      return () => {
        const { value, grads } = tf.valueAndGrads((...variables: tf.Tensor[]) =>
          layerLoss(
            work,
            Object.fromEntries(LAYER_VARIABLES.map((name, i) => [name, variables[i]])),
            held.labels,
          )
        )(LAYER_VARIABLES.map((name) => held[name]));
        return {
          loss: value,
          ...Object.fromEntries(LAYER_VARIABLES.map((name, i) => [name, grads[i]])),
        };
      };
  }
}

function withGradients(
  f: (...x: tf.Tensor[]) => tf.Tensor,
  names: readonly string[],
  held: Tensors,
): tf.TensorContainer {
  const { value, grads } = tf.valueAndGrads(f)(
    names.map((name) => held[name]),
    held.outputGradient,
  );
  return { output: value, ...Object.fromEntries(names.map((name, i) => [name, grads[i]])) };
}

function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPSILON)));
  return tf.add(tf.mul(normal, weight), bias);
}

function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, headSize: number): tf.Tensor {
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headSize));
  return tf.matMul(tf.softmax(scores), v);
}

function gelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

function layerLoss(work: LayerWork, v: Tensors, labels: tf.Tensor): tf.Scalar {
  const { batch, sequence, hidden, heads } = work;
  const headSize = hidden / heads;
  const dense = (x: tf.Tensor, name: string): tf.Tensor =>
    tf.add(tf.matMul(x, v[name]), v[`${name}Bias`]);
  const [q, k, value] = tf.split(dense(v.x, "queryKeyValue"), 3, 1).map((part) =>
    tf.transpose(tf.reshape(part, [batch, sequence, heads, headSize]), [0, 2, 1, 3])
  );
  const joined = tf.reshape(tf.transpose(attention(q, k, value, headSize), [0, 2, 1, 3]), [
    batch * sequence,
    hidden,
  ]);
  const attended = layerNorm(
    tf.add(dense(joined, "attentionOutput"), v.x),
    v.attentionNorm,
    v.attentionNormBias,
  );
  const fed = dense(gelu(dense(attended, "intermediate")), "output");
  const logits = layerNorm(tf.add(fed, attended), v.outputNorm, v.outputNormBias);
  return tf.mean(tf.sub(tf.softplus(logits), tf.mul(logits, labels)));
}
