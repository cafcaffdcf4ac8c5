/**
 * Dates of `{{#time: format | date}}`, in the letters of the extension ParserFunctions.
 *
 * @module
 */
import { ERAS } from "./units.ts";

const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const DAY_MS = 86_400_000;

const UNITS: Readonly<Record<string, (date: Date, count: number) => void>> = {
  day: (date, count) => date.setUTCDate(date.getUTCDate() + count),
  week: (date, count) => date.setUTCDate(date.getUTCDate() + 7 * count),
  month: (date, count) => date.setUTCMonth(date.getUTCMonth() + count),
  year: (date, count) => date.setUTCFullYear(date.getUTCFullYear() + count),
  hour: (date, count) => date.setUTCHours(date.getUTCHours() + count),
  minute: (date, count) => date.setUTCMinutes(date.getUTCMinutes() + count),
};

/** A date as it is written in templates; undefined where it cannot be read, or means today. */
export function readDate(text: string): Date | undefined {
  const steps = [
    ...text.matchAll(/([+-]\s{0,3}\d{1,5})\s{0,3}(day|week|month|year|hour|minute)s?/gi),
  ];
  let rest = text;
  for (const [step] of steps) rest = rest.replace(step, "");
  const date = readFixed(rest.trim());
  for (const [, count, unit] of steps) {
    if (date) UNITS[unit.toLowerCase()](date, Number(count.replace(/\s/g, "")));
  }
  return date && Number.isFinite(date.getTime()) ? date : undefined;
}

function readFixed(text: string): Date | undefined {
  const seconds = /^@(-?\d{1,12})$/.exec(text);
  if (seconds) return new Date(1000 * Number(seconds[1]));
  const time = /(?:^|[ T])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:Z| ?UTC)?$/.exec(text);
  const day = readDay(time ? text.slice(0, time.index).trim() : text);
  if (!day || !time) return day;
  day.setUTCHours(Number(time[1]), Number(time[2]), Number(time[3] ?? 0));
  return day;
}

function readDay(text: string): Date | undefined {
  const compact = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?$/.exec(text);
  if (compact) {
    const [year, month, day, hour = 0, minute = 0, second = 0] = compact.slice(1).map((part) =>
      part === undefined ? undefined : Number(part)
    );
    return new Date(Date.UTC(year!, month! - 1, day!, hour, minute, second));
  }
  const numbers = /^(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?$/.exec(text);
  if (numbers) return utc(Number(numbers[1]), Number(numbers[2]), Number(numbers[3] ?? 1));
  const words = /^(?:(\d{1,2}) )?([a-z]{3,9})\.?(?: (\d{1,2}))?,? (\d{4})$/i.exec(text);
  const month = words ? MONTHS.indexOf(words[2].slice(0, 3).toLowerCase()) : -1;
  if (!words || month === -1) return undefined;
  return utc(Number(words[4]), month + 1, Number(words[1] ?? words[3] ?? 1));
}

function utc(year: number, month: number, day: number): Date | undefined {
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year);
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 ? date : undefined;
}

const WEEKDAYS = [..."日月火水木金土"];

function two(value: number): string {
  return String(value).padStart(2, "0");
}

const LETTERS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => two(date.getUTCFullYear() % 100),
  L: (date) => String(Number(new Date(Date.UTC(date.getUTCFullYear(), 1, 29)).getUTCDate() === 29)),
  n: (date) => String(date.getUTCMonth() + 1),
  m: (date) => two(date.getUTCMonth() + 1),
  M: (date) => `${date.getUTCMonth() + 1}月`,
  F: (date) => `${date.getUTCMonth() + 1}月`,
  t: (date) => {
    return String(
      new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
    );
  },
  j: (date) => String(date.getUTCDate()),
  d: (date) => two(date.getUTCDate()),
  z: (date) => String(Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0)) / DAY_MS)),
  D: (date) => WEEKDAYS[date.getUTCDay()],
  l: (date) => `${WEEKDAYS[date.getUTCDay()]}曜日`,
  N: (date) => String(date.getUTCDay() || 7),
  w: (date) => String(date.getUTCDay()),
  a: (date) => date.getUTCHours() < 12 ? "am" : "pm",
  A: (date) => date.getUTCHours() < 12 ? "AM" : "PM",
  g: (date) => String(date.getUTCHours() % 12 || 12),
  h: (date) => two(date.getUTCHours() % 12 || 12),
  G: (date) => String(date.getUTCHours()),
  H: (date) => two(date.getUTCHours()),
  i: (date) => two(date.getUTCMinutes()),
  s: (date) => two(date.getUTCSeconds()),
  U: (date) => String(Math.floor(date.getTime() / 1000)),
  xtY: (date) => era(date),
  xn: () => "",
  xr: () => "",
};

/** The year of its era, which begins on a day. */
function era(date: Date): string {
  const day = 10_000 * date.getUTCFullYear() + 100 * (date.getUTCMonth() + 1) + date.getUTCDate();
  const found = ERAS.find(({ firstDay }) => day >= firstDay);
  if (!found) return String(date.getUTCFullYear());
  const year = date.getUTCFullYear() - Math.floor(found.firstDay / 10_000) + 1;
  return `${found.name}${year === 1 ? "元" : year}`;
}

const FORMAT = /"([^"]*)"|\\(.)|(xtY|x[nr]|[a-zA-Z])/g;

/** Writes a date; letters without a meaning, and what is quoted, as they are. */
export function formatDate(format: string, date: Date): string {
  return format.replace(FORMAT, (_, quoted, escaped, letter) => {
    return quoted ?? escaped ?? (Object.hasOwn(LETTERS, letter) ? LETTERS[letter](date) : letter);
  });
}
