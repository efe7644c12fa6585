// Transactions of kafkajs: commits and aborts in turn, with offsets; a reader of committed records sees what was committed.
//
// usage: kafkajs_transactions.js BOOTSTRAP TOPIC COUNT     prints "same N records" and exits 0, or says what differs
const { Kafka, logLevel } = require('kafkajs');

const [bootstrap, topic, countText] = process.argv.slice(2);
const count = Number(countText);
const EACH = 100;

async function main() {
  const kafka = new Kafka({ brokers: [bootstrap], clientId: 'kafkajs-transactions', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
  const producer = kafka.producer({ transactionalId: topic + '-writer', maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const committed = [];
  let last = 0;
  for (let number = 1; committed.length < count; number++) {
    const values = [];
    for (let i = 0; i < Math.min(EACH, count - committed.length); i++) values.push(`${number}-${i}`);
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: values.map((value, i) => ({ value, partition: i % 3 })) });
    await transaction.sendOffsets({
      consumerGroupId: topic + '-group',
      topics: [{ topic, partitions: [{ partition: 0, offset: String(number) }] }],
    });
    if (number % 4 === 0) {
      await transaction.abort();
    } else {
      await transaction.commit();
      committed.push(...values);
      last = number;
    }
  }
  await producer.disconnect();

  const consumer = kafka.consumer({ groupId: topic + '-readers', readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const received = [];
  await consumer.run({ eachMessage: async ({ message }) => { received.push(message.value.toString()); } });
  const start = Date.now();
  while (received.length < count && Date.now() - start < 60000) await new Promise(r => setTimeout(r, 50));
  await new Promise(r => setTimeout(r, 1000));
  await consumer.disconnect();
  if (JSON.stringify(received.sort()) !== JSON.stringify(committed.sort())) {
    throw new Error(`${committed.length} committed, ${received.length} received`);
  }
  const [offsets] = await admin.fetchOffsets({ groupId: topic + '-group', topics: [topic] });
  const found = offsets.partitions.find(p => p.partition === 0).offset;
  if (Number(found) !== last) throw new Error(`offset ${found}, expected ${last}`);
  await admin.disconnect();
  console.log(`same ${count} records`);
}

main().catch(error => { console.error(error); process.exit(1); });
