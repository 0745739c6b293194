// Stands between the conformance suite, which knows no tokens, and a server that wants one. Hosts, origins and streams
// go through unchanged.
//   node with-token.mjs http://127.0.0.1:8081 TOKEN_FILE   prints the address to test
import { createServer, request } from "node:http";
import { readFileSync } from "node:fs";

const server = new URL(process.argv[2]);
const authorization = `Bearer ${readFileSync(process.argv[3], "utf8").trim()}`;

const proxy = createServer((incoming, outgoing) => {
  const headers = { ...incoming.headers, authorization };
  const { hostname, port } = server;
  const asked = request({ hostname, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  asked.on("error", (error) => outgoing.destroy(error));
  outgoing.on("close", () => asked.destroy());
  incoming.pipe(asked);
});
proxy.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${proxy.address().port}/mcp`));
