import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  boundStatement,
  MessageCutter,
  parsedStatement,
} from "../../simulation/processes/postgres_messages.ts";

function message(type: string, content: string): Buffer {
  const body = Buffer.from(content);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

Deno.test("messages are cut out of a stream at any chunk boundary", () => {
  const all = Buffer.concat([
    message("P", "s1\0select 1\0\0\0"),
    message("S", ""),
    message("Q", "x"),
  ]);
  for (let at = 0; at <= all.length; at++) {
    const cutter = new MessageCutter();
    const messages = [...cutter.cut(all.subarray(0, at)), ...cutter.cut(all.subarray(at))];
    assert.deepEqual(messages.map(({ type }) => type), ["P", "S", "Q"]);
    assert.deepEqual(Buffer.concat(messages.map(({ bytes }) => bytes)), all);
  }
});

Deno.test("the statement of a Parse and of a Bind is read", () => {
  const [parse] = new MessageCutter().cut(message("P", "s1\0select holdfast_private.tick()\0\0\0"));
  assert.deepEqual(parsedStatement(parse!), { name: "s1", text: "select holdfast_private.tick()" });
  const [bind] = new MessageCutter().cut(message("B", "\0s1\0\0\0"));
  assert.equal(boundStatement(bind!), "s1");
});
