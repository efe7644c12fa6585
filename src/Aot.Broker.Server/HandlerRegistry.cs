using Aot.Broker.Server.Handlers;

namespace Aot.Broker.Server;

/// <summary>The APIs that this broker serves. What is here is advertised, and what is advertised is here.</summary>
internal static class HandlerRegistry
{
    public static IEnumerable<RequestHandler> Create(ServerCore server)
    {
        yield return new ProduceHandler(server);
        yield return new FetchHandler(server);
        yield return new ListOffsetsHandler(server);
        yield return new MetadataHandler(server);
        yield return new FindCoordinatorHandler(server);
        yield return new ApiVersionsHandler(server);
        yield return new CreateTopicsHandler(server);
        yield return new DeleteTopicsHandler(server);
        yield return new DeleteRecordsHandler(server);
        yield return new InitProducerIdHandler(server);
        yield return new OffsetForLeaderEpochHandler(server);
        yield return new DescribeAclsHandler(server);
        yield return new CreateAclsHandler(server);
        yield return new DeleteAclsHandler(server);
        yield return new DescribeConfigsHandler(server);
        yield return new AlterConfigsHandler(server);
        yield return new AlterReplicaLogDirsHandler(server);
        yield return new DescribeLogDirsHandler(server);
        yield return new CreatePartitionsHandler(server);
        yield return new ElectLeadersHandler(server);
        yield return new IncrementalAlterConfigsHandler(server);
        yield return new AlterPartitionReassignmentsHandler(server);
        yield return new ListPartitionReassignmentsHandler(server);
        yield return new DescribeClientQuotasHandler(server);
        yield return new AlterClientQuotasHandler(server);
        yield return new DescribeUserScramCredentialsHandler(server);
        yield return new AlterUserScramCredentialsHandler(server);
        yield return new DescribeQuorumHandler(server);
        yield return new UpdateFeaturesHandler(server);
        yield return new DescribeClusterHandler(server);
        yield return new DescribeProducersHandler(server);
        yield return new UnregisterBrokerHandler(server);
        yield return new ListConfigResourcesHandler(server);
        yield return new DescribeTopicPartitionsHandler(server);
        if (server.Server.Transactions is { } transactions)
        {
            yield return new AddPartitionsToTxnHandler(server, transactions);
            yield return new AddOffsetsToTxnHandler(server, transactions);
            yield return new EndTxnHandler(server, transactions);
            yield return new WriteTxnMarkersHandler(server, transactions);
            yield return new DescribeTransactionsHandler(server, transactions);
            yield return new ListTransactionsHandler(server, transactions);
            if (server.Server.Groups is { } committing)
            {
                yield return new TxnOffsetCommitHandler(server, committing, transactions);
            }
        }
        if (server.Server.ShareStates is { } shareStates)
        {
            yield return new InitializeShareGroupStateHandler(server, shareStates);
            yield return new ReadShareGroupStateHandler(server, shareStates);
            yield return new WriteShareGroupStateHandler(server, shareStates);
            yield return new DeleteShareGroupStateHandler(server, shareStates);
            yield return new ReadShareGroupStateSummaryHandler(server, shareStates);
        }
        if (server.SharePartitions is not null)
        {
            yield return new ShareFetchHandler(server);
            yield return new ShareAcknowledgeHandler(server);
        }
        if (server.Server.Groups is { } groups)
        {
            yield return new OffsetCommitHandler(server, groups);
            yield return new OffsetFetchHandler(server, groups);
            yield return new JoinGroupHandler(server, groups);
            yield return new HeartbeatHandler(server, groups);
            yield return new LeaveGroupHandler(server, groups);
            yield return new SyncGroupHandler(server, groups);
            yield return new DescribeGroupsHandler(server, groups);
            yield return new ListGroupsHandler(server, groups);
            yield return new DeleteGroupsHandler(server, groups);
            yield return new OffsetDeleteHandler(server, groups);
            yield return new ConsumerGroupHeartbeatHandler(server, groups);
            yield return new ConsumerGroupDescribeHandler(server, groups);
            yield return new ShareGroupHeartbeatHandler(server, groups);
            yield return new ShareGroupDescribeHandler(server, groups);
            yield return new DescribeShareGroupOffsetsHandler(server, groups);
            yield return new AlterShareGroupOffsetsHandler(server, groups);
            yield return new DeleteShareGroupOffsetsHandler(server, groups);
            yield return new StreamsGroupHeartbeatHandler(server, groups);
            yield return new StreamsGroupDescribeHandler(server, groups);
            yield return new StreamsGroupTopologyDescriptionUpdateHandler(server, groups);
        }
    }
}
