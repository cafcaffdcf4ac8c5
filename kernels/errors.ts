/** A fault a person can mend, found by the kernels: an adapter, a shape, a limit. */
export class KernelError extends Error {
  /** The class's name, for messages. */
  override name = "KernelError";
}
