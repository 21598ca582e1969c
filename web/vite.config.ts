/** The demo shop: `web/demo` becomes `web/dist/index.html` and `web/dist/assets/`. */
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  // `npm run dev` serves the page and takes everything else, also the built widget, from a running gateway.
  const gateway = loadEnv(mode, ".", "RECOURSE_")["RECOURSE_GATEWAY"] ?? "http://127.0.0.1:8080";
  return {
    root: "demo",
    build: {
      outDir: "../dist",
      emptyOutDir: true,
      target: "es2022",
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
    },
    server: {
      proxy: {
        "/v1": { target: gateway, ws: true },
        "^/demo/(buyers|orders)": gateway,
        "/widget.js": gateway,
      },
    },
  };
});
