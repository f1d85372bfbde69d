// npm's `ws` as a client: node client.cjs URL
const WebSocket = require("ws");
const assert = require("node:assert");

const sizes = [0, 1, 125, 126, 65535, 65536, 2 ** 24];
const socket = new WebSocket(process.argv[2], { maxPayload: 2 ** 25 });
const waiting = sizes.map((size) => Buffer.alloc(size, size & 0xff));
const limit = setTimeout(() => assert.fail("nothing came for a minute"), 60_000);

function next() {
  if (waiting.length > 0) return socket.send(waiting[0]);
  socket.ping("?");
}
socket.on("open", next);
socket.on("message", (data) => {
  assert(data.equals(waiting.shift()));
  next();
});
socket.on("pong", (data) => {
  assert.strictEqual(data.toString(), "?");
  socket.send("close with 4001");
});
socket.on("close", (code, reason) => {
  assert.strictEqual(code, 4001);
  assert.strictEqual(reason.toString(), "as you wish");
  clearTimeout(limit);
  console.log("ok: sizes to 16 MiB, a ping, the server's close code");
});
