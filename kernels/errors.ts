/** A fault a person can mend, found by the kernels: an adapter, a shape, a limit. */
export class KernelError extends Error {
  override name = "KernelError";
}
