using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Faults.Tests;

/// <summary>An administrator who makes topics, writes to them and deletes them, over many lives of a broker.</summary>
internal sealed class TopicChurn
{
    private const string Prefix = "churn-";
    private const int AliveMax = 3;
    private const int Partitions = 2;
    private const int RecordsCount = 3;

    /// <summary>Topics whose making was answered, oldest first, and whether their records were acknowledged.</summary>
    private readonly List<(string Name, bool IsWritten)> _alive = [];

    /// <summary>Topics whose making or deletion was not answered.</summary>
    private readonly HashSet<string> _open = [];
    private int _made;

    public int Made => _made;

    public void Run(BrokerProcess broker) =>
        UntilGone.Run(
            broker,
            connection =>
            {
                if (_alive.Count < AliveMax)
                {
                    Make(connection);
                }
                else
                {
                    DeleteOldest(connection);
                }
            }
        );

    /// <summary>
    /// What was made is there with its records, what was deleted is not, and what was not answered is one or the other.
    /// </summary>
    public void Check(BrokerProcess broker)
    {
        using KafkaConnection connection = new(broker);
        HashSet<string> found = Names(connection);
        foreach ((string name, bool isWritten) in _alive)
        {
            Assert.True(found.Remove(name), $"{name} was made and is gone");
            long records = connection.ReadAll(name, 0, 0, (_, _) => { });
            Assert.True(records == RecordsCount || (records == 0 && !isWritten), $"{name} has {records} records");
        }
        foreach (string name in found)
        {
            Assert.True(_open.Contains(name), $"{name} was deleted and is back");
            Delete(connection, name);
        }
        _open.Clear();
    }

    /// <summary>Whether no directory is left of a topic that is gone.</summary>
    public bool HasOnlyItsDirectories(BrokerProcess broker)
    {
        HashSet<string> expected =
        [
            .. _alive.SelectMany(topic => Enumerable.Range(0, Partitions).Select(index => $"{topic.Name}-{index}")),
        ];
        HashSet<string> found =
        [
            .. Directory
                .GetDirectories(broker.DataDirectory, Prefix + "*")
                .Select(path => Path.GetFileName(path))
                .Where(name => !name.Contains('.', StringComparison.Ordinal)),
        ];
        return found.SetEquals(expected);
    }

    private static void Delete(KafkaConnection connection, string name)
    {
        DeleteTopicsResponse answer = connection.Call<DeleteTopicsResponse>(
            ApiKey.DeleteTopics,
            5,
            new DeleteTopicsRequest { TopicNames = [name], TimeoutMs = 30_000 },
            DeleteTopicsResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)answer.Responses[0].ErrorCode);
    }

    private static HashSet<string> Names(KafkaConnection connection)
    {
        MetadataResponse answer = connection.Call<MetadataResponse>(
            ApiKey.Metadata,
            12,
            new MetadataRequest { Topics = null },
            MetadataResponse.TryRead
        );
        return
        [
            .. answer
                .Topics.Select(topic => topic.Name!)
                .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)),
        ];
    }

    private void Make(KafkaConnection connection)
    {
        string name = $"{Prefix}{_made++}";
        _open.Add(name);
        connection.CreateTopic(name, Partitions);
        _open.Remove(name);
        _alive.Add((name, false));
        ErrorCode error = (ErrorCode)connection.Produce(name, 0, Batches.Numbered(0, 0, RecordsCount, 0)).ErrorCode;
        Assert.Equal(ErrorCode.None, error);
        _alive[^1] = (name, true);
    }

    private void DeleteOldest(KafkaConnection connection)
    {
        string name = _alive[0].Name;
        _alive.RemoveAt(0);
        _open.Add(name);
        Delete(connection, name);
        _open.Remove(name);
    }
}
