namespace Aot.Broker.Cluster.Configs;

/// <summary>The settings of topics, groups and client metrics subscriptions; the form is that of <see cref="BrokerConfigText"/>.</summary>
internal static class ResourceConfigText
{
    public static ReadOnlySpan<byte> Topic =>
        """
            cleanup.policy list delete in:compact,delete medium -
            compression.gzip.level i32 -1 1..9|-1 medium -
            compression.lz4.level i32 9 1..17 medium -
            compression.type str producer in:uncompressed,zstd,lz4,snappy,gzip,producer medium -
            compression.zstd.level i32 3 -131072..22 medium -
            delete.retention.ms i64 86400000 0.. medium -
            errors.deadletterqueue.group.enable bool false * medium -
            file.delete.delay.ms i64 60000 0.. medium -
            flush.messages i64 9223372036854775807 1.. medium -
            flush.ms i64 9223372036854775807 0.. medium -
            follower.replication.throttled.replicas list "" replicas medium -
            index.interval.bytes i32 4096 0.. medium -
            internal.segment.bytes i32 - * medium - internal
            leader.replication.throttled.replicas list "" replicas medium -
            local.retention.bytes i64 -2 -2.. medium -
            local.retention.ms i64 -2 -2.. medium -
            max.compaction.lag.ms i64 9223372036854775807 1.. medium -
            max.decompressed.message.bytes i32 2147483639 1..2147483639 medium -
            max.message.bytes i32 1048588 0.. medium -
            message.timestamp.after.max.ms i64 3600000 0.. medium -
            message.timestamp.before.max.ms i64 9223372036854775807 0.. medium -
            message.timestamp.type str CreateTime in:CreateTime,LogAppendTime medium -
            min.cleanable.dirty.ratio f64 0.5 0..1 medium -
            min.compaction.lag.ms i64 0 0.. medium -
            min.insync.replicas i32 1 1.. medium -
            preallocate bool false * medium -
            remote.copy.lag.bytes i64 -1 -1.. medium -
            remote.copy.lag.ms i64 0 -1.. medium -
            remote.log.copy.disable bool false * medium -
            remote.log.delete.on.disable bool false * medium -
            remote.storage.enable bool false * medium -
            retention.bytes i64 -1 * medium -
            retention.ms i64 604800000 -1.. medium -
            segment.bytes i32 1073741824 1048576.. medium -
            segment.index.bytes i32 10485760 4.. medium -
            segment.jitter.ms i64 0 0.. medium -
            segment.ms i64 604800000 1.. medium -
            unclean.leader.election.enable bool false * medium -
            """u8;

    public static ReadOnlySpan<byte> Group =>
        """
            consumer.assignment.interval.ms i32 1000 0.. medium -
            consumer.assignor.offload.enable bool true * medium - internal
            consumer.heartbeat.interval.ms i32 5000 1.. medium -
            consumer.session.timeout.ms i32 45000 1.. medium -
            errors.deadletterqueue.copy.record.enable bool false * medium -
            errors.deadletterqueue.topic.name str "" * medium -
            share.assignment.interval.ms i32 1000 0.. medium -
            share.assignor.offload.enable bool true * medium - internal
            share.auto.offset.reset str latest reset medium -
            share.delivery.count.limit i32 5 2.. medium -
            share.heartbeat.interval.ms i32 5000 1.. medium -
            share.isolation.level str read_uncommitted in:read_committed,read_uncommitted medium -
            share.partition.max.record.locks i32 2000 100.. medium -
            share.record.lock.duration.ms i32 30000 1000.. medium -
            share.renew.acknowledge.enable bool true * medium -
            share.session.timeout.ms i32 45000 1.. medium -
            streams.acceptable.recovery.lag i64 10000 0.. medium - internal
            streams.assignment.interval.ms i32 1000 0.. medium -
            streams.assignor.name str - * medium -
            streams.assignor.offload.enable bool true * medium - internal
            streams.heartbeat.interval.ms i32 5000 1.. medium -
            streams.initial.rebalance.delay.ms i32 3000 0.. medium -
            streams.num.standby.replicas i32 0 0.. medium -
            streams.num.warmup.replicas i32 2 0.. medium - internal
            streams.rack.aware.assignment.tags list "" values low -
            streams.session.timeout.ms i32 45000 1.. medium -
            streams.task.offset.interval.ms i32 60000 1.. medium - internal
            """u8;

    public static ReadOnlySpan<byte> ClientMetrics =>
        """
            interval.ms i32 300000 * medium -
            match list "" values medium -
            metrics list "" values medium -
            """u8;
}
