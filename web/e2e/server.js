// The real executable, each time with a data folder of its own, on a port that the system gives.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { standBefore } from "./front.js";

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Starts `illumichat <command>`; `ready` turns what it has printed so far into what the test needs, or null. */
async function start(command, ready, settings = {}) {
  const data = mkdtempSync(join(tmpdir(), "illumichat-e2e-"));
  const port = await freePort();
  const pages = process.env.ILLUMICHAT_E2E_PAGES && resolve(process.env.ILLUMICHAT_E2E_PAGES);
  const shown = pages ? await freePort() : port;
  const leave = pages ? await standBefore(port, shown, pages) : () => undefined;
  const argv = [...command, "--data-dir", data, "--listen", `127.0.0.1:${port}`];
  const child = spawn(process.env.ILLUMICHAT_BIN, argv, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ILLUMICHAT_LIMITS__ENABLED: "false", ...settings },
  });
  let said = "";
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), 25_000);
      await ended;
      clearTimeout(patience);
    }
    leave();
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const info = await new Promise((resolve, reject) => {
      const patience = setTimeout(() => reject(new Error("it was not ready within three minutes")), 180_000);
      const done = (settle, value) => {
        clearTimeout(patience);
        settle(value);
      };
      const hear = (bytes) => {
        said += bytes;
        const found = ready(said.replaceAll(`:${port}`, `:${shown}`), `http://127.0.0.1:${shown}`);
        if (found) done(resolve, found);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("error", (error) => done(reject, error));
      child.once("exit", (code) => done(reject, new Error(`it ended with code ${code}`)));
    });
    return { ...info, data, stop, said: () => said };
  } catch (cause) {
    await stop();
    throw new Error(`\`illumichat ${command.join(" ")}\` did not start: ${cause.message}\n${said}`, { cause });
  }
}

/** An empty server, with the set-up link that it printed. */
export function serve() {
  return start(["serve"], (said, url) => {
    const token = said.match(/\/setup\?token=([\w.~-]+)/)?.[1];
    return token ? { url, setUpUrl: `${url}/setup?token=${token}` } : null;
  });
}

/** The demo, with what it prints when it is ready; `settings` are environment variables of its own. */
export function demo(settings) {
  const ready = (said) => {
    const line = said.split("\n").find((each) => each.startsWith("{") && each.endsWith("}") && each.includes('"signInUrl"'));
    return line ? JSON.parse(line) : null;
  };
  return start(["demo", "--json"], ready, settings);
}
