// For Node: take 3 (customers) and 4 (ours alone), open 3 once ready, and on SIGTERM drain without losing a request.
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import net from "node:net";

const behaviour = readFileSync("behaviour", "utf8");
if (behaviour === "exit") throw new Error("it does not boot");
const idle = Math.min(5, Number(process.env.SHIP_DRAIN ?? 30) / 5) * 1000;
let draining = false;

function answer(request, response, status, body) {
  if (draining) response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Length": body.length }).end(body);
}

function handle(request, response) {
  const path = request.url;
  if (path === "/readyz") {
    if (behaviour === "dies") process.exit(7);
    answer(request, response, behaviour === "unready" ? 503 : 200, "ok\n");
    if (behaviour !== "unready" && !shared.listening && !draining) shared.listen({ fd: 3 });
  } else if (path === "/version") {
    answer(request, response, 200, behaviour === "wrong" ? "other" : process.env.SHIP_COMMIT);
  } else if (path.startsWith("/slow/")) {
    setTimeout(() => answer(request, response, 200, "ok\n"), Number(path.slice(6)) * 1000);
  } else if (path === "/count") {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      appendFileSync(process.env.LEDGER, `${body}\n`);
      answer(request, response, 200, "ok\n");
    });
  } else answer(request, response, 200, "ok\n");
}

const options = { keepAliveTimeout: 75_000 }; // longer than whoever asks keeps a connection
const shared = createServer(options, handle);
const own = createServer(options, handle).listen({ fd: 4 });

process.on("SIGTERM", () => {
  draining = true;
  // net's close, not http's: that one would close kept connections at once, and lose a request that is on its way.
  for (const server of [shared, own]) net.Server.prototype.close.call(server);
  setTimeout(() => shared.closeIdleConnections(), idle).unref();
  own.closeIdleConnections();
});
