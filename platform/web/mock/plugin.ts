/** A development server's stand-in for the API: `npm run mock`. RANVIER_MOCK_SHAPE=drive|empty for other states. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import type { DeadLetterDetail, LiveSnapshot } from "../src/api/wire.ts";
import * as emulation from "./emulation.ts";

const shape = process.env["RANVIER_MOCK_SHAPE"] ?? "city";
const started = Date.now();
const letters: DeadLetterDetail[] = shape === "empty" ? [] : [emulation.deadLetter(Date.now() - 40_000), emulation.deadLetter(Date.now() - 9000)];

export function mockApi(): Plugin {
  return {
    name: "mock-api",
    configureServer: (server) => void server.middlewares.use("/v1", answer),
    configurePreviewServer: (server) => void server.middlewares.use("/v1", answer),
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://mock");
  if (url.pathname === "/live") return live(response);
  const body = shape === "empty" && url.pathname !== "/deadletters" ? empty(url) : full(url);
  response.writeHead(body === null ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(body ?? { title: "Not found", status: 404, detail: `the mock has no ${url.pathname}` }));
}

function empty(url: URL): unknown {
  if (url.pathname === "/topology/snapshot") return { as_of: emulation.iso(Date.now()), nodes: [], relations: [], next: null };
  return { items: [], next: null };
}

function full(url: URL): unknown {
  const now = Date.now();
  const q = (name: string) => url.searchParams.get(name);
  const horizon = q("horizon_s") === null ? null : Number(q("horizon_s"));
  switch (url.pathname) {
    case "/topology/snapshot":
      return shape === "drive" ? emulation.driveTest(now) : emulation.topology(now);
    case "/ontology":
      return { version: "mock", quantities: emulation.KPIS, classes: [], relations: [] };
    case "/series": {
      const ids = shape === "drive" ? ["UE=B_2019"] : emulation.cells.map((c) => c.id);
      return { items: ids.flatMap((object_id) => emulation.KPIS.map((k) => ({ object_id, quantity: k.name, label: k.label, unit: k.unit }))), next: null };
    }
    case "/series/points": {
      const last = Math.floor(now / 10_000) * 10_000;
      const items = Array.from({ length: 120 }, (_, i) => last - (119 - i) * 10_000).map((end) => ({
        start: emulation.iso(end - 10_000), end: emulation.iso(end), recorded_at: emulation.iso(end), suspect: false, value: emulation.valueAt(q("object_id")!, q("quantity")!, end),
      }));
      return { object_id: q("object_id"), quantity: q("quantity"), unit: null, collection: null, items, next: null };
    }
    case "/fidelity":
      return { items: emulation.fidelityList(now, q("per_object") === "true" ? emulation.cells.map((c) => c.id) : [q("object_id")], q("quantity"), horizon), next: null };
    case "/fidelity/history":
      return { items: Array.from({ length: 45 }, (_, i) => emulation.fidelityList(now - (44 - i) * 60_000, [null], q("quantity"), horizon, 60_000)).flat(), next: null };
    case "/forecasts/outcomes":
      return emulation.outcomePage(q("object_id")!, q("quantity")!, horizon, q("model"), Date.parse(q("from")!), now, Number(q("limit") ?? 100));
    case "/deadletters":
      return { items: [...letters].reverse(), next: null };
  }
  const match = /^\/deadletters\/([^/]+)(\/replay)?$/.exec(url.pathname);
  if (match?.[2]) return { accepted: 0, refused: 1, refusals: [{ position: "measValue 3", reason: "expected a number; got 'corrupt'; correct it at the source" }] };
  return match ? (letters.find((letter) => letter.id === decodeURIComponent(match[1]!)) ?? null) : null;
}

function live(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let count = 0;
  const send = () => {
    const now = Date.now();
    const fresh = shape !== "empty" && count % 20 === 10 ? [emulation.deadLetter(now)] : [];
    letters.push(...fresh);
    const snapshot: LiveSnapshot = {
      at: emulation.iso(now),
      figures: shape === "empty" ? nothing(now) : emulation.figures(now, started, letters.length),
      fidelity: shape === "empty" || count % 5 ? [] : emulation.fidelityList(now, [null], null, null),
      alarms: shape !== "empty" && count % 30 === 5 ? [emulation.alarm(now, count % 60 === 5)] : [],
      dead_letters: fresh,
    };
    count += 1;
    response.write(`event: live\ndata: ${JSON.stringify(snapshot)}\n\n`);
  };
  send();
  const timer = setInterval(send, 1000);
  response.on("close", () => clearInterval(timer));
}

function nothing(now: number): LiveSnapshot["figures"] {
  return {
    ...emulation.figures(now, started, 0), twin_lag_p50_s: null, twin_lag_p99_s: null, events_per_s: 0, points_per_s: 0, events_accepted: 0,
    points_accepted: 0, forecasts_issued: 0, forecasts_scored: 0, as_of: null, watermark: null,
  };
}
