using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.Regexes;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// Finds the topics that regular expressions match, when an expression is new and when topics come or go. A member subscribes to nothing until its expression is resolved. Runs on the shard's core, in pieces.
/// </summary>
internal sealed class RegexResolution(GroupShard shard)
{
    /// <summary>Names that are matched between two chances for the core to do other work: well under a millisecond.</summary>
    private const int NamesPerPiece = 500;

    private const int RefreshDelayMs = 100;

    private long _newest;
    private bool _isScheduled;

    public void Begin(ConsumerGroup group, string expression, LinearRegex regex) =>
        _ = ResolveAsync(group, new Dictionary<string, LinearRegex> { [expression] = regex });

    /// <summary>
    /// Topics were made or deleted: the shard's expressions are looked at again, a moment later and once for many changes.
    /// </summary>
    public void ScheduleRefresh(long imageOffset)
    {
        _newest = imageOffset;
        if (!_isScheduled && shard.Groups.Any(group => group is ConsumerGroup { Regexes.Count: > 0 }))
        {
            Schedule();
        }
    }

    private void Schedule()
    {
        _isScheduled = true;
        shard.Core.Timers.Schedule(
            shard.Core.NowMillis + RefreshDelayMs,
            new TimerAction(() =>
            {
                _isScheduled = false;
                RefreshAll();
            }),
            0
        );
    }

    private void RefreshAll()
    {
        if (shard.State != ShardState.Active)
        {
            return;
        }
        if (shard.Metadata.Image.Offset < _newest)
        {
            Schedule();
            return;
        }
        foreach (ConsumerGroup group in shard.Groups.OfType<ConsumerGroup>())
        {
            Refresh(group);
        }
    }

    private void Refresh(ConsumerGroup group)
    {
        if (group.Regexes.Count == 0)
        {
            return;
        }
        if (group.IsResolving)
        {
            group.MustResolveAgain = true;
            return;
        }
        Dictionary<string, LinearRegex> regexes = [];
        foreach (string expression in group.Regexes.Keys)
        {
            if (LinearRegex.Parse(expression, out _) is { } regex)
            {
                regexes[expression] = regex;
            }
        }
        _ = ResolveAsync(group, regexes);
    }

    private async Task ResolveAsync(ConsumerGroup group, Dictionary<string, LinearRegex> regexes)
    {
        group.IsResolving = true;
        // The heartbeat that brought the expression is answered first.
        await Task.Yield();
        MetadataImage image;
        Dictionary<string, List<string>> found;
        do
        {
            group.MustResolveAgain = false;
            image = shard.Metadata.Image;
            found = await MatchAsync(image, regexes);
        } while (group.MustResolveAgain);
        group.IsResolving = false;
        if (shard.FindConsumer(group.GroupId) != group || shard.State != ShardState.Active)
        {
            return;
        }
        GroupWrite write = new(shard);
        bool changesTopics = false;
        foreach ((string expression, List<string> topics) in found)
        {
            bool isNew = !group.Regexes.TryGetValue(expression, out ResolvedRegex? before);
            if (group.UsesRegex(expression) && (isNew || !before!.Topics.SequenceEqual(topics)))
            {
                changesTopics |= topics.Count > 0 || before is { Topics.Count: > 0 };
                write.Add(
                    ConsumerGroupRecords.Regex(
                        group.GroupId,
                        expression,
                        new ResolvedRegex(topics, image.Offset, shard.Core.WallMillis)
                    )
                );
            }
        }
        if (!write.IsEmpty)
        {
            shard.Targets.FollowMetadata(write, group, changesTopics);
            shard.Targets.Follow(write, group);
            await write.CommitAsync();
        }
    }

    private static async Task<Dictionary<string, List<string>>> MatchAsync(
        MetadataImage image,
        Dictionary<string, LinearRegex> regexes
    )
    {
        Dictionary<string, List<string>> found = regexes.Keys.ToDictionary(key => key, _ => new List<string>());
        int names = 0;
        foreach (TopicImage topic in image.Topics)
        {
            foreach ((string expression, LinearRegex regex) in regexes)
            {
                if (!topic.IsInternal && regex.IsMatch(topic.Name))
                {
                    found[expression].Add(topic.Name);
                }
            }
            if (++names % NamesPerPiece == 0)
            {
                await Task.Yield();
            }
        }
        return found;
    }
}
