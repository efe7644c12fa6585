namespace Aot.Broker.Cluster.Configs;

/// <summary>
/// The broker's settings as Apache Kafka 4.4 has them, one line each, by name:
/// <c>name type default rule importance update-mode [flag]</c>.
/// Default: <c>-</c> is null, <c>!</c> required, <c>""</c> the empty text. Rules: see <see cref="ConfigRule"/>.
/// Update mode: <c>fixed</c> needs a restart, <c>broker</c> may be set for one broker, <c>cluster</c> for all as well.
/// Flags: <c>internal</c> is not shown, <c>dynamic</c> is no setting of the file, <c>own</c> is not Kafka's.
/// </summary>
internal static class BrokerConfigText
{
    /// <summary>Sockets, threads, quorum, replication, quotas, metrics.</summary>
    public static ReadOnlySpan<byte> Core =>
        """
            advertised.listeners list - values high fixed
            alter.config.policy.class.name class - * low fixed
            alter.log.dirs.replication.quota.window.num i32 11 1.. low fixed
            alter.log.dirs.replication.quota.window.size.seconds i32 1 1.. low fixed
            authorizer.class.name str "" nonnull low fixed
            auto.create.topics.enable bool true * high fixed
            auto.leader.rebalance.enable bool true * high fixed
            background.threads i32 10 1.. high cluster
            broker.heartbeat.interval.ms i32 2000 * medium fixed
            broker.id i32 -1 * high fixed
            broker.rack str - * medium fixed
            broker.session.timeout.ms i32 9000 * medium fixed
            client.quota.callback.class class - * low fixed
            compression.gzip.level i32 -1 1..9|-1 medium cluster
            compression.lz4.level i32 9 1..17 medium cluster
            compression.type str producer in:uncompressed,zstd,lz4,snappy,gzip,producer high cluster
            compression.zstd.level i32 3 -131072..22 medium cluster
            config.providers list "" values low cluster
            connection.failed.authentication.delay.ms i32 100 0.. low fixed
            connections.max.idle.ms i64 600000 * medium fixed
            connections.max.reauth.ms i64 0 * medium fixed
            controlled.shutdown.enable bool true * medium fixed
            controller.listener.names list ! values high fixed
            controller.performance.always.log.threshold.ms i64 2000 0.. medium fixed internal
            controller.performance.sample.period.ms i64 60000 100.. medium fixed internal
            controller.quorum.append.linger.ms i32 25 0.. medium fixed
            controller.quorum.auto.join.enable bool false * low fixed
            controller.quorum.bootstrap.servers list "" values high fixed
            controller.quorum.election.backoff.max.ms i32 1000 0.. high fixed
            controller.quorum.election.timeout.ms i32 1000 0.. high fixed
            controller.quorum.fetch.max.bytes i32 1048576 1.. low fixed
            controller.quorum.fetch.snapshot.max.bytes i32 1048576 1.. low fixed
            controller.quorum.fetch.timeout.ms i32 2000 0.. high fixed
            controller.quorum.request.timeout.ms i32 2000 0.. medium fixed
            controller.quorum.retry.backoff.ms i32 20 0.. low fixed
            controller.quorum.voters list "" values high fixed
            controller.quota.window.num i32 11 1.. low fixed
            controller.quota.window.size.seconds i32 1 1.. low fixed
            controller.socket.timeout.ms i32 30000 * medium fixed
            cordoned.log.dirs list "" values medium broker
            create.topic.policy.class.name class - * low fixed
            default.replication.factor i32 1 * medium fixed
            delete.records.purgatory.purge.interval.requests i32 1 * medium fixed
            delete.topic.enable bool true * high fixed
            early.start.listeners list - values high fixed
            fetch.max.bytes i32 57671680 1024.. medium fixed
            fetch.purgatory.purge.interval.requests i32 1000 * medium fixed
            follower.fetch.last.tiered.offset.enable bool false * medium cluster
            initial.broker.registration.timeout.ms i32 60000 * medium fixed
            inter.broker.listener.name str - * medium fixed
            internal.metadata.delete.delay.millis i64 60000 * low fixed internal
            internal.metadata.log.segment.bytes i32 - * low fixed internal
            internal.metadata.max.batch.size.in.bytes i32 8388608 * low fixed internal
            kafka.metrics.polling.interval.secs i32 10 1.. low fixed
            kafka.metrics.reporters list "" values low fixed
            leader.imbalance.check.interval.seconds i64 300 1.. high fixed
            listener.security.protocol.map str SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT * low broker
            listeners list PLAINTEXT://:9092 values high broker
            max.connection.creation.rate i32 2147483647 0.. medium cluster
            max.connections i32 2147483647 0.. medium cluster
            max.connections.per.ip i32 2147483647 0.. medium cluster
            max.connections.per.ip.overrides str "" * medium cluster
            max.decompressed.message.bytes i32 2147483639 1..2147483639 medium cluster
            max.incremental.fetch.session.cache.slots i32 1000 0.. medium fixed
            max.request.partition.size.limit i32 2000 1.. medium fixed
            message.max.bytes i32 1048588 0.. high cluster
            metadata.log.dir str - * high fixed
            metadata.log.max.record.bytes.between.snapshots i64 20971520 1.. high fixed
            metadata.log.max.snapshot.interval.ms i64 3600000 0.. high fixed
            metadata.log.segment.bytes i32 1073741824 8388608.. high fixed
            metadata.log.segment.ms i64 604800000 * high fixed
            metadata.max.idle.interval.ms i32 500 0.. low fixed
            metadata.max.retention.bytes i64 104857600 * high fixed
            metadata.max.retention.ms i64 604800000 * high fixed
            metric.reporters list org.apache.kafka.common.metrics.JmxReporter values low cluster
            metrics.num.samples i32 2 1.. low fixed
            metrics.recording.level str INFO * low fixed
            metrics.sample.window.ms i64 30000 1.. low fixed
            min.insync.replicas i32 1 1.. high cluster
            node.id i32 ! 0.. high fixed
            num.io.threads i32 8 1.. high cluster
            num.network.threads i32 3 1.. high cluster
            num.partitions i32 1 1.. medium fixed
            num.recovery.threads.per.data.dir i32 2 1.. high cluster
            num.replica.alter.log.dirs.threads i32 - * high fixed
            num.replica.fetchers i32 1 1.. high cluster
            process.roles list ! in:broker,controller high fixed
            producer.purgatory.purge.interval.requests i32 1000 * medium fixed
            queued.max.request.bytes i64 -1 * medium fixed
            queued.max.requests i32 500 1.. high fixed
            quota.window.num i32 11 1.. low fixed
            quota.window.size.seconds i32 1 1.. low fixed
            replica.fetch.backoff.ms i32 1000 0.. medium fixed
            replica.fetch.max.bytes i32 1048576 0.. medium fixed
            replica.fetch.min.bytes i32 1 * high fixed
            replica.fetch.response.max.bytes i32 10485760 0.. medium fixed
            replica.fetch.wait.max.ms i32 500 * high fixed
            replica.high.watermark.checkpoint.interval.ms i64 5000 * high fixed
            replica.lag.time.max.ms i64 30000 * high fixed
            replica.selector.class str - * medium fixed
            replica.socket.receive.buffer.bytes i32 65536 * high fixed
            replica.socket.timeout.ms i32 30000 * high fixed
            replication.quota.window.num i32 11 1.. low fixed
            replication.quota.window.size.seconds i32 1 1.. low fixed
            request.timeout.ms i32 30000 * high fixed
            server.max.startup.time.ms i64 9223372036854775807 0.. medium fixed internal
            socket.connection.setup.timeout.max.ms i64 30000 * medium fixed
            socket.connection.setup.timeout.ms i64 10000 * medium fixed
            socket.listen.backlog.size i32 50 1.. medium fixed
            socket.receive.buffer.bytes i32 102400 * high fixed
            socket.request.max.bytes i32 104857600 1.. high fixed
            socket.send.buffer.bytes i32 102400 * high fixed
            telemetry.max.bytes i32 1048576 1.. low fixed
            unclean.leader.election.enable bool false * high cluster
            unclean.leader.election.interval.ms i64 300000 1.. medium fixed internal
            unstable.api.versions.enable bool false * high fixed internal
            unstable.feature.versions.enable bool false * high fixed internal
            """u8;

