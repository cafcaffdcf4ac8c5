/**
 * Templates of dates, numbers and units.
 *
 * @module
 */

const UNITS: Readonly<Record<string, string>> = {
  m: "メートル",
  km: "キロメートル",
  cm: "センチメートル",
  mm: "ミリメートル",
  nmi: "海里",
  mi: "マイル",
  ft: "フィート",
  in: "インチ",
  yd: "ヤード",
  km2: "平方キロメートル",
  m2: "平方メートル",
  ha: "ヘクタール",
  acre: "エーカー",
  acres: "エーカー",
  sqmi: "平方マイル",
  sqft: "平方フィート",
  m3: "立方メートル",
  km3: "立方キロメートル",
  l: "リットル",
  kg: "キログラム",
  g: "グラム",
  t: "トン",
  lb: "ポンド",
  oz: "オンス",
  "km/h": "キロメートル毎時",
  "m/s": "メートル毎秒",
  mph: "マイル毎時",
  kn: "ノット",
  kw: "キロワット",
  hp: "馬力",
  c: "°C",
  f: "°F",
};

const SYMBOLS: Readonly<Record<string, string>> = {
  km2: "km²",
  m2: "m²",
  m3: "m³",
  c: "°C",
  f: "°F",
};

/** Ranges between two values: {{convert|3|to|5|km}}. */
const RANGES: Readonly<Record<string, string>> = {
  to: "から",
  "-": "–",
  "–": "–",
  and: "と",
  x: "×",
};

/** {{convert|5|km|mi}}: the value as it is given, not what it is converted to. */
export function convert(positional: readonly string[], abbreviated: boolean): string {
  const values = positional.map((text) => groupDigits(text));
  let shown = values.shift() ?? "";
  if (Object.hasOwn(RANGES, values[0] ?? "")) {
    shown += RANGES[values.shift()!] + (values.shift() ?? "");
  }
  const unit = values[0] ?? "", key = unit.toLowerCase();
  if (abbreviated) return `${shown} ${SYMBOLS[key] ?? unit}`;
  return Object.hasOwn(UNITS, key) ? shown + UNITS[key] : `${shown} ${unit}`;
}

/** 1950, 1, 2 → 1950年1月2日; what is missing is left out. */
export function date(parts: readonly string[]): string {
  const [year, month, day] = parts.map((part) => part.trim().replace(/^0+(?=\d)/, ""));
  return (year ? `${year}年` : "") + (month ? `${month}月` : "") + (day ? `${day}日` : "");
}

/** {{val|1234.5|e=6|u=km}}: 1,234.5×10⁶ km. */
export function value(
  positional: readonly string[],
  { e, u, ul }: Readonly<Record<string, string>>,
): string {
  const unit = u ?? ul;
  return groupDigits(positional[0] ?? "") + (e ? `×10<sup>${e}</sup>` : "") +
    (unit ? ` ${unit}` : "");
}

const HEMISPHERES: Readonly<Record<string, string>> = {
  N: "北緯",
  S: "南緯",
  E: "東経",
  W: "西経",
};

/** 35, 41, N, 139, 42, E → 北緯35度41分 東経139度42分; empty where it is neither that nor 35.6, 139.7. */
export function coordinates(parts: readonly string[]): string {
  const shown: string[] = [];
  let angle: string[] = [];
  for (const part of parts.map((part) => part.trim())) {
    if (Object.hasOwn(HEMISPHERES, part)) {
      shown.push(HEMISPHERES[part] + degrees(angle));
      angle = [];
    } else {
      angle.push(part);
    }
  }
  if (shown.length === 2) return shown.join(" ");
  const [latitude, longitude] = parts.map(Number);
  if (shown.length > 0 || !Number.isFinite(latitude) || !Number.isFinite(longitude)) return "";
  return `${latitude < 0 ? "南緯" : "北緯"}${Math.abs(latitude)}度 ` +
    `${longitude < 0 ? "西経" : "東経"}${Math.abs(longitude)}度`;
}

/** 35, 41, 22 → 35度41分22秒 */
function degrees(parts: readonly string[]): string {
  return parts.slice(0, 3).map((part, i) => part === "" ? "" : part + "度分秒"[i]).join("");
}

/** Years from a birth to a death, both as year, month, day; empty where they are not numbers. */
export function ageAtDeath(parts: readonly string[]): string {
  const [year, month, day, toYear, toMonth, toDay] = parts.map(Number);
  const early = toMonth < month || (toMonth === month && toDay < day);
  const age = toYear - year - (early ? 1 : 0);
  return Number.isInteger(age) && parts.length >= 6 ? `${age}歳没` : "";
}

/** Eras since 明治, the latest first, with their first days as numbers. */
export const ERAS: readonly { readonly name: string; readonly firstDay: number }[] = [
  { name: "令和", firstDay: 2019_05_01 },
  { name: "平成", firstDay: 1989_01_08 },
  { name: "昭和", firstDay: 1926_12_25 },
  { name: "大正", firstDay: 1912_07_30 },
  { name: "明治", firstDay: 1868_01_25 },
];

/** 1990 → 平成2年; years before 明治 as they are. */
export function eraYear(text: string): string {
  const year = Number(text);
  const era = ERAS.find(({ firstDay }) => year >= Math.floor(firstDay / 10_000));
  if (!era) return `${text}年`;
  const number = year - Math.floor(era.firstDay / 10_000) + 1;
  return `${era.name}${number === 1 ? "元" : number}年`;
}

/** 1234567.5 → 1,234,567.5 */
export function groupDigits(text: string): string {
  const match = /^([-−+]?)(\d{4,15})(\.\d+)?$/.exec(text.trim());
  if (!match) return text.trim();
  return match[1] + match[2].replace(/\B(?=(?:\d{3})+$)/g, ",") + (match[3] ?? "");
}
