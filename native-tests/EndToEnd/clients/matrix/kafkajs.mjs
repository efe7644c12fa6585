// kafkajs.    usage: node kafkajs.mjs BOOTSTRAP
import { createRequire } from "node:module";
import { No, record, serve, until, valueOf } from "./agent.mjs";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require("kafkajs");

const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP };
const kafka = new Kafka({ clientId: "kafkajs", brokers: [process.argv[2]], logLevel: logLevel.NOTHING });
const admin = kafka.admin();
await admin.connect();
const open = new Map();
const members = new Map();
let readers = 0;

async function withProducer(settings, use) {
  const producer = kafka.producer(settings);
  await producer.connect();
  try {
    return await use(producer);
  } finally {
    await producer.disconnect();
  }
}

await serve({
  create: ({ topic, partitions, settings }) =>
    admin
      .createTopics({
        topics: [
          { topic, numPartitions: partitions, configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })) },
        ],
      })
      .then((isNew) => {
        if (!isNew) throw new Error("the topic is there already");
      }),
  delete: ({ topic }) => admin.deleteTopics({ topics: [topic] }),
  topics: () => admin.listTopics(),
  async set({ topic, name, value }) {
    await admin.alterConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
    });
  },
  async get({ topic, name }) {
    const found = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
    });
    return found.resources[0].configEntries[0].configValue;
  },
  groups: async () => (await admin.listGroups()).groups.map((group) => group.groupId),
  state: async ({ group }) => (await admin.describeGroups([group])).groups[0].state,
  async forget({ group }) {
    await admin.deleteGroups([group]);
  },
  async trim({ topic, offset }) {
    // It asks nobody for the leader of a topic that it has not used.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${offset}` }] });
  },

  async produce({ topic, codec, idempotent, records }) {
    if (CODECS[codec] === undefined) throw new No("it has this codec only by a plug-in");
    await withProducer({ idempotent, maxInFlightRequests: idempotent ? 1 : undefined }, (producer) =>
      producer.send({
        topic,
        compression: CODECS[codec],
        messages: records.map((sent) => ({
          key: sent.key,
          value: valueOf(sent),
          partition: sent.partition ?? undefined,
          timestamp: sent.timestamp === null ? undefined : `${sent.timestamp}`,
          headers: Object.fromEntries(sent.headers),
        })),
      }),
    );
  },
  async read({ topic, count, committed, timestamp, wait }) {
    const consumer = kafka.consumer({
      groupId: `${topic}-reader-${++readers}`,
      readUncommitted: !committed,
      maxBytesPerPartition: 20_000_000,
      maxWaitTimeInMs: 300,
    });
    const received = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: timestamp === null });
    const start = timestamp === null ? null : await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (start && BigInt(message.offset) < BigInt(start[0].offset)) return;
        const headers = Object.entries(message.headers).map(([name, value]) => [name, value.toString()]);
        if (received.length < count) received.push(record(partition, message.key, message.value, headers));
      },
    });
    if (start) consumer.seek({ topic, partition: 0, offset: start[0].offset });
    await until(() => received.length >= count, wait);
    await consumer.disconnect();
    return received;
  },

  async transact({ id, topic, values, end, group, offset }) {
    const producer = kafka.producer({ transactionalId: id, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: values.map((value) => ({ value })) });
    if (group) {
      await transaction.sendOffsets({
        consumerGroupId: group,
        topics: [{ topic, partitions: [{ partition: 0, offset: `${offset}` }] }],
      });
    }
    open.set(id, { producer, transaction });
    if (end !== "open") await this.end({ id, commit: end === "commit" });
  },
  async end({ id, commit }) {
    const { producer, transaction } = open.get(id);
    open.delete(id);
    await (commit ? transaction.commit() : transaction.abort());
    await producer.disconnect();
  },
  async committed({ group, topic }) {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return Number(found.partitions.find((one) => one.partition === 0).offset);
  },

  async join({ member, group, topic, strategy, protocol, instance, reset }) {
    if (protocol) throw new No("it has no KIP-848");
    if (instance) throw new No("it has no static members");
    if (strategy) throw new No("it has only round robin");
    const consumer = kafka.consumer({ groupId: group, heartbeatInterval: 500, maxWaitTimeInMs: 300, rebalanceTimeout: 10000 });
    const state = { consumer, assigned: [], revoked: 0, values: [] };
    members.set(member, state);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => (state.assigned = payload.memberAssignment[topic] ?? []));
    consumer.on(consumer.events.REBALANCING, () => {
      state.revoked++;
      state.assigned = [];
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: reset === "earliest" });
    await consumer.run({ eachMessage: async ({ message }) => void state.values.push(message.value.toString()) });
  },
  async member({ member }) {
    const { assigned, revoked, values } = members.get(member);
    return { assigned, revoked, values };
  },
  async leave({ member }) {
    await members.get(member).consumer.disconnect();
    members.delete(member);
  },
});
