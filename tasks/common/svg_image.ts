/** SVG as PNG. */

import { initWasm, Resvg } from "@resvg/resvg-wasm";
import wasm from "@resvg/resvg-wasm/index_bg.wasm" with { type: "bytes" };
import font from "dejavu-fonts-ttf/ttf/DejaVuSans.ttf" with { type: "bytes" };

let ready: Promise<void> | undefined;

/** Renders an SVG as PNG, at twice its size. */
export async function renderPng(svg: string): Promise<Uint8Array> {
  await (ready ??= initWasm(wasm));
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontBuffers: [font], defaultFontFamily: "DejaVu Sans", loadSystemFonts: false },
  });
  return image.render().asPng();
}

/** Text as it stands in an SVG. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
