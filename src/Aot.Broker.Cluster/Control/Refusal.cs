using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>
/// Turns the answer of a decision that could not be written, because the disk has no space for now, into one that says
/// so: KAFKA_STORAGE_ERROR, which clients try again, for everything that would have been done.
/// </summary>
internal static class Refusal
{
    private const short Error = (short)ErrorCode.KafkaStorageError;
    private const string Why = "The metadata log cannot be written now: is the disk full?";

    /// <summary>What has an error of its own keeps it. An answer without a place for errors becomes the default.</summary>
    public static T? Of<T>(T answer)
    {
        switch (answer)
        {
            case CreateTopicsResponse topics:
                topics.Topics.Where(one => one.ErrorCode == 0).ToList().ForEach(Refuse);
                break;
            case DeleteTopicsResponse topics:
                Refuse(
                    topics.Responses,
                    one => one.ErrorCode == 0,
                    one => (one.ErrorCode, one.ErrorMessage) = (Error, Why)
                );
                break;
            case CreatePartitionsResponse topics:
                Refuse(
                    topics.Results,
                    one => one.ErrorCode == 0,
                    one => (one.ErrorCode, one.ErrorMessage) = (Error, Why)
                );
                break;
            case IncrementalAlterConfigsResponse configs:
                Refuse(
                    configs.Responses,
                    one => one.ErrorCode == 0,
                    one => (one.ErrorCode, one.ErrorMessage) = (Error, Why)
                );
                break;
            case AlterConfigsResponse configs:
                Refuse(
                    configs.Responses,
                    one => one.ErrorCode == 0,
                    one => (one.ErrorCode, one.ErrorMessage) = (Error, Why)
                );
                break;
            case AlterClientQuotasResponse quotas:
                Refuse(
                    quotas.Entries,
                    one => one.ErrorCode == 0,
                    one => (one.ErrorCode, one.ErrorMessage) = (Error, Why)
                );
                break;
            case AlterUserScramCredentialsResponse users:
                Refuse(
                    users.Results,
                    one => one.ErrorCode == 0,
                    one => (one.ErrorCode, one.ErrorMessage) = (Error, Why)
                );
                break;
            case ElectLeadersResponse elections:
                elections.ErrorCode = Error;
                break;
            case AlterPartitionReassignmentsResponse moves:
                (moves.ErrorCode, moves.ErrorMessage) = (Error, Why);
                break;
            case UpdateFeaturesResponse features:
                (features.ErrorCode, features.ErrorMessage) = (Error, Why);
                break;
            case UnregisterBrokerResponse broker:
                (broker.ErrorCode, broker.ErrorMessage) = (Error, Why);
                break;
            default:
                return default;
        }
        return answer;
    }

    private static void Refuse(CreateTopicsResponse.CreatableTopicResult topic)
    {
        topic.ErrorCode = Error;
        topic.ErrorMessage = Why;
        topic.TopicId = default;
        topic.NumPartitions = -1;
        topic.ReplicationFactor = -1;
        topic.Configs = null;
    }

    private static void Refuse<TOne>(List<TOne> all, Func<TOne, bool> isDone, Action<TOne> refuse) =>
        all.Where(isDone).ToList().ForEach(refuse);
}