    /// <summary>Logs and their cleaning.</summary>
    public static ReadOnlySpan<byte> Logs =>
        """
            log.cleaner.backoff.ms i64 15000 0.. medium cluster
            log.cleaner.dedupe.buffer.size i64 134217728 * medium cluster
            log.cleaner.delete.retention.ms i64 86400000 0.. medium cluster
            log.cleaner.enable bool true * medium fixed
            log.cleaner.io.buffer.load.factor f64 0.9 * medium cluster
            log.cleaner.io.buffer.size i32 524288 0.. medium cluster
            log.cleaner.io.max.bytes.per.second f64 1.7976931348623157E308 * medium cluster
            log.cleaner.max.compaction.lag.ms i64 9223372036854775807 1.. medium cluster
            log.cleaner.min.cleanable.ratio f64 0.5 0..1 medium cluster
            log.cleaner.min.compaction.lag.ms i64 0 0.. medium cluster
            log.cleaner.threads i32 1 0.. medium cluster
            log.cleanup.policy list delete in:compact,delete medium cluster
            log.dir list /tmp/kafka-logs values high fixed
            log.dir.failure.timeout.ms i64 30000 1.. low fixed
            log.dirs list - values high fixed
            log.flush.interval.messages i64 9223372036854775807 1.. high cluster
            log.flush.interval.ms i64 - * high cluster
            log.flush.offset.checkpoint.interval.ms i32 60000 0.. high fixed
            log.flush.scheduler.interval.ms i64 9223372036854775807 * high fixed
            log.flush.start.offset.checkpoint.interval.ms i32 60000 0.. high fixed
            log.index.interval.bytes i32 4096 0.. medium cluster
            log.index.size.max.bytes i32 10485760 4.. medium cluster
            log.initial.task.delay.ms i64 30000 0.. low fixed internal
            log.message.timestamp.after.max.ms i64 3600000 0.. medium cluster
            log.message.timestamp.before.max.ms i64 9223372036854775807 0.. medium cluster
            log.message.timestamp.type str CreateTime in:CreateTime,LogAppendTime medium cluster
            log.preallocate bool false * medium cluster
            log.retention.bytes i64 -1 * high cluster
            log.retention.check.interval.ms i64 300000 1.. medium fixed
            log.retention.hours i32 168 * high fixed
            log.retention.minutes i32 - * high fixed
            log.retention.ms i64 - * high cluster
            log.roll.hours i32 168 1.. high fixed
            log.roll.jitter.hours i32 0 0.. high fixed
            log.roll.jitter.ms i64 - * high cluster
            log.roll.ms i64 - * high cluster
            log.segment.bytes i32 1073741824 1048576.. high cluster
            log.segment.delete.delay.ms i64 60000 0.. high cluster
            """u8;
}
