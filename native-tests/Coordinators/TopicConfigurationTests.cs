using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Stored = Aot.Broker.Protocol.Messages.StreamsGroupTopologyValue;

namespace Aot.Broker.Coordinators.Tests;

public class TopicConfigurationTests
{
    [Fact]
    public void Internal_topics_get_as_many_partitions_as_the_inputs_have()
    {
        Stored.Subtopology reads = new()
        {
            SubtopologyId = "0",
            SourceTopics = ["in"],
            RepartitionSinkTopics = ["re"],
        };
        Stored.Subtopology counts = Counting("1", "re");
        ConfiguredTopology found = Find([reads, counts], ("in", 6));
        Assert.Equal(StreamsStatus.MissingInternalTopics, found.Problem!.Status);
        Assert.Equal("Internal topics are missing: re, 1-changelog", found.Problem.Detail);
        Assert.Equal(
            [("re", 6), ("1-changelog", 6)],
            found.MissingTopics.Select(topic => (topic.Name, topic.NumPartitions))
        );
        Assert.Equal([6, 6], found.Subtopologies!.Select(one => one.TaskCount));
        Assert.Equal([false, true], found.Subtopologies!.Select(one => one.IsStateful));
        Assert.True(Find([reads, counts], ("in", 6), ("re", 6), ("1-changelog", 6)).IsReady);
    }

    [Fact]
    public void Missing_sources_are_named_and_many_are_summed_up()
    {
        Stored.Subtopology reads = new() { SubtopologyId = "0", SourceTopics = ["d", "b", "e", "a", "c"] };
        ConfiguredTopology found = Find([reads], ("b", 1));
        Assert.Equal(
            new TopicProblem(
                StreamsStatus.MissingSourceTopics,
                "Source topics a, c, d and 1 additional topics are missing."
            ),
            found.Problem
        );
        Assert.Null(found.Subtopologies);
    }

    [Fact]
    public void Topics_that_are_joined_must_be_cut_alike()
    {
        Stored.Subtopology joins = new()
        {
            SubtopologyId = "0",
            SourceTopics = ["left", "right"],
            CopartitionGroups = [new Stored.CopartitionGroup { SourceTopics = [0, 1] }],
        };
        Assert.True(Find([joins], ("left", 3), ("right", 3)).IsReady);
        Assert.Equal(
            new TopicProblem(
                StreamsStatus.IncorrectlyPartitionedTopics,
                "Following topics do not have the same number of partitions: [{left=3, right=4}]"
            ),
            Find([joins], ("left", 3), ("right", 4)).Problem
        );
    }

    [Fact]
    public void A_repartition_topic_follows_the_topic_that_it_is_joined_with()
    {
        Stored.Subtopology writes = new()
        {
            SubtopologyId = "0",
            SourceTopics = ["wide"],
            RepartitionSinkTopics = ["re"],
        };
        Stored.Subtopology joins = Counting("1", "re");
        joins.SourceTopics = ["narrow"];
        joins.CopartitionGroups = [new Stored.CopartitionGroup { SourceTopics = [0], RepartitionSourceTopics = [0] }];
        ConfiguredTopology found = Find([writes, joins], ("wide", 8), ("narrow", 2));
        Assert.Equal(2, found.Partitions["re"]);
        joins.RepartitionSourceTopics[0].Partitions = 5;
        Assert.Equal(
            "Number of partitions [5] of repartition topic [re] doesn't match number of partitions [2] of the source "
                + "topic.",
            Find([writes, joins], ("wide", 8), ("narrow", 2)).Problem!.Detail
        );
    }

    [Fact]
    public void An_internal_topic_of_another_size_is_a_problem()
    {
        ConfiguredTopology found = Find([Counting("0", null)], ("in", 4), ("0-changelog", 3));
        Assert.Equal(
            "Existing topic 0-changelog has different number of partitions: expected 4, found 3",
            found.Problem!.Detail
        );
    }

    [Fact]
    public void A_topology_that_no_topics_can_fit_is_refused()
    {
        Stored.Subtopology loop = Counting("0", "re");
        loop.RepartitionSinkTopics = ["re"];
        Assert.StartsWith("Failed to compute number of partitions for all repartition topics. There", Refused(loop));
        Assert.StartsWith(
            "Failed to compute number of partitions for all repartition topics, because",
            Refused(Counting("0", "re"))
        );
        Assert.Equal(
            "No source topics found for subtopology 0",
            Refused(new Stored.Subtopology { SubtopologyId = "0" })
        );
        Stored.Subtopology wrong = Counting("0", null);
        wrong.CopartitionGroups = [new Stored.CopartitionGroup { SourceTopics = [7] }];
        Assert.StartsWith("A copartition group names topic 7", Refused(wrong));
    }

    private static Stored.Subtopology Counting(string id, string? repartition) =>
        new()
        {
            SubtopologyId = id,
            SourceTopics = repartition is null ? ["in"] : [],
            RepartitionSourceTopics = repartition is null ? [] : [new Stored.TopicInfo { Name = repartition }],
            StateChangelogTopics = [new Stored.TopicInfo { Name = $"{id}-changelog" }],
        };

    private static ConfiguredTopology Find(
        Stored.Subtopology[] subtopologies,
        params (string Name, int Partitions)[] topics
    )
    {
        ConfiguredTopology? found = Search(subtopologies, topics, out Refusal refusal);
        Assert.True(found is not null, refusal.Message);
        return found;
    }

    private static string Refused(Stored.Subtopology subtopology)
    {
        Assert.Null(Search([subtopology], [("in", 4)], out Refusal refusal));
        Assert.Equal(ErrorCode.StreamsInvalidTopology, refusal.Error);
        return refusal.Message;
    }

    private static ConfiguredTopology? Search(
        Stored.Subtopology[] subtopologies,
        (string Name, int Partitions)[] topics,
        out Refusal refusal
    )
    {
        Dictionary<string, int> existing = topics.ToDictionary(topic => topic.Name, topic => topic.Partitions);
        return TopicConfiguration.Find(
            new StreamsTopology(new StreamsGroupTopologyValue { Epoch = 1, Subtopologies = [.. subtopologies] }),
            name => existing.TryGetValue(name, out int partitions) ? partitions : null,
            out refusal
        );
    }
}
