import assert from "node:assert/strict";
import { RequestQueue } from "../../simulation/proxy/request_queue.ts";
import { Random } from "../../simulation/run/random.ts";

/** Lets several requests wait at once and returns the order in which they pass. */
async function order(queue: RequestQueue, names: string): Promise<string> {
  let [order, under] = ["", 0];
  await Promise.all([...names].map(async (name) => {
    const end = await queue.take();
    under += 1;
    assert.equal(under, 1, "two have a turn at once");
    order += name;
    await Promise.resolve();
    under -= 1;
    end();
  }));
  return order;
}

Deno.test("requests pass in the order of arrival", async () => {
  assert.equal(await order(new RequestQueue(), "abcd"), "abcd");
});

Deno.test("with a seed requests pass in every order, which follows from the seed", async () => {
  const orders = new Map<string, number>();
  for (let seed = 0; seed < 200; seed++) {
    const one = await order(new RequestQueue(new Random(seed)), "abc");
    assert.equal(await order(new RequestQueue(new Random(seed)), "abc"), one);
    orders.set(one, (orders.get(one) ?? 0) + 1);
  }
  assert.equal(orders.size, 6);
  for (const [one, count] of orders) assert.ok(count > 10, `${one}: ${count}`);
});

Deno.test("ending a request twice does not end another one", async () => {
  const queue = new RequestQueue();
  const end = await queue.take();
  const second = queue.take();
  end();
  const endSecond = await second;
  let third = false;
  const wait = queue.take().then((endThird) => {
    third = true;
    endThird();
  });
  end();
  await new Promise((resolve) => setTimeout(resolve));
  assert.ok(!third);
  endSecond();
  await wait;
});

Deno.test("a request that follows at once may pass before waiting ones", async () => {
  const queue = new RequestQueue(new Random(1));
  let asked = "";
  const ask = async (name: string, times: number) => {
    for (let time = 0; time < times; time++) {
      const end = await queue.take();
      asked += name;
      end();
    }
  };
  await Promise.all([ask("a", 20), ask("b", 20)]);
  assert.match(asked, /aa/);
  assert.match(asked, /bb/);
});
