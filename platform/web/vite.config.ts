import { defineConfig } from "vite";
import { mockApi } from "./mock/plugin.ts";

// `npm run dev` passes API calls on to a running platform; `npm run mock` answers them itself.
const platform = process.env["RANVIER_URL"] ?? "http://127.0.0.1:8321";
const mocked = process.env["RANVIER_MOCK"] === "1";

export default defineConfig({
  base: "./",
  plugins: mocked ? [mockApi()] : [],
  server: mocked ? {} : { proxy: { "/v1": platform, "/healthz": platform, "/metrics": platform } },
  build: {
    outDir: "../ranvier/gateway/web/static",
    emptyOutDir: true,
    target: "es2022",
    // The page is served on one host, mostly the same machine: fewer files beat a smaller first one.
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
    chunkSizeWarningLimit: 900,
  },
});
