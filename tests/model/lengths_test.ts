import { assert, assertEquals } from "@std/assert/mod.js";
import { Gpu } from "../../kernels/device.ts";
