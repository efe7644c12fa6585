using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>A consumer's membership in a group that reads one topic. It beats when its owner asks for it, not by itself.</summary>
internal abstract class GroupMember(World world, Administrator connection, TopicUnderTest topic, string group)
{
    protected World World { get; } = world;

    protected Administrator Connection { get; } = connection;

    protected TopicUnderTest Topic { get; } = topic;

    protected string Group { get; } = group;

    public string Id { get; protected set; } = "";

    /// <summary>Generation, or member epoch.</summary>
    public int Epoch { get; protected set; }

    /// <summary>The partitions that are this member's.</summary>
    public int[] Assignment { get; protected set; } = [];

    /// <summary>
    /// Tells the group that the member is there, and joins it where that has to be. False: the assignment is another one
    /// from now on, or was in between, and positions have to be asked for.
    /// </summary>
    public abstract Task<bool> BeatAsync();

    /// <summary>What is committed for the member's partitions (0 where nothing is); null: not known now.</summary>
    public async Task<Dictionary<int, long>?> FetchOffsetsAsync(IReadOnlyList<int> partitions)
    {
        Dictionary<int, long>? offsets = null;
        await Connection.UntilDoneAsync(async client =>
        {
            OffsetFetchResponse response = await client.CallAsync<OffsetFetchResponse>(
                ApiKey.OffsetFetch,
                7,
                new OffsetFetchRequest
                {
                    GroupId = Group,
                    Topics = [new() { Name = Topic.Name, PartitionIndexes = [.. partitions] }],
                    RequireStable = true,
                },
                OffsetFetchResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.ErrorCode;
            if (IsForLater(error))
            {
                return false;
            }
            World.Check(error == ErrorCode.None, $"OffsetFetch of {Group}: {error}");
            Dictionary<int, long> found = [];
            foreach (OffsetFetchResponse.OffsetFetchResponsePartition each in response.Topics[0].Partitions)
            {
                ErrorCode one = (ErrorCode)each.ErrorCode;
                World.Check(
                    one is ErrorCode.None or ErrorCode.UnstableOffsetCommit,
                    $"OffsetFetch of {Group}, partition {each.PartitionIndex}: {one}"
                );
                if (one != ErrorCode.None)
                {
                    return true;
                }
                found[each.PartitionIndex] = Math.Max(0, each.CommittedOffset);
            }
            offsets = found;
            return true;
        });
        return offsets;
    }

    protected static bool IsForLater(ErrorCode error) =>
        error is ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable or ErrorCode.NotCoordinator;

    /// <summary>The topic of the groups is made by the first who looks for a coordinator.</summary>
    protected async Task<bool> IsForLaterAsync(WireClient client, ErrorCode error)
    {
        if (error is ErrorCode.NotCoordinator or ErrorCode.CoordinatorNotAvailable)
        {
            await client.CallAsync<FindCoordinatorResponse>(
                ApiKey.FindCoordinator,
                4,
                new FindCoordinatorRequest { CoordinatorKeys = [Group] },
                FindCoordinatorResponse.TryRead
            );
        }
        return IsForLater(error);
    }
}
