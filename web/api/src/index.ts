/** The server's API for both front ends: types, client, answer stream, uploads. Knows no page. */
export * from "./answer.ts";
export * from "./client.ts";
export * from "./problem.ts";
export * from "./stream.ts";
export * from "./types.ts";
export * from "./upload.ts";
