// @platformatic/kafka.    usage: node platformatic.mjs BOOTSTRAP
import { createRequire } from "node:module";
import zlib from "node:zlib";
import { No, record, serve, until, valueOf } from "./agent.mjs";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { Admin, Consumer, Producer, stringDeserializers, stringSerializers } = await import(require.resolve("@platformatic/kafka"));

const TOPIC = 2;
const base = { clientId: "platformatic", bootstrapBrokers: [process.argv[2]], retries: 3 };
const admin = new Admin(base);
const open = new Map();
const members = new Map();
let readers = 0;

function newConsumer(groupId, settings) {
  return new Consumer({ ...base, groupId, deserializers: stringDeserializers, maxWaitTime: 300, ...settings });
}

await serve({
  async create({ topic, partitions, settings }) {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
  },
  delete: ({ topic }) => admin.deleteTopics({ topics: [topic] }),
  topics: () => admin.listTopics(),
  async set({ topic, name, value }) {
    const configs = [{ name, value, configOperation: 0 }];
    await admin.incrementalAlterConfigs({ resources: [{ resourceType: TOPIC, resourceName: topic, configs }] });
  },
  async get({ topic, name }) {
    const resources = [{ resourceType: TOPIC, resourceName: topic, configurationKeys: [name] }];
    return (await admin.describeConfigs({ resources }))[0].configs[0].value;
  },
  groups: async () => [...(await admin.listGroups()).keys()],
  state: async ({ group }) => (await admin.describeGroups({ groups: [group] })).get(group).state,
  forget: ({ group }) => admin.deleteGroups({ groups: [group] }),
  async trim({ topic, offset }) {
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: BigInt(offset) }] }] });
  },

  async produce({ topic, codec, idempotent, records }) {
    if (codec === "zstd" && !zlib.zstdCompressSync) throw new No("it has zstd only with Node.js 22.15 and newer");
    const producer = new Producer({ ...base, serializers: stringSerializers, idempotent, compression: codec });
    try {
      await producer.send({
        messages: records.map((sent) => ({
          topic,
          key: sent.key ?? undefined,
          value: valueOf(sent),
          partition: sent.partition ?? undefined,
          timestamp: sent.timestamp === null ? undefined : BigInt(sent.timestamp),
          headers: new Map(sent.headers),
        })),
      });
    } finally {
      await producer.close();
    }
  },
  async read({ topic, count, committed, timestamp, wait }) {
    const consumer = newConsumer(`${topic}-reader-${++readers}`, { maxBytes: 20_000_000, maxBytesPerPartition: 20_000_000 });
    const place = { topics: [topic], mode: "earliest" };
    if (timestamp !== null) {
      const found = await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [0] }, timestamp: BigInt(timestamp) });
      Object.assign(place, { mode: "manual", offsets: [{ topic, partition: 0, offset: found.get(topic)[0] }] });
    }
    const stream = await consumer.consume({ ...place, autocommit: false, isolationLevel: committed ? 1 : 0 });
    const received = [];
    stream.on("data", ({ partition, key, value, headers }) => {
      if (received.length < count) received.push(record(partition, key, value, [...headers]));
    });
    await until(() => received.length >= count, wait);
    await stream.close();
    await consumer.close(true);
    return received;
  },

  async transact({ id, topic, values, end, group, offset }) {
    const producer = new Producer({ ...base, serializers: stringSerializers, idempotent: true, transactionalId: id });
    const transaction = await producer.beginTransaction();
    await transaction.send({ messages: values.map((value) => ({ topic, value })) });
    open.set(id, { producer, transaction });
    if (group) {
      const consumer = newConsumer(group, {});
      await consumer.joinGroup({});
      await transaction.addConsumer(consumer);
      // The offset that it writes is the one behind the message.
      await transaction.addOffset({ topic, partition: 0, offset: BigInt(offset - 1), metadata: { consumer } });
      open.get(id).consumer = consumer;
    }
    if (end !== "open") await this.end({ id, commit: end === "commit" });
  },
  async end({ id, commit }) {
    const { producer, transaction, consumer } = open.get(id);
    open.delete(id);
    await (commit ? transaction.commit() : transaction.abort());
    await producer.close();
    await consumer?.close(true);
  },
  async committed({ group, topic }) {
    const found = await admin.listConsumerGroupOffsets({ groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }] });
    return Number(found[0].topics[0].partitions[0].committedOffset);
  },

  async join({ member, group, topic, strategy, protocol, instance, reset }) {
    if (strategy) throw new No("it has only round robin");
    const settings = { groupInstanceId: instance ?? undefined, autocommit: 100 };
    if (protocol) settings.groupProtocol = protocol;
    else settings.heartbeatInterval = 500;
    const consumer = newConsumer(group, settings);
    const state = { consumer, revoked: 0, values: [], error: null };
    members.set(member, state);
    consumer.on("consumer:group:rebalance", () => state.revoked++);
    const stream = await consumer.consume({ topics: [topic], mode: "committed", fallbackMode: reset });
    state.stream = stream;
    stream.on("data", ({ value }) => state.values.push(value));
    stream.on("error", (error) => (state.error = error));
  },
  async member({ member }) {
    const { consumer, revoked, values, error } = members.get(member);
    if (error) throw error;
    const assigned = (consumer.assignments ?? []).flatMap((one) => one.partitions).sort((a, b) => a - b);
    return { assigned, revoked, values };
  },
  async leave({ member }) {
    const { consumer, stream } = members.get(member);
    members.delete(member);
    await stream.close();
    await consumer.close(true);
  },
});
