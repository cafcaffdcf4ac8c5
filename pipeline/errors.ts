/** A fault a person can mend, found in the data chain: the message says what, where and what to do. */
export class PipelineError extends Error {
  /** The class's name, for messages. */
  override name = "PipelineError";
}
