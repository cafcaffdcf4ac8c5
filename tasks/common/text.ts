/** Numbers, times and widths as people read them on a terminal. */

/** Code point ranges that a terminal draws two columns wide (Unicode East Asian Width W and F). */
const WIDE: ReadonlyArray<readonly [number, number]> = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x25fd, 0x25fe],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x1b000, 0x1b2ff],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Columns of one character: 0 for combining and control characters, 2 for wide ones, else 1. */
function characterWidth(character: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cc}\p{Cf}]$/u.test(character)) return 0;
  const code = character.codePointAt(0)!;
  return code >= 0x1100 && WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** Columns that `text` takes on a terminal: 日本語 takes 6. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The longest beginning of `text` that fits in `columns`, with … where something was cut off. */
export function fitWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? kept + "…" : "";
}

/** A number with a precision that suits its size: 0.83, 12.4, 1,234; NaN and ∞ where it is none. */
export function formatNumber(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100
    ? 0
    : Math.abs(value) >= 10
    ? 1
    : 2;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A loss with three digits behind the point; very large ones with a power of ten, NaN as it is. */
export function formatLoss(value: number): string {
  return Math.abs(value) < 1e6 || !Number.isFinite(value)
    ? value.toFixed(3)
    : value.toExponential(3);
}

/** A count with its unit; bytes ("B") in decimal multiples: `1,234 pages`, `5.10 MB`. */
export function formatQuantity(value: number, unit: string): string {
  if (unit !== "B") return `${formatNumber(value)} ${unit}`;
  const prefixes = ["", "k", "M", "G", "T"];
  let step = 0;
  while (value >= 1000 && step < prefixes.length - 1) {
    value /= 1000;
    step++;
  }
  return `${formatNumber(value)} ${prefixes[step]}B`;
}

/** Seconds as a clock: `0:07`, `12:30`, `3:04:05`, `2d 03:00:00`; `?` where they are not known. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const s = two(whole % 60);
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600) % 24;
  const days = Math.floor(whole / 86400);
  if (days > 0) return `${days}d ${two(hours)}:${two(minutes)}:${s}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${s}` : `${minutes}:${s}`;
}
