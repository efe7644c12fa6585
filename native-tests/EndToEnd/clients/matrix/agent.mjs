// What the agents for Node.js share: commands from standard input, one JSON object per line.
import { createInterface } from "node:readline";

/** The library has no such feature. */
export class No extends Error {}

const SHOWN = 64;

/** A record for an answer; a long value is cut, its length is whole. Headers are pairs. */
export function record(partition, key, value, headers) {
  const text = value.toString();
  return {
    partition,
    key: key === null || key === undefined ? null : key.toString(),
    value: text.slice(0, SHOWN),
    length: text.length,
    headers,
  };
}

export const valueOf = (sent) => sent.value.repeat(sent.repeat);

/** Resolves when the function says so, or after the time. */
export async function until(isOver, milliseconds) {
  const end = Date.now() + milliseconds;
  while (!isOver() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
}

export async function serve(agent) {
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    let answer;
    try {
      if (!agent[command.op]) throw new No("the library has nothing for it");
      answer = { ok: (await agent[command.op](command)) ?? null };
    } catch (error) {
      answer = error instanceof No ? { no: error.message } : { error: describe(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
}

function describe(error) {
  const inner = error.errors?.length ? ` (${error.errors.map((e) => e.message).join("; ")})` : "";
  return `${error.name}: ${error.message}${inner}`.slice(0, 500);
}
