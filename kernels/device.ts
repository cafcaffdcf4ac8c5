/**
 * The adapter and device: what it offers, and a cache of compiled pipelines.
 *
 * @module
 */
import { KernelError } from "./errors.ts";

/** Which adapter to ask for. */
export type AdapterPreference = "high-performance" | "low-power" | "fallback";

/** What an adapter says about itself. */
export interface AdapterFacts {
  /** Whose WebGPU it is, such as "Deno". */
  readonly provider: string;
  /** The card, as its provider names it. */
  readonly name: string;
  /** The driver's name and version; empty where the provider does not tell. */
  readonly driver: string;
  /** The maker in lower case, such as "nvidia"; empty where unknown. */
  readonly vendor: string;
  /** Whether it computes on the processor. */
  readonly cpu: boolean;
  /** The fewest and the most lanes of a subgroup; 0 where the provider does not tell. */
  readonly subgroupSizes: readonly [least: number, most: number];
}

/** Optional features, found by asking for them. */
export interface DeviceFeatures {
  /** 16-bit floats in storage and arithmetic. */
  readonly f16: boolean;
  /** Time stamps written by the queue. */
  readonly timestamps: boolean;
  /** Lanes of a subgroup that kernels may count on: see {@link reliableLanes}; 0 without subgroups. */
  readonly subgroupSize: number;
  /** Matrix products that a subgroup makes as one; empty without, or where the provider has none. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
}

/** Shape and types of a product of subgroup matrices: [m, k] · [k, n]. */
export interface SubgroupMatrix {
  /** Rows of the left matrix. */
  readonly m: number;
  /** Columns of the right matrix. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
  /** Type of the factors, such as "f16". */
  readonly componentType: string;
  /** Type of the product, such as "f32". */
  readonly resultType: string;
  /** Lanes of the subgroups that multiply: the most that a subgroup of the device has, or the chosen number. */
  readonly lanes: number;
  /** Whether kernels must ask for subgroups of so many lanes, since the driver would choose others. */
  readonly chosenLanes?: boolean;
}

/** What compiling has cost so far. */
export interface CompileStatistics {
  /** Distinct pipelines compiled. */
  pipelines: number;
  /** Milliseconds from the first request to the last answer, overlaps counted once. */
  milliseconds: number;
}

/** Least limits that the kernels rely on; WebGPU's own defaults satisfy them. */
const REQUIRED_LIMITS: Readonly<Partial<Record<keyof GPUSupportedLimits, number>>> = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 1 << 27,
};

/**
 * What WGSL demands of a text with subgroup operations, and some compilers refuse (docs/adapters.md:
 * deno-unlisted-subgroups).
 */
const ENABLE_SUBGROUPS = "enable subgroups;";

/** Not part of WebGPU yet; Dawn offers it where unsafe APIs are allowed and the driver has it. */
const SUBGROUP_MATRIX = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

/** Lets a kernel choose the size of its subgroups; Dawn offers it where the driver does. */
const SUBGROUP_SIZE_CONTROL = "subgroup-size-control" as GPUFeatureName;

/** Lanes of the subgroups in which AMD's cards multiply matrices (docs/adapters.md: amd-matrix-lanes). */
const AMD_MATRIX_LANES = 32;

/** Limits raised to whatever the adapter has. */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** A WebGPU device with its limits, features and pipeline cache. */
export class Gpu {
  /** The device itself. */
  readonly device: GPUDevice;
  /** What the adapter says about itself. */
  readonly adapter: AdapterFacts;
  /** Optional features that were granted. */
  readonly features: DeviceFeatures;
  /** What compiling has cost so far. */
  readonly compileStatistics: CompileStatistics = { pipelines: 0, milliseconds: 0 };
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #dropsEnable: boolean;
  /** Dawn's devices live only as long as their provider. */
  readonly #provider: GPU;
  #pending = 0;
  #pendingSince = 0;
  #lost: string | undefined;
  #fault: string | undefined;
  readonly #scopes = new Set<Promise<void>>();

