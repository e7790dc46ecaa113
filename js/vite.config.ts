import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  build: {
    target: "es2023",
    outDir: "../src/jupytrack/static",
    emptyOutDir: true,
    minify: mode !== "development",
    sourcemap: mode === "development" ? "inline" : false,
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "widget.js", cssFileName: "widget" },
  },
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"] },
}));
