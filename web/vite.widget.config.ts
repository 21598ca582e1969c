/** The chat widget: one classic script, `web/dist/widget.js`, style sheet included. Run after the demo shop's build. */
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    outDir: "dist",
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: "widget/main.ts", formats: ["iife"], name: "recourseChat", fileName: () => "widget.js" },
  },
});
