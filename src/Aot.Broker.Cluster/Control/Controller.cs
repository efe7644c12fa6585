using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Cluster;

/// <summary>
/// The active controller of this node: takes decisions about the cluster one after the other, on core 0. Any core may
/// call; the task completes on the calling core, after every core has the image that contains the decision.
/// Who may ask for what is the handler's business.
/// </summary>
public sealed class Controller
{
    private readonly MetadataWriter _writer;
    private readonly ControlFacts _facts;

    internal Controller(MetadataWriter writer, ControlFacts facts)
    {
        _writer = writer;
        _facts = facts;
    }

    public Task<CreateTopicsResponse> CreateTopicsAsync(Core from, CreateTopicsRequest request) =>
        DecideAsync(from, image => TopicControl.Create(image, _facts, request));

    public Task<DeleteTopicsResponse> DeleteTopicsAsync(Core from, DeleteTopicsRequest request, short version) =>
        DecideAsync(from, image => TopicControl.Delete(image, _facts, request, version));

    public Task<CreatePartitionsResponse> CreatePartitionsAsync(Core from, CreatePartitionsRequest request) =>
        DecideAsync(from, image => PartitionControl.Create(image, _facts, request));

    public Task<ElectLeadersResponse> ElectLeadersAsync(Core from, ElectLeadersRequest request, short version) =>
        DecideAsync(from, image => PartitionControl.Elect(image, request, version));

    public Task<AlterPartitionReassignmentsResponse> AlterPartitionReassignmentsAsync(
        Core from,
        AlterPartitionReassignmentsRequest request
    ) => DecideAsync(from, image => ReassignmentControl.Alter(image, request));

    /// <summary>From the calling core's own image.</summary>
    public static ListPartitionReassignmentsResponse ListPartitionReassignments(
        MetadataImage image,
        ListPartitionReassignmentsRequest request
    ) => ReassignmentControl.List(image, request);

    public Task<IncrementalAlterConfigsResponse> IncrementalAlterConfigsAsync(
        Core from,
        IncrementalAlterConfigsRequest request
    ) => ThenCordonAsync(from, DecideAsync(from, image => ConfigControl.AlterIncrementally(image, _facts, request)));

    public Task<AlterConfigsResponse> AlterConfigsAsync(Core from, AlterConfigsRequest request) =>
        ThenCordonAsync(from, DecideAsync(from, image => ConfigControl.Alter(image, _facts, request)));

    public Task<UpdateFeaturesResponse> UpdateFeaturesAsync(Core from, UpdateFeaturesRequest request, short version) =>
        ThenCordonAsync(from, DecideAsync(from, image => FeatureControl.Update(image, _facts, request, version)));

    public Task<UnregisterBrokerResponse> UnregisterBrokerAsync(Core from, UnregisterBrokerRequest request) =>
        DecideAsync(from, image => BrokerControl.Unregister(image, _facts, request, _writer.NextOffset));

    /// <summary>This broker's replica is in another log directory than before.</summary>
    internal Task<bool> AssignDirectoryAsync(Core from, KafkaUuid topicId, int partition, KafkaUuid directory) =>
        DecideAsync(from, image => DirectoryControl.Assign(image, _facts.NodeId, topicId, partition, directory));

    /// <summary>A block of producer ids that no other call gets; none when the disk refuses to note it.</summary>
    public Task<(long First, int Count)> AllocateProducerIdsAsync(Core from) =>
        DecideAsync(from, image => BrokerControl.AllocateProducerIds(image, image.Broker(_facts.NodeId)));

    public Task<AlterClientQuotasResponse> AlterClientQuotasAsync(Core from, AlterClientQuotasRequest request) =>
        DecideAsync(from, image => QuotaControl.Alter(image, request));

    public Task<AlterUserScramCredentialsResponse> AlterUserScramCredentialsAsync(
        Core from,
        AlterUserScramCredentialsRequest request
    ) => DecideAsync(from, image => ScramControl.Alter(image, request));

    /// <summary>A data directory of this node failed while it ran.</summary>
    internal Task<bool> LoseDirectoryAsync(Core from, KafkaUuid directory) =>
        DecideAsync(
            from,
            image => new ControlPlan<bool>(
                image.Broker(_facts.NodeId) is { } self ? BrokerControl.LoseDirectory(image, self, directory) : [],
                true
            )
        );

    /// <summary>
    /// Directories that a change of settings, or of what the cluster can note, has cordoned are so before it is answered.
    /// A disk that refuses to note it now is asked again by the next change, and by the next start.
    /// </summary>
    private async Task<T> ThenCordonAsync<T>(Core from, Task<T> change)
    {
        T response = await change;
        await DecideAsync(from, image => CordonControl.Follow(image, _facts));
        return response;
    }

    private Task<T> DecideAsync<T>(Core from, Func<MetadataImage, ControlPlan<T>> decide) =>
        from.CallAsync(
            new CoreIndex(0),
            async _ =>
            {
                ControlPlan<T> plan = decide(_writer.Latest);
                return await _writer.WriteAsync(plan.Records, plan.Voters) ? plan.Response : Refusal.Of(plan.Response)!;
            }
        );
}
