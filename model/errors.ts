/** A fault a person can mend, found by the model: a shape, a configuration, a checkpoint. */
export class ModelError extends Error {
  /** The class's name, for messages. */
  override name = "ModelError";
}
