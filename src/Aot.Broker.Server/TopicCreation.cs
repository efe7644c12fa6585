using Aot.Broker.Base;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server;

/// <summary>
/// Topics that come into being because somebody asked for them: unknown topics of clients, and the topics of coordinators.
/// One creation per name is under way at a time on this core; the controller settles what two cores ask for at once.
/// </summary>
internal sealed class TopicCreation(ServerCore server) : IStateTopicCreation
{
    private const int TimeoutMillis = 30_000;

    /// <summary>How long a failure is told: two heartbeats of a streams group with default settings.</summary>
    private const int FailureMillis = 10_000;

    private const int FailuresMax = 1_000;

    private readonly Dictionary<string, Task> _underWay = [];
    private readonly Dictionary<string, CreationFailure> _failures = [];

    /// <summary>Begins to create a topic with the broker's defaults, and says what the client that asked is told meanwhile.</summary>
    public ErrorCode Begin(string name)
    {
        _ = WhenMadeAsync(name);
        return ErrorCode.UnknownTopicOrPartition;
    }

    /// <summary>Ends when the attempt to create the topic has ended; whether it is there, the core's image says.</summary>
    public Task WhenMadeAsync(string name)
    {
        if (_underWay.TryGetValue(name, out Task? creation))
        {
            return creation;
        }
        return WhenMadeAsync(
            server.Server.InternalTopics.Settings(name)
                ?? new()
                {
                    Name = name,
                    NumPartitions = -1,
                    ReplicationFactor = -1,
                }
        );
    }

    /// <summary>As the other form, of a topic with settings of its own.</summary>
    public Task WhenMadeAsync(CreateTopicsRequest.CreatableTopic topic)
    {
        if (_underWay.TryGetValue(topic.Name, out Task? creation))
        {
            return creation;
        }
        creation = CreateAsync(topic);
        if (!creation.IsCompleted)
        {
            _underWay[topic.Name] = creation;
        }
        return creation;
    }

    /// <summary>Why the last attempt of this core to create the topic failed; null when it did not, or long ago.</summary>
    public string? FailureOf(string name) =>
        _failures.TryGetValue(name, out CreationFailure? failure) && server.Core.NowMillis < failure.ForgottenAtMs
            ? failure.Why
            : null;

    private async Task CreateAsync(CreateTopicsRequest.CreatableTopic topic)
    {
        try
        {
            CreateTopicsRequest request = new() { Topics = [topic], TimeoutMs = TimeoutMillis };
            CreateTopicsResponse response = await server.Server.Controller.CreateTopicsAsync(server.Core, request);
            foreach (CreateTopicsResponse.CreatableTopicResult result in response.Topics)
            {
                if (result.ErrorCode is not (0 or (short)ErrorCode.TopicAlreadyExists))
                {
                    Remember(result);
                    server.Log.Warn(
                        "a topic could not be created automatically",
                        ("topic", result.Name),
                        ("error", (ErrorCode)result.ErrorCode),
                        ("why", result.ErrorMessage)
                    );
                }
            }
        }
        catch (Exception bug)
        {
            server.Log.Bug("the automatic creation of a topic failed", bug);
        }
        finally
        {
            _underWay.Remove(topic.Name);
        }
    }

    private void Remember(CreateTopicsResponse.CreatableTopicResult result)
    {
        if (_failures.Count >= FailuresMax)
        {
            _failures.Clear();
        }
        string why = result.ErrorMessage ?? ((ErrorCode)result.ErrorCode).ToString();
        _failures[result.Name] = new CreationFailure(why, server.Core.NowMillis + FailureMillis);
    }

    private sealed record CreationFailure(string Why, long ForgottenAtMs);
}
