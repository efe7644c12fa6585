namespace Aot.Broker.Cluster.Configs;

/// <summary>The broker's settings of single features; the form is that of <see cref="BrokerConfigText"/>.</summary>
internal static class BrokerFeatureConfigText
{
    /// <summary>Groups, share groups, streams groups, transactions.</summary>
    public static ReadOnlySpan<byte> Coordinators =>
        """
            add.partitions.to.txn.retry.backoff.max.ms i32 100 0.. high fixed
            add.partitions.to.txn.retry.backoff.ms i32 20 1.. high fixed
            errors.deadletterqueue.auto.create.topics.enable bool false * medium cluster
            errors.deadletterqueue.topic.name.prefix str dlq. * medium cluster
            group.consumer.assignment.interval.ms i32 1000 0.. medium cluster
            group.consumer.assignor.offload.enable bool true * medium cluster internal
            group.consumer.assignors list uniform,range values medium fixed
            group.consumer.heartbeat.interval.ms i32 5000 1.. medium fixed
            group.consumer.max.assignment.interval.ms i32 15000 0.. medium fixed
            group.consumer.max.heartbeat.interval.ms i32 15000 1.. medium fixed
            group.consumer.max.session.timeout.ms i32 60000 1.. medium fixed
            group.consumer.max.size i32 2147483647 1.. medium fixed
            group.consumer.migration.policy str bidirectional anycase:DISABLED,DOWNGRADE,UPGRADE,BIDIRECTIONAL medium fixed
            group.consumer.min.assignment.interval.ms i32 0 0.. medium fixed
            group.consumer.min.heartbeat.interval.ms i32 5000 1.. medium fixed
            group.consumer.min.session.timeout.ms i32 45000 1.. medium fixed
            group.consumer.regex.refresh.interval.ms i32 600000 10000.. medium fixed internal
            group.consumer.session.timeout.ms i32 45000 1.. medium fixed
            group.coordinator.append.linger.ms i32 -1 -1.. medium fixed
            group.coordinator.background.threads i32 2 1.. high fixed
            group.coordinator.cached.buffer.max.bytes i32 1048588 524288.. medium cluster
            group.coordinator.rebalance.protocols list classic,consumer,streams in:consumer,classic,share,streams medium fixed
            group.coordinator.threads i32 4 1.. high fixed
            group.initial.rebalance.delay.ms i32 3000 * medium fixed
            group.max.session.timeout.ms i32 1800000 * medium fixed
            group.max.size i32 2147483647 1.. medium fixed
            group.min.session.timeout.ms i32 6000 * medium fixed
            group.share.assignment.interval.ms i32 1000 0.. medium cluster
            group.share.assignor.offload.enable bool true * medium cluster internal
            group.share.assignors list simple values medium fixed
            group.share.delivery.count.limit i32 5 2..10 medium fixed
            group.share.dlq.manager.class.name str org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager * medium fixed internal
            group.share.heartbeat.interval.ms i32 5000 1.. medium fixed
            group.share.initialize.retry.interval.ms i32 30000 1.. low fixed internal
            group.share.max.assignment.interval.ms i32 15000 0.. medium fixed
            group.share.max.delivery.count.limit i32 10 5..25 medium fixed
            group.share.max.heartbeat.interval.ms i32 15000 1.. medium fixed
            group.share.max.partition.max.record.locks i32 4000 2000..10000 medium fixed
            group.share.max.record.lock.duration.ms i32 60000 30000..3600000 medium fixed
            group.share.max.session.timeout.ms i32 60000 1.. medium fixed
            group.share.max.share.sessions i32 2000 1.. medium fixed
            group.share.max.size i32 200 1..1000 medium fixed
            group.share.min.assignment.interval.ms i32 0 0.. medium fixed
            group.share.min.delivery.count.limit i32 2 2..5 medium fixed
            group.share.min.heartbeat.interval.ms i32 5000 1.. medium fixed
            group.share.min.partition.max.record.locks i32 100 100..2000 medium fixed
            group.share.min.record.lock.duration.ms i32 15000 1000..30000 medium fixed
            group.share.min.session.timeout.ms i32 45000 1.. medium fixed
            group.share.partition.max.record.locks i32 2000 100..10000 medium fixed
            group.share.persister.class.name str org.apache.kafka.server.share.persister.DefaultStatePersister * medium fixed internal
            group.share.record.lock.duration.ms i32 30000 1000..3600000 medium fixed
            group.share.session.timeout.ms i32 45000 1.. medium fixed
            group.streams.acceptable.recovery.lag i64 10000 0.. medium fixed internal
            group.streams.assignment.interval.ms i32 1000 0.. medium cluster
            group.streams.assignor.offload.enable bool true * medium cluster internal
            group.streams.assignors list sticky values medium fixed
            group.streams.heartbeat.interval.ms i32 5000 1.. medium fixed
            group.streams.initial.rebalance.delay.ms i32 3000 0.. medium fixed
            group.streams.max.assignment.interval.ms i32 15000 0.. medium fixed
            group.streams.max.heartbeat.interval.ms i32 15000 1.. medium fixed
            group.streams.max.session.timeout.ms i32 60000 1.. medium fixed
            group.streams.max.size i32 2147483647 1.. medium fixed
            group.streams.max.standby.replicas i32 2 0.. medium fixed
            group.streams.max.warmup.replicas i32 20 0.. medium fixed internal
            group.streams.min.assignment.interval.ms i32 0 0.. medium fixed
            group.streams.min.heartbeat.interval.ms i32 5000 1.. medium fixed
            group.streams.min.session.timeout.ms i32 45000 1.. medium fixed
            group.streams.min.task.offset.interval.ms i32 15000 1.. medium fixed internal
            group.streams.num.standby.replicas i32 0 0.. medium fixed
            group.streams.num.warmup.replicas i32 2 0.. medium fixed internal
            group.streams.rack.aware.assignment.tags list "" values low fixed
            group.streams.session.timeout.ms i32 45000 1.. medium fixed
            group.streams.task.offset.interval.ms i32 60000 1.. medium fixed internal
            group.streams.topology.description.plugin.class class - * medium fixed
            offset.metadata.max.bytes i32 4096 * high fixed
            offsets.commit.timeout.ms i32 5000 1.. high fixed
            offsets.load.buffer.size i32 5242880 1.. high fixed
            offsets.retention.check.interval.ms i64 600000 1.. high fixed
            offsets.retention.minutes i32 10080 1.. high fixed
            offsets.topic.compression.codec i32 0 * high fixed
            offsets.topic.num.partitions i32 50 1.. high fixed
            offsets.topic.replication.factor i16 3 1.. high fixed
            offsets.topic.segment.bytes i32 104857600 1.. high fixed
            producer.id.expiration.check.interval.ms i32 600000 1.. low fixed internal
            producer.id.expiration.ms i32 86400000 1.. low cluster
            share.coordinator.append.linger.ms i32 -1 -1.. medium fixed
            share.coordinator.cached.buffer.max.bytes i32 1048588 524288.. medium cluster
            share.coordinator.cold.partition.snapshot.interval.ms i32 300000 1.. low fixed internal
            share.coordinator.load.buffer.size i32 5242880 1.. high fixed
            share.coordinator.snapshot.update.records.per.snapshot i32 500 0..500 medium fixed
            share.coordinator.state.topic.compression.codec i32 0 * high fixed
            share.coordinator.state.topic.min.isr i16 2 1.. high fixed
            share.coordinator.state.topic.num.partitions i32 50 1.. high fixed
            share.coordinator.state.topic.prune.interval.ms i32 300000 1.. low fixed internal
            share.coordinator.state.topic.replication.factor i16 3 1.. high fixed
            share.coordinator.state.topic.segment.bytes i32 104857600 1.. high fixed
            share.coordinator.threads i32 1 1.. medium fixed
            share.coordinator.write.timeout.ms i32 5000 1.. high fixed
            share.fetch.purgatory.purge.interval.requests i32 1000 * medium fixed
            transaction.abort.timed.out.transaction.cleanup.interval.ms i32 10000 1.. low fixed
            transaction.max.timeout.ms i32 900000 1.. high fixed
            transaction.partition.verification.enable bool true * low cluster
            transaction.remove.expired.transaction.cleanup.interval.ms i32 3600000 1.. low fixed
            transaction.state.log.load.buffer.size i32 5242880 1.. high fixed
            transaction.state.log.min.isr i32 2 1.. high fixed
            transaction.state.log.num.partitions i32 50 1.. high fixed
            transaction.state.log.replication.factor i16 3 1.. high fixed
            transaction.state.log.segment.bytes i32 104857600 1.. high fixed
            transaction.two.phase.commit.enable bool false * low fixed
            transactional.id.expiration.ms i32 604800000 1.. high fixed
            """u8;

