// kafkajs: create, describe, produce with default settings and idempotent, consume in a group, compare.
// usage: node kafkajs_client.js BOOTSTRAP TOPIC COUNT    prints "same N records" and exits 0, or says what differs
const { Kafka, logLevel } = require("kafkajs");
const assert = require("node:assert");

const [bootstrap, topic, countText] = process.argv.slice(2);
const count = Number(countText);

async function main() {
  const kafka = new Kafka({ clientId: "kafkajs", brokers: [bootstrap], logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
  const described = await admin.fetchTopicMetadata({ topics: [topic] });
  assert.equal(described.topics[0].partitions.length, 3);

  const sent = new Map();
  for (const idempotent of [false, true]) {
    const producer = kafka.producer({ idempotent, maxInFlightRequests: idempotent ? 1 : undefined });
    await producer.connect();
    for (let start = 0; start < count / 2; start += 500) {
      const messages = [];
      for (let i = start; i < Math.min(start + 500, count / 2); i++) {
        messages.push({ key: `key-${i % 97}`, value: `value-${idempotent}-${i}`, headers: { n: `${i}` } });
      }
      await producer.send({ topic, messages });
      for (const m of messages) sent.set(m.value, m.key);
    }
    await producer.disconnect();
  }

  const received = new Map();
  let records = 0;
  const consumer = kafka.consumer({ groupId: `${topic}-group` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${records} of ${sent.size} after a minute`)), 60000);
    consumer
      .run({
        eachMessage: async ({ message }) => {
          received.set(message.value.toString(), message.key.toString());
          if (++records === sent.size) {
            clearTimeout(timer);
            resolve();
          }
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  assert.deepEqual(received, sent);
  const offsets = await admin.fetchOffsets({ groupId: `${topic}-group`, topics: [topic] });
  assert.equal(offsets[0].partitions.reduce((sum, p) => sum + Number(p.offset), 0), sent.size);
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  console.log(`same ${sent.size} records`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
