// Stands before the executable and answers its pages and scripts from a built folder, so that a change of them can be
// tested without building the executable again. Everything else, the pages' security headers among it, is the server's.
import { readFileSync, statSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { extname, join } from "node:path";

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml" };
const OPEN = { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin", "x-content-type-options": "nosniff" };

/** The file of `folder` that a path names, or null. */
function find(folder, path) {
  const file = join(folder, decodeURIComponent(path));
  return file.startsWith(folder) && statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : null;
}

/** The built page that the server would answer with its own copy of, told by what only that page has in it. */
function replacement(folder, html) {
  if (html.includes('<div id="app">') || html.trim() === "<!doctype html>") return find(folder, "/index.html");
  if (/src="\/widget\/page-/.test(html)) return find(folder, "/chat.html");
  return null;
}

/** Listens on `port`, in front of the server on `target`. */
export async function standBefore(target, port, folder) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const file = extname(pathname) && extname(pathname) !== ".html" ? find(folder, pathname) : null;
    if (file) {
      response.writeHead(200, { ...OPEN, "content-type": `${TYPES[extname(pathname)] ?? "application/octet-stream"}; charset=utf-8` });
      return response.end(file);
    }
    const page = request.headers.accept?.includes("text/html");
    const headers = { ...request.headers };
    if (page) {
      // A page is read here: as it is, and not as what the browser has of it.
      delete headers["accept-encoding"];
      delete headers["if-none-match"];
    }
    const onward = ask(
      { host: "127.0.0.1", port: target, method: request.method, path: request.url, headers, agent: false },
      (answer) => {
        if (!page || !answer.headers["content-type"]?.startsWith("text/html")) {
          response.writeHead(answer.statusCode, answer.headers);
          response.flushHeaders();
          return answer.pipe(response);
        }
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => {
          const html = Buffer.concat(chunks);
          const body = replacement(folder, html.toString()) ?? html;
          response.writeHead(answer.statusCode, { ...answer.headers, "content-length": body.length });
          response.end(body);
        });
      },
    );
    onward.on("error", () => response.destroy());
    // One who goes away in the middle of an answer is gone for the server too.
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