    /// <summary>TLS, SASL, tokens.</summary>
    public static ReadOnlySpan<byte> Security =>
        """
            delegation.token.expiry.check.interval.ms i64 3600000 1.. low fixed
            delegation.token.expiry.time.ms i64 86400000 1.. medium fixed
            delegation.token.max.lifetime.ms i64 604800000 1.. medium fixed
            delegation.token.secret.key pwd - * medium fixed
            principal.builder.class class org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder * medium broker
            sasl.client.callback.handler.class class - * medium fixed
            sasl.enabled.mechanisms list GSSAPI values medium broker
            sasl.jaas.config pwd - * medium broker
            sasl.kerberos.kinit.cmd str /usr/bin/kinit * medium broker
            sasl.kerberos.min.time.before.relogin i64 60000 * medium broker
            sasl.kerberos.principal.to.local.rules list DEFAULT values medium broker
            sasl.kerberos.service.name str - * medium broker
            sasl.kerberos.ticket.renew.jitter f64 0.05 * medium broker
            sasl.kerberos.ticket.renew.window.factor f64 0.8 * medium broker
            sasl.login.callback.handler.class class - * medium fixed
            sasl.login.class class - * medium fixed
            sasl.login.connect.timeout.ms i32 - * low fixed
            sasl.login.read.timeout.ms i32 - * low fixed
            sasl.login.refresh.buffer.seconds i16 300 * medium broker
            sasl.login.refresh.min.period.seconds i16 60 * medium broker
            sasl.login.refresh.window.factor f64 0.8 * medium broker
            sasl.login.refresh.window.jitter f64 0.05 * medium broker
            sasl.login.retry.backoff.max.ms i64 10000 * low fixed
            sasl.login.retry.backoff.ms i64 100 * low fixed
            sasl.mechanism.controller.protocol str GSSAPI * high fixed
            sasl.mechanism.inter.broker.protocol str GSSAPI * medium broker
            sasl.oauthbearer.allow.unverified.audience bool false * medium fixed
            sasl.oauthbearer.allow.unverified.issuer bool false * medium fixed
            sasl.oauthbearer.assertion.algorithm str RS256 anycase:ES256,RS256 medium fixed
            sasl.oauthbearer.assertion.claim.aud str - * medium fixed
            sasl.oauthbearer.assertion.claim.exp.seconds i32 300 0..86400 low fixed
            sasl.oauthbearer.assertion.claim.iss str - * medium fixed
            sasl.oauthbearer.assertion.claim.jti.include bool false * medium fixed
            sasl.oauthbearer.assertion.claim.nbf.seconds i32 60 0..3600 low fixed
            sasl.oauthbearer.assertion.claim.sub str - * medium fixed
            sasl.oauthbearer.assertion.file str - * medium fixed
            sasl.oauthbearer.assertion.private.key.file str - * medium fixed
            sasl.oauthbearer.assertion.private.key.passphrase pwd - * medium fixed
            sasl.oauthbearer.assertion.template.file str - * medium fixed
            sasl.oauthbearer.client.credentials.client.id str - * medium fixed
            sasl.oauthbearer.client.credentials.client.secret pwd - * medium fixed
            sasl.oauthbearer.clock.skew.seconds i32 30 * low fixed
            sasl.oauthbearer.expected.audience list "" values high fixed
            sasl.oauthbearer.expected.issuer str - * high fixed
            sasl.oauthbearer.jwks.endpoint.refresh.ms i64 3600000 * low fixed
            sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms i64 10000 * low fixed
            sasl.oauthbearer.jwks.endpoint.retry.backoff.ms i64 100 * low fixed
            sasl.oauthbearer.jwks.endpoint.url str - * medium fixed
            sasl.oauthbearer.jwt.retriever.class class org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever * medium fixed
            sasl.oauthbearer.jwt.validator.class class org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator * medium fixed
            sasl.oauthbearer.scope str - * medium fixed
            sasl.oauthbearer.scope.claim.name str scope * low fixed
            sasl.oauthbearer.sub.claim.name str sub * low fixed
            sasl.oauthbearer.token.endpoint.url str - * medium fixed
            sasl.server.callback.handler.class class - * medium fixed
            sasl.server.max.receive.size i32 524288 * medium fixed
            security.inter.broker.protocol str PLAINTEXT in:PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL medium fixed
            security.providers str - * low fixed
            ssl.allow.dn.changes bool false * low fixed
            ssl.allow.san.changes bool false * low fixed
            ssl.cipher.suites list "" values medium broker
            ssl.client.auth str none in:required,requested,none medium broker
            ssl.enabled.protocols list TLSv1.2,TLSv1.3 values medium broker
            ssl.endpoint.identification.algorithm str https * low broker
            ssl.engine.factory.class class - * low broker
            ssl.key.password pwd - * medium broker
            ssl.keymanager.algorithm str SunX509 * medium broker
            ssl.keystore.certificate.chain pwd - * medium broker
            ssl.keystore.key pwd - * medium broker
            ssl.keystore.location str - * medium broker
            ssl.keystore.password pwd - * medium broker
            ssl.keystore.type str JKS * medium broker
            ssl.principal.mapping.rules str DEFAULT * low fixed
            ssl.protocol str TLSv1.3 * medium broker
            ssl.provider str - * medium broker
            ssl.secure.random.implementation str - * low broker
            ssl.trustmanager.algorithm str PKIX * medium broker
            ssl.truststore.certificates pwd - * medium broker
            ssl.truststore.location str - * medium broker
            ssl.truststore.password pwd - * medium broker
            ssl.truststore.type str JKS * medium broker
            """u8;

