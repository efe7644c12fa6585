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

    private readonly Dictionary<string, Task> _underWay = [];

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
        CreateTopicsRequest.CreatableTopic topic =
            server.Server.InternalTopics.Settings(name)
            ?? new()
            {
                Name = name,
                NumPartitions = -1,
                ReplicationFactor = -1,
            };
        creation = CreateAsync(topic);
        if (!creation.IsCompleted)
        {
            _underWay[name] = creation;
        }
        return creation;
    }

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
}
