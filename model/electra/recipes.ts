/**
 * Named hyperparameters: those of the paper's models (Clark et al., ICLR 2020, appendix A), of the small model
 * that Google released, and of the sample.
 *
 * @module
 */

/** A recipe's name. */
export type RecipeName = "small-paper" | "small-google" | "base" | "large" | "sample";

/** Hyperparameters by recipe; what they leave out has its default. */
export const RECIPES: Readonly<Record<RecipeName, Readonly<Record<string, unknown>>>> = {
  "small-paper": {
    model_size: "small",
    max_seq_length: 128,
    train_batch_size: 128,
    learning_rate: 5e-4,
    num_train_steps: 1_000_000,
    generator_hidden_size: 0.25,
  },
  // Its generator is as wide as the discriminator, and it was trained longer, on longer sequences.
  "small-google": {
    model_size: "small",
    max_seq_length: 512,
    train_batch_size: 128,
    learning_rate: 5e-4,
    num_train_steps: 4_000_000,
    generator_hidden_size: 1,
  },
  base: {
    model_size: "base",
    max_seq_length: 512,
    train_batch_size: 256,
    learning_rate: 2e-4,
    num_train_steps: 766_000,
    generator_hidden_size: 1 / 3,
  },
  large: {
    model_size: "large",
    max_seq_length: 512,
    train_batch_size: 2048,
    learning_rate: 2e-4,
    mask_prob: 0.25,
    num_train_steps: 400_000,
    generator_hidden_size: 0.25,
  },
  sample: {
    model_hparam_overrides: {
      hidden_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
      max_position_embeddings: 128,
    },
    embedding_size: 64,
    vocab_size: 2400,
    max_seq_length: 32,
    train_batch_size: 16,
    eval_batch_size: 32,
    learning_rate: 1e-3,
    num_warmup_steps: 100,
    num_train_steps: 1500,
    save_checkpoints_steps: 500,
  },
};

/**
 * What a user gives, over the recipe that it names. A model size of one's own leaves out the recipe's shape.
 *
 * @param name a recipe's.
 */
export function withRecipe(
  name: RecipeName,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { model_hparam_overrides: shape, embedding_size, ...rest } = RECIPES[name];
  const merged: Record<string, unknown> = { ...rest, ...given };
  if ("model_size" in given) return merged;
  if (embedding_size !== undefined) {
    merged.embedding_size = given.embedding_size === undefined
      ? embedding_size
      : given.embedding_size;
  }
  const own = given.model_hparam_overrides;
  // One that is no object is refused where its kind is.
  if (
    shape && (own === undefined || (typeof own === "object" && own !== null && !Array.isArray(own)))
  ) {
    merged.model_hparam_overrides = { ...shape as object, ...own };
  }
  return merged;
}