  private constructor(
    device: GPUDevice,
    adapter: AdapterFacts,
    features: DeviceFeatures,
    dropsEnable: boolean,
    provider: GPU,
  ) {
    this.device = device;
    this.adapter = adapter;
    this.features = features;
    this.#dropsEnable = dropsEnable;
    this.#provider = provider;
    device.lost.then((info) => {
      if (info.reason !== "destroyed") this.#lost = info.message || "the driver gave no reason";
    });
    // What no scope catches ends the run as well.
    device.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      event.preventDefault();
      this.#fault ??= `the GPU reports an error: ${inOneLine(error.message)}`;
    });
  }

  /**
   * Asks for an adapter and a device with the adapter's own limits.
   *
   * @param provider where to ask; the platform's own WebGPU by default.
   * @param providerName what people call it.
   * @throws {KernelError} when there is no WebGPU, no adapter, or a limit is below what kernels need.
   */
  static async request(
    preference: AdapterPreference = "high-performance",
    provider: GPU | undefined = globalThis.navigator?.gpu,
    providerName: string = platformName(),
  ): Promise<Gpu> {
    if (!provider) {
      throw new KernelError("no WebGPU here: use Deno 2.9 or newer, or a browser with WebGPU");
    }
    const adapter = await provider.requestAdapter(
      preference === "fallback" ? { forceFallbackAdapter: true } : { powerPreference: preference },
    );
    if (!adapter) {
      throw new KernelError(
        `no GPU adapter found (asked for ${preference}): install a Vulkan driver ` +
          "(Debian: apt install libvulkan1 mesa-vulkan-drivers), or try another --adapter",
      );
    }
    const facts = adapterFacts(adapter.info, providerName);
    requireLimits(adapter.limits, facts.name);
    const requiredLimits: Record<string, number> = {};
    for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
    const wanted = ["shader-f16", "timestamp-query", SUBGROUP_MATRIX, SUBGROUP_SIZE_CONTROL];
    const listed = (wanted as GPUFeatureName[]).filter((feature) => adapter.features.has(feature));
    const device = await requestWithSubgroups(adapter, listed, requiredLimits);
    const subgroups = device.features.has("subgroups");
    return new Gpu(
      device,
      facts,
      {
        f16: device.features.has("shader-f16"),
        timestamps: device.features.has("timestamp-query"),
        subgroupSize: subgroups ? reliableLanes(adapter.info) : 0,
        subgroupMatrices: device.features.has(SUBGROUP_MATRIX)
          ? subgroupMatrices(adapter.info, device.features.has(SUBGROUP_SIZE_CONTROL))
          : [],
      },
      subgroups && await refusesEnable(device),
      provider,
    );
  }

  /**
   * Checks that the device can store numbers of a format.
   *
   * @throws {KernelError} when it cannot.
   */
  requireStorage(storage: "f32" | "f16"): void {
    if (storage === "f16" && !this.features.f16) {
      throw new KernelError(
        `adapter "${this.description}" has no 16-bit floats (shader-f16), which --precision f16 ` +
          "needs: use --precision f32, or another --adapter",
      );
    }
  }

  /** The adapter in a few words: its name, and its driver where that is known. */
  get description(): string {
    const { name, driver } = this.adapter;
    return driver === "" ? name : `${name} (${driver})`;
  }

  /** The limits of the device. */
  get limits(): GPUSupportedLimits {
    return this.device.limits;
  }

  /**
   * The pipeline of a complete WGSL text with entry point `main`; compiled once per text, in parallel
   * with others.
   *
   * @throws {KernelError} with the compiler's message when the text does not compile.
   */
  pipeline(wgsl: string, label: string): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(wgsl);
    if (!pipeline) {
      pipeline = this.#compile(wgsl, label);
      this.#pipelines.set(wgsl, pipeline);
    }
    return pipeline;
  }

  async #compile(wgsl: string, label: string): Promise<GPUComputePipeline> {
    if (this.#pending++ === 0) this.#pendingSince = performance.now();
    try {
      this.device.pushErrorScope("validation");
      const code = this.#dropsEnable ? wgsl.replace(ENABLE_SUBGROUPS, "") : wgsl;
      const module = this.device.createShaderModule({ label, code });
      const made = this.device.createComputePipelineAsync({
        label,
        layout: "auto",
        compute: { module, entryPoint: "main" },
      });
      const scope = this.device.popErrorScope();
      const pipeline = await made.catch(async (error: Error) => {
        const fault = await scope;
        throw new KernelError(
          `kernel ${label} does not compile: ${fault?.message ?? error.message}`,
        );
      });
      const fault = await scope;
      if (fault) throw new KernelError(`kernel ${label} does not compile: ${fault.message}`);
      this.compileStatistics.pipelines++;
      return pipeline;
    } finally {
      if (--this.#pending === 0) {
        this.compileStatistics.milliseconds += performance.now() - this.#pendingSince;
      }
    }
  }

  /**
   * Does some work in the scope of the device's errors. The first error ends the run: {@link check} and
   * {@link settle} throw it from then on.
   *
   * @param name names the work in the error; called when there is one.
   */
  watch<Result>(work: () => Result, name: (message: string) => string | Promise<string>): Result {
    const filters = ["internal", "out-of-memory", "validation"] as const;
    for (const filter of filters) this.device.pushErrorScope(filter);
    let faults: Promise<(GPUError | null)[]>;
    try {
      return work();
    } finally {
      faults = Promise.all(filters.map(() => this.device.popErrorScope()));
      const scope = faults.then(async (errors) => {
        const fault = errors.find((error) => error !== null);
        if (!fault) return;
        const where = await name(fault.message);
        this.#fault ??= `${where}: ${inOneLine(fault.message)}`;
      }, (error: Error) => {
        this.#fault ??= `the GPU cannot tell its errors: ${inOneLine(error.message)}`;
      }).finally(() => this.#scopes.delete(scope));
      this.#scopes.add(scope);
    }
  }

  /**
   * Checks that the device is still there and has reported no error.
   *
   * @throws {KernelError} when it was lost, or with the first error that it reported.
   */
  check(): void {
    if (this.#lost !== undefined) {
      throw new KernelError(
        `the GPU device was lost (${this.#lost}): continue from the last checkpoint with --resume`,
      );
    }
    if (this.#fault !== undefined) throw new KernelError(this.#fault);
  }

  /**
   * Waits until the errors of all work so far are known.
   *
   * @throws {KernelError} as {@link check}.
   */
  async settle(): Promise<void> {
    await Promise.all(this.#scopes);
    this.check();
  }

  /** Frees the device and everything made from it. */
  destroy(): void {
    this.device.destroy();
  }
}

/** An error's message without its line breaks, for errors that people read. */
function inOneLine(message: string): string {
  return message.trim().replaceAll(/\s*\n\s*/g, "; ");
}

/** Whose WebGPU `navigator.gpu` is. */
function platformName(): string {
  return globalThis.navigator?.userAgent?.startsWith("Deno/") ? "Deno" : "the browser";
}

/** PCI's numbers of makers, which Deno gives in place of names. */
const VENDORS: Readonly<Record<string, string>> = {
  "4098": "amd",
  "4203": "apple",
  "4318": "nvidia",
  "5045": "arm",
  "5140": "microsoft",
  "6880": "google",
  "20803": "qualcomm",
  "32902": "intel",
  "65541": "mesa",
};

/** Names of drivers that compute on the processor. */
const CPU_ADAPTERS = /llvmpipe|lavapipe|swiftshader|basic render/i;

/**
 * What an adapter's `info` means. Deno puts the card's name in `description`, numbers in `vendor` and `device`,
 * and no driver; Dawn the card's name, joined by hyphens, in `device` and the driver in `description`; browsers
 * often the maker and the architecture alone.
 */
export function adapterFacts(
  info: Partial<
    Pick<
      GPUAdapterInfo,
      | "vendor"
      | "architecture"
      | "device"
      | "description"
      | "subgroupMinSize"
      | "subgroupMaxSize"
    >
  >,
  provider: string,
): AdapterFacts {
  const { vendor = "", architecture = "", device = "", description = "" } = info;
  const { subgroupMinSize: least = 0, subgroupMaxSize: most = least } = info;
  const numbered = /^\d*$/.test(vendor) && /^\d*$/.test(device) && description !== "";
  const named = device.replace(/-+$/, "") || [vendor, architecture].filter(Boolean).join(" ");
  const name = (numbered ? description : named) || description || "unnamed adapter";
  return {
    provider,
    name,
    driver: name === description ? "" : description,
    vendor: VENDORS[vendor] ?? (/^\d*$/.test(vendor) ? "" : vendor.toLowerCase()),
    cpu: CPU_ADAPTERS.test(`${name} ${description}`),
    subgroupSizes: [least, most],
  };
}

/**
 * Refuses an adapter that lacks a limit the kernels need.
 *
 * @throws {KernelError} naming the adapter, the limit and both values.
 */
export function requireLimits(
  limits: Readonly<Partial<Record<keyof GPUSupportedLimits, unknown>>>,
  adapter: string,
): void {
  for (const [name, least] of Object.entries(REQUIRED_LIMITS)) {
    const has = Number(limits[name as keyof GPUSupportedLimits]);
    if (!(has >= least)) {
      throw new KernelError(
        `adapter "${adapter}" offers ${name} = ${has}, but Kohaku needs ${least}: choose another ` +
          "--adapter or a newer driver",
      );
    }
  }
}

/**
 * Lanes of a subgroup that kernels may count on. Up to 8 at most speaks of an adapter on a CPU, and kernels
 * are chosen by that. A GPU whose subgroups may be narrower than 16 (Intel's from 8, Apple's, by
 * what the driver says, from 4 on) counts as one without: its kernels share work through workgroup memory
 * (docs/adapters.md: varying-subgroups).
 */
export function reliableLanes(
  { subgroupMinSize = 0, subgroupMaxSize = subgroupMinSize }: Pick<
    GPUAdapterInfo,
    "subgroupMinSize" | "subgroupMaxSize"
  >,
): number {
  return subgroupMaxSize <= 8 || subgroupMinSize >= 16 ? subgroupMinSize : 0;
}

/**
 * The configurations that Dawn lists beside the adapter's name.
 *
 * @param choosesLanes whether kernels may choose the size of their subgroups.
 */
export function subgroupMatrices(
  info: Pick<GPUAdapterInfo, "vendor" | "subgroupMinSize" | "subgroupMaxSize">,
  choosesLanes: boolean,
): SubgroupMatrix[] {
  const { subgroupMinSize: least = 4, subgroupMaxSize: most = 128 } = info;
  const chosenLanes = choosesLanes && info.vendor === "amd" &&
    least <= AMD_MATRIX_LANES && AMD_MATRIX_LANES < most;
  const { subgroupMatrixConfigs } = info as typeof info & {
    readonly subgroupMatrixConfigs?: Iterable<
      Readonly<
        Record<"M" | "N" | "K", number> & Record<"componentType" | "resultComponentType", string>
      >
    >;
  };
  return [...subgroupMatrixConfigs ?? []].map(
    ({ M: m, N: n, K: k, componentType, resultComponentType: resultType }) => ({
      m,
      n,
      k,
      componentType,
      resultType,
      lanes: chosenLanes ? AMD_MATRIX_LANES : most,
      chosenLanes,
    }),
  );
}

/** Some adapters grant subgroups without listing them, so the only sure way to know is to ask. */
async function requestWithSubgroups(
  adapter: GPUAdapter,
  listed: readonly GPUFeatureName[],
  requiredLimits: Record<string, number>,
): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      requiredFeatures: [...listed, "subgroups"],
      requiredLimits,
    });
  } catch {
    return await adapter.requestDevice({ requiredFeatures: [...listed], requiredLimits });
  }
}

/** Whether the compiler offers subgroup operations but does not know the line that enables them. */
async function refusesEnable(device: GPUDevice): Promise<boolean> {
  device.pushErrorScope("validation");
  device.createShaderModule({
    code: `${ENABLE_SUBGROUPS}\n@compute @workgroup_size(1) fn main() {}`,
  });
  return await device.popErrorScope() !== null;
}
