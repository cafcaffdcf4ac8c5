/** The monitor's web server: a page, its scripts, and the runs as JSON and as events. */

import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import charts from "./page/charts.js" with { type: "text" };
import page from "./page/index.html" with { type: "text" };
import script from "./page/page.js" with { type: "text" };
import style from "./page/page.css" with { type: "text" };
import text from "./page/text.js" with { type: "text" };
import type { CurveReader } from "./curves.ts";
import type { Runs } from "./runs.ts";

/** Milliseconds between looks at the logs while a page is open. */
const POLL_MS = 1000;

/** The page may load what this server serves and nothing else. */
const SECURITY: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

const FILES: Readonly<Record<string, readonly [type: string, content: string]>> = {
  "/": ["text/html", page],
  "/page.css": ["text/css", style],
  "/page.js": ["text/javascript", script],
  "/charts.js": ["text/javascript", charts],
  "/text.js": ["text/javascript", text],
  "/uPlot.js": ["text/javascript", uplotScript],
  "/uPlot.css": ["text/css", uplotStyle],
};

/**
 * Answers the page's requests. Requests under any other name than this machine's are refused, so that no other
 * site's page can read the runs through a name that it lets point here.
 *
 * @param signal ends open event streams.
 */
export function handler(runs: Runs, signal: AbortSignal): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url);
    const host = (request.headers.get("host") ?? "").replace(/:\d+$/, "");
    if (!["localhost", "127.0.0.1", "[::1]"].includes(host)) {
      return plain(421, "ask for localhost; this server answers to no other name\n");
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plain(405, "only GET\n", { allow: "GET, HEAD" });
    }
    const file = FILES[url.pathname];
    if (file) return respond(200, `${file[0]}; charset=utf-8`, file[1]);
    if (url.pathname === "/api/runs") return json(await runs.list());
    if (url.pathname === "/api/run") {
      const details = await runs.details(url.searchParams.get("id") ?? "");
      return details ? json(details) : plain(404, "there is no such run\n");
    }
    if (url.pathname === "/api/events") return events(runs, url.searchParams, signal);
    return plain(404, "there is no such page\n");
  };
}

function respond(
  status: number,
  type: string,
  body: BodyInit,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...SECURITY, "content-type": type, ...headers } });
}

function plain(status: number, body: string, headers?: Record<string, string>): Response {
  return respond(status, "text/plain; charset=utf-8", body, headers);
}

function json(value: unknown): Response {
  return respond(200, "application/json", JSON.stringify(value));
}

/**
 * Server-sent events: the list of runs when it changes, and what is new of the runs that are looked at, each named by
 * `id` with the byte up to which it is known as `from`.
 */
function events(runs: Runs, query: URLSearchParams, signal: AbortSignal): Response {
  const offsets = query.getAll("from").map((text) => Math.max(0, Math.floor(Number(text)) || 0));
  const followed = query.getAll("id").map((id, i) => ({ id, offset: offsets[i] ?? 0 }));
  let stop = (): void => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller): void {
      const encoder = new TextEncoder();
      let timer: ReturnType<typeof setTimeout> | undefined;
      let open = true, known = "";
      const readers = new Map<string, CurveReader>(), samples = new Map<string, string>();
      stop = () => {
        if (!open) return;
        open = false;
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        // The reader may have closed it already.
        try {
          controller.close();
        } catch { /* closed */ }
      };
      signal.addEventListener("abort", stop);
      const send = (event: string, data: unknown): void => {
        if (open) {
          controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
        }
      };
      const look = async (): Promise<void> => {
        const list = await runs.list();
        const text = JSON.stringify(list);
        if (text !== known) send("runs", list);
        known = text;
        for (const { id, offset } of followed) {
          // Names come from the list alone, so no path of a request is ever opened.
          if (!list.some((run) => run.id === id)) continue;
          let reader = readers.get(id);
          if (!reader) readers.set(id, reader = runs.follow(id, offset));
          const news = await reader.read();
          if (news.reset || news.train.step.length + news.held.step.length > 0) {
            send("points", { id, ...news });
          }
          const shown = await runs.samples(id) ?? null;
          const seen = JSON.stringify(shown);
          if (seen !== samples.get(id)) send("samples", { id, samples: shown });
          samples.set(id, seen);
        }
      };
      const tick = (): void => {
        look().catch((error) => send("trouble", String(error.message ?? error))).finally(() => {
          if (open) timer = setTimeout(tick, POLL_MS);
        });
      };
      tick();
    },
    cancel: () => stop(),
  });
  return respond(200, "text/event-stream", body);
}
