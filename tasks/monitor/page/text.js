/** Numbers and names in words. */

/** What the log's names mean: title, unit, whether less is better. */
const NAMES = {
  loss: ["Total loss", "nats"],
  masked_lm_loss: ["Generator: masked-LM loss", "nats"],
  disc_loss: ["Discriminator loss", "nats"],
  masked_lm_accuracy: ["Masked-LM accuracy, held out", ""],
  sampled_masked_lm_accuracy: ["Accuracy of sampled tokens, held out", ""],
  disc_auc: ["Discriminator AUC, held out", ""],
  disc_accuracy: ["Discriminator accuracy, held out", ""],
  disc_precision: ["Discriminator precision, held out", ""],
  disc_recall: ["Discriminator recall, held out", ""],
  learning_rate: ["Learning rate", ""],
  gradient_norm: ["Gradient norm", ""],
  tokens_per_second: ["Throughput", "tokens/s"],
  steps_per_second: ["Steps per second", "1/s"],
  step_ms: ["Time of a step", "ms"],
  idle_share: ["Idle share of the device", ""],
  padding_share: ["Padding share of the batches", ""],
  skipped_steps: ["Skipped steps", ""],
  loss_scale: ["Loss scale", ""],
};

/** Charts in this order; names that are not here come behind them. */
export const ORDER = Object.keys(NAMES);

/** The title of a chart. */
export function titleOf(name) {
  return NAMES[name]?.[0] ?? name.replaceAll("_", " ");
}

/** The unit of a chart. */
export function unitOf(name) {
  return NAMES[name]?.[1] ?? "";
}

/** A number with four figures that matter, thousands as k. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${short(value / 1e9)}G`;
  if (size >= 1e6) return `${short(value / 1e6)}M`;
  if (size >= 1e4) return `${short(value / 1e3)}k`;
  if (size !== 0 && size < 1e-3) {
    const [digits, power] = value.toExponential(2).split("e-");
    return `${Number(digits)}e−${power}`;
  }
  return short(value);
}

function short(value) {
  return String(Number(value.toPrecision(4)));
}

/** A count with thousands parted. */
export function count(value) {
  return value === undefined || value === null ? "–" : Math.round(value).toLocaleString("en");
}

/** Seconds as "2 d 3 h", "3 h 20 min", "4 min", "12 s". */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago a time in milliseconds was. */
export function ago(milliseconds) {
  return milliseconds > 0 ? `${duration((Date.now() - milliseconds) / 1000)} ago` : "not yet";
}
