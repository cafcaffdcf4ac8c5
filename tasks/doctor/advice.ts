/** What a machine lacks and how to get it, from what was found on it. */

import type { AdapterReport, DoctorReport, ProviderReport } from "./report.ts";

/** What is known of a machine beside its adapters. */
export interface MachineTraits {
  /** As `Deno.build.os` has it. */
  readonly os: string;
  /** File names of Vulkan's manifests. */
  readonly vulkanDrivers: readonly string[];
  /** Whether it is a container. */
  readonly container: boolean;
  /** Whether NVIDIA's libraries are there. */
  readonly nvidia: boolean;
  /** The variable that limits Vulkan to some drivers, with its value; undefined where none does. */
  readonly limitedBy?: string;
}

type Advice = DoctorReport["advice"][number];

/** Pieces of advice, the most pressing first. */
export function advise(providers: readonly ProviderReport[], machine: MachineTraits): Advice[] {
  const adapters = providers.flatMap(({ adapters }) => adapters);
  return [
    ...driverAdvice(adapters, machine),
    ...providers.flatMap((provider) => providerAdvice(provider, adapters)),
    ...adapters.flatMap(adapterAdvice),
  ];
}

/** Where there is no GPU: the driver, the container, a variable. */
function driverAdvice(adapters: readonly AdapterReport[], machine: MachineTraits): Advice[] {
  if (adapters.some(({ adapter }) => !adapter.cpu)) return [];
  const { os, vulkanDrivers, container, nvidia, limitedBy } = machine;
  const what = adapters.length === 0 ? "no adapter" : "no GPU, only a processor's adapter";
  if (os !== "linux") {
    return [{ what, how: "install the maker's newest graphics driver, and restart" }];
  }
  const advice: Advice[] = [];
  if (limitedBy !== undefined) {
    advice.push({ what, how: `${limitedBy} hides all other Vulkan drivers: unset it` });
  }
  if (nvidia && !vulkanDrivers.some((name) => name.includes("nvidia"))) {
    const how = container
      ? "start the container with NVIDIA_DRIVER_CAPABILITIES=all, which adds Vulkan to compute"
      : "install the graphics part of NVIDIA's driver too (Debian: nvidia-vulkan-icd)";
    advice.push({ what: "NVIDIA's driver is there, but not for Vulkan", how });
  }
  if (vulkanDrivers.length === 0) {
    const how = "Debian, Ubuntu: apt install libvulkan1 mesa-vulkan-drivers (AMD, Intel, and the " +
      "processor for trying things); NVIDIA: its own driver (Debian: nvidia-driver)";
    advice.push({ what: "no Vulkan driver is installed", how });
  } else if (advice.length === 0) {
    const how = container
      ? "hand the card in: docker run --device /dev/dri --group-add render …; NVIDIA: --gpus all -e " +
        "NVIDIA_DRIVER_CAPABILITIES=all"
      : "if there is one, see that its driver is installed, and that you are in the group render " +
        "(ls -l /dev/dri)";
    advice.push({ what, how });
  }
  return advice;
}

function providerAdvice(
  { provider, state, note, adapters }: ProviderReport,
  all: readonly AdapterReport[],
): Advice[] {
  if (state === "failed") {
    const what = `${provider === "dawn" ? "Dawn" : "Deno"} broke off: ${note}`;
    const how = adapters.length > 0
      ? "what it said before is shown; a newer driver may help"
      : "use the other provider, or a newer driver";
    return [{ what, how }];
  }
  if (provider === "dawn" && state === "not fetched" && all.some(({ adapter }) => !adapter.cpu)) {
    const how = "deno task doctor --fetch-dawn fetches it once (51 MB) and looks for tensor cores";
    return [{ what: "Dawn has not been fetched", how }];
  }
  if (provider === "dawn" && state === "asked" && adapters.length === 0 && all.length > 0) {
    return [{
      what: "Dawn finds no adapter, though Deno does",
      how: "it refuses old drivers (docs/adapters.md, dawn-old-lavapipe): a newer one may do",
    }];
  }
  return [];
}

function adapterAdvice({ adapter, has, fault, memoryBytes }: AdapterReport): Advice[] {
  const advice: Advice[] = [];
  if (fault !== null) {
    advice.push({ what: `${adapter.name}: ${fault}`, how: "try a newer driver, or --adapter" });
  }
  if (!adapter.cpu && !has.includes("16-bit floats")) {
    const how = "train with --precision f32, its default; a newer driver may have them";
    advice.push({ what: `${adapter.name} by ${adapter.provider} has no 16-bit floats`, how });
  }
  if (!adapter.cpu && memoryBytes === 0) {
    const how = "see wgpu-small-heap in docs/adapters.md: a newer Deno, or the tasks named :dawn";
    advice.push({ what: `${adapter.name} refuses a buffer of 64 MB`, how });
  }
  return advice;
}

/** What tasks take without further flags, and the best that was found. */
export function chooseUse(providers: readonly ProviderReport[]): DoctorReport["use"] {
  const usable = (name: string): AdapterReport[] =>
    providers.filter(({ provider }) => provider === name)
      .flatMap(({ adapters }) => adapters).filter(({ fault }) => fault === null);
  const [first] = usable("deno");
  const matrices = usable("dawn").find(({ adapter, matrices }) => !adapter.cpu && matrices !== "");
  const [dawn] = usable("dawn");
  if (!first && !dawn) return null;
  const byDefault = first
    ? `${first.adapter.name}, by Deno: deno task pretrain`
    : "none by Deno; Dawn has one";
  if (matrices) {
    const advised =
      `deno task pretrain:dawn --precision f16: ${matrices.adapter.name} has tensor ` +
      `cores (${matrices.matrices})`;
    return { byDefault, advised };
  }
  if (!first) return { byDefault, advised: `deno task pretrain:dawn: ${dawn.adapter.name}` };
  const advised = first.adapter.cpu
    ? "this is for trying things out on small models; for more, get a GPU to be found"
    : first.has.includes("16-bit floats")
    ? "deno task pretrain --precision f16 where memory is short, or faster: profile tells"
    : "deno task pretrain";
  return { byDefault, advised };
}