    /// <summary>Tiered storage.</summary>
    public static ReadOnlySpan<byte> TieredStorage =>
        """
            log.local.retention.bytes i64 -2 -2.. medium cluster
            log.local.retention.ms i64 -2 -2.. medium cluster
            log.remote.copy.lag.bytes i64 -1 -1.. medium cluster
            log.remote.copy.lag.ms i64 0 -1.. medium cluster
            remote.fetch.max.wait.ms i32 500 1.. medium cluster
            remote.list.offsets.request.timeout.ms i64 30000 1.. medium cluster
            remote.log.index.file.cache.total.size.bytes i64 1073741824 1.. low cluster
            remote.log.index.file.cache.ttl.ms i64 900000 -1.. low fixed internal
            remote.log.manager.copier.thread.pool.size i32 10 1.. medium cluster
            remote.log.manager.copy.max.bytes.per.second i64 9223372036854775807 1.. medium cluster
            remote.log.manager.copy.quota.window.num i32 11 1.. medium fixed
            remote.log.manager.copy.quota.window.size.seconds i32 1 1.. medium fixed
            remote.log.manager.expiration.thread.pool.size i32 10 1.. medium cluster
            remote.log.manager.fetch.max.bytes.per.second i64 9223372036854775807 1.. medium cluster
            remote.log.manager.fetch.quota.window.num i32 11 1.. medium fixed
            remote.log.manager.fetch.quota.window.size.seconds i32 1 1.. medium fixed
            remote.log.manager.follower.thread.pool.size i32 2 1.. medium cluster
            remote.log.manager.task.interval.ms i64 30000 1.. low fixed
            remote.log.manager.task.retry.backoff.max.ms i64 30000 1.. low fixed internal
            remote.log.manager.task.retry.backoff.ms i64 500 1.. low fixed internal
            remote.log.manager.task.retry.jitter f64 0.2 0..0.5 low fixed internal
            remote.log.manager.thread.pool.size i32 2 1.. medium fixed
            remote.log.metadata.custom.metadata.max.bytes i32 128 0.. low fixed
            remote.log.metadata.manager.class.name str org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager nonempty medium fixed
            remote.log.metadata.manager.class.path str - * medium fixed
            remote.log.metadata.manager.impl.prefix str rlmm.config. nonempty medium fixed
            remote.log.metadata.manager.listener.name str - nonempty medium fixed
            remote.log.reader.max.pending.tasks i32 100 1.. medium fixed
            remote.log.reader.threads i32 10 1.. medium cluster
            remote.log.storage.manager.class.name str - nonempty medium fixed
            remote.log.storage.manager.class.path str - * medium fixed
            remote.log.storage.manager.impl.prefix str rsm.config. nonempty medium fixed
            remote.log.storage.system.enable bool false * medium fixed
            """u8;

    /// <summary>Settings that exist only as dynamic ones.</summary>
    public static ReadOnlySpan<byte> DynamicOnly =>
        """
            follower.replication.throttled.rate i64 9223372036854775807 0.. medium cluster dynamic
            leader.replication.throttled.rate i64 9223372036854775807 0.. medium cluster dynamic
            replica.alter.log.dirs.io.max.bytes.per.second i64 9223372036854775807 0.. medium cluster dynamic
            """u8;

    /// <summary>Settings that only this broker has.</summary>
    public static ReadOnlySpan<byte> Own =>
        """
            broker.cores i32 0 0.. medium fixed own
            broker.io str auto in:auto,uring,epoll medium fixed own
            """u8;
}
