// @platformatic/kafka: create, describe, produce with default settings, consume in a group, compare.
// usage: node platformatic_client.mjs BOOTSTRAP TOPIC COUNT    prints "same N records" and exits 0, or says what differs
import assert from "node:assert";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_PATH ?? "."}/`);
const { Admin, Consumer, Producer, stringDeserializers, stringSerializers, MessagesStreamModes } = await import(
  require.resolve("@platformatic/kafka")
);

const [bootstrap, topic, countText] = process.argv.slice(2);
const count = Number(countText);
const base = { clientId: "platformatic", bootstrapBrokers: [bootstrap] };

const admin = new Admin(base);
await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 });
const metadata = await admin.metadata({ topics: [topic] });
assert.equal(metadata.topics.get(topic).partitions.length, 3);

const sent = new Map();
for (const idempotent of [false, true]) {
  const producer = new Producer({ ...base, serializers: stringSerializers, idempotent });
  for (let start = 0; start < count / 2; start += 500) {
    const messages = [];
    for (let i = start; i < Math.min(start + 500, count / 2); i++) {
      messages.push({ topic, key: `key-${i % 97}`, value: `value-${idempotent}-${i}`, headers: new Map([["n", `${i}`]]) });
    }
    await producer.send({ messages });
    for (const m of messages) sent.set(m.value, m.key);
  }
  await producer.close();
}

const received = new Map();
const consumer = new Consumer({ ...base, groupId: `${topic}-group`, deserializers: stringDeserializers });
const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, autocommit: true });
const timer = setTimeout(() => {
  console.error(`${received.size} of ${sent.size} after a minute`);
  process.exit(1);
}, 60000);
for await (const message of stream) {
  received.set(message.value, message.key);
  if (received.size === sent.size) break;
}
clearTimeout(timer);
await stream.close();
await consumer.close(true);
assert.deepEqual(received, sent);
await admin.deleteTopics({ topics: [topic] });
await admin.close();
console.log(`same ${sent.size} records`);
