/**
 * Work spread over Web Workers with results in the order of the items, so that what a stage
 * writes does not depend on how many workers it had. A fault in a worker surfaces where the
 * results are read; nothing is ever dropped.
 */

import { PipelineError } from "./errors.ts";

/** How many items may wait at each worker, so that none idles while results are collected. */
const ITEMS_PER_WORKER = 3;

/** What a worker answers: a result, or the error that kept it from one. */
type Answer<Output> = { result: Output } | { fault: Fault };

/** An error on its way between threads. */
interface Fault {
  name: string;
  message: string;
  /** Where in the worker it arose. */
  stack: string | undefined;
  /** Whether a person can mend it: a PipelineError, or an error of the system (a full disk). */
  explained: boolean;
}

/** What {@linkcode mapInOrder} needs to know besides the items. */
export interface OrderedWorkOptions<Input> {
  /** The worker's module, which calls {@linkcode serve}. */
  worker: URL;
  /** How many workers to start. */
  workers: number;
  /** Sent to each worker once, before its first item. */
  setup: unknown;
  /** The buffers of an item that the worker is to own. */
  transfer?: (item: Input) => Transferable[];
  /** Stops the work: the iteration then throws the signal's reason. */
  signal: AbortSignal;
}

/** One worker and the answers that are still due, oldest first; for stages that talk to each worker. */
export class WorkerLane<Output> {
  readonly #worker: Worker;
  readonly #due: PromiseWithResolvers<Output>[] = [];
  #failure: { reason: unknown } | undefined;

  /** Starts the worker and sends it its setup. */
  constructor(module: URL, setup: unknown) {
    this.#worker = new Worker(module, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer<Output>>): void => {
      const answer = this.#due.shift();
      // Answers may still arrive after a failure: nobody waits for them any more.
      if (answer === undefined) return;
      if ("result" in data) answer.resolve(data.result);
      else answer.reject(errorOf(data.fault));
    };
    this.#worker.onerror = (event): void => {
      event.preventDefault();
      this.fail(new Error(`a worker died: ${event.message}`));
    };
    this.#worker.postMessage(setup);
  }

  /** How many answers are due. */
  get waiting(): number {
    return this.#due.length;
  }

  /** Sends an item; the answer comes when those before it have come. */
  send(item: unknown, transfer: Transferable[]): Promise<Output> {
    const answer = Promise.withResolvers<Output>();
    if (this.#failure !== undefined) answer.reject(this.#failure.reason);
    // A fault is reported when its turn comes; until then it must not count as unhandled.
    answer.promise.catch(() => {});
    this.#due.push(answer);
    this.#worker.postMessage(item, transfer);
    return answer.promise;
  }

  /** Lets everything that is due, and all that is sent later, fail for this reason. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    for (const answer of this.#due.splice(0)) answer.reject(reason);
  }

  /** Ends the worker. */
  stop(): void {
    this.#worker.terminate();
  }
}

/** The error of a worker, with the stack that it had there. */
function errorOf({ name, message, stack, explained }: Fault): Error {
  const error = explained
    ? new PipelineError(message)
    : new Error(`in a worker: ${name}: ${message}`);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/**
 * Sends each item to a worker and yields the results in the order of the items, holding only a
 * few at a time. Throws what a worker threw (a PipelineError, and an error of the system, as a
 * PipelineError), or the signal's reason.
 */
export async function* mapInOrder<Input, Output>(
  items: AsyncIterable<Input> | Iterable<Input>,
  options: OrderedWorkOptions<Input>,
): AsyncGenerator<Output> {
  const { worker, setup, signal, transfer } = options;
  const lanes = Array.from(
    { length: options.workers },
    () => new WorkerLane<Output>(worker, setup),
  );
  const pending: Promise<Output>[] = [];
  const onAbort = (): void => lanes.forEach((lane) => lane.fail(signal.reason));
  signal.addEventListener("abort", onAbort);
  try {
    for await (const item of items) {
      signal.throwIfAborted();
      const lane = lanes.reduce((best, lane) => lane.waiting < best.waiting ? lane : best);
      pending.push(lane.send(item, transfer?.(item) ?? []));
      if (pending.length >= ITEMS_PER_WORKER * lanes.length) {
        yield await pending.shift()!;
      }
    }
    while (pending.length > 0) yield await pending.shift()!;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const lane of lanes) lane.stop();
  }
}

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
}

/**
 * The worker's side: `prepare` gets the setup and returns the function that turns one item into a
 * result, along with the result's buffers to hand over. What either throws reaches the reader of
 * the results.
 */
export function serve<Setup, Input, Output>(
  prepare: (setup: Setup) => (
    item: Input,
  ) => Promise<{ result: Output; transfer: Transferable[] }>,
): void {
  const scope = globalThis as unknown as WorkerScope;
  let work: Promise<ReturnType<typeof prepare>> | undefined;
  let previous: Promise<void> = Promise.resolve();
  const answer = async (item: Input): Promise<void> => {
    try {
      const { result, transfer } = await (await work!)(item);
      scope.postMessage({ result }, transfer);
    } catch (error) {
      const { name, message, stack, code } = error as Error & { code?: unknown };
      const explained = error instanceof PipelineError || typeof code === "string";
      scope.postMessage({ fault: { name, message, stack, explained } satisfies Fault }, []);
    }
  };
  scope.onmessage = ({ data }): void => {
    if (work === undefined) {
      work = new Promise((resolve) => resolve(prepare(data as Setup)));
      work.catch(() => {});
    } // One at a time, so that answers leave in the order in which items came.
    else previous = previous.then(() => answer(data as Input));
  };
}
