import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["shared/**/*.test.ts", "widget/**/*.test.{ts,tsx}", "demo/**/*.test.ts"] },
});
