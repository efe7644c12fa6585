using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster.Tests;

/// <summary>Log directories that take no new partitions (KIP-1066).</summary>
public sealed class CordonTests
{
    private const string Setting = "cordoned.log.dirs";

    [Fact]
    public async Task A_cordoned_directory_takes_no_new_partitions_also_after_a_restart()
    {
        await using NodeRig rig = new(directories: 2);
        await rig.StartAsync();
        Assert.Equal((ErrorCode.None, null), await CordonAsync(rig, rig.Paths[0]));
        Assert.Equal(ErrorCode.None, await CreateAsync(rig, "one"));
        await rig.StopAsync();

        await rig.StartAsync();
        Assert.Equal(ErrorCode.None, await CreateAsync(rig, "two"));
        MetadataImage image = await rig.ImageOf(0);
        KafkaUuid open = rig.Directories.All.Single(each => each.Path == rig.Paths[1]).Meta!.DirectoryId;
        foreach (TopicImage topic in image.Topics)
        {
            Assert.All(topic.Partitions, partition => Assert.Equal(open, partition.DirectoryOf(1)));
        }
        Assert.False(image.Broker(1)!.IsCordoned(open));
    }

    [Fact]
    public async Task With_all_directories_cordoned_there_is_no_room_for_a_topic_until_one_is_free()
    {
        await using NodeRig rig = new(directories: 2);
        await rig.StartAsync();
        await CordonAsync(rig, "*");
        Assert.Equal(ErrorCode.InvalidReplicationFactor, await CreateAsync(rig, "none"));
        await CordonAsync(rig, "");
        Assert.Equal(ErrorCode.None, await CreateAsync(rig, "some"));
        Assert.Empty((await rig.ImageOf(1)).Broker(1)!.CordonedDirectories!);
    }

    [Fact]
    public async Task Only_the_brokers_own_directories_can_be_cordoned()
    {
        await using NodeRig rig = new();
        await rig.StartAsync();
        (ErrorCode error, string? message) = await CordonAsync(rig, "/nowhere");
        Assert.Equal(ErrorCode.InvalidRequest, error);
        Assert.Contains("/nowhere", message);
    }

    private static async Task<(ErrorCode Error, string? Message)> CordonAsync(NodeRig rig, string paths)
    {
        IncrementalAlterConfigsRequest request = new()
        {
            Resources =
            [
                new IncrementalAlterConfigsRequest.AlterConfigsResource
                {
                    ResourceType = (sbyte)ConfigResourceKind.Broker,
                    ResourceName = "1",
                    Configs = [new IncrementalAlterConfigsRequest.AlterableConfig { Name = Setting, Value = paths }],
                },
            ],
        };
        IncrementalAlterConfigsResponse response = await rig.OnCore(
            0,
            core => rig.Node.Controller.IncrementalAlterConfigsAsync(core, request)
        );
        return ((ErrorCode)response.Responses[0].ErrorCode, response.Responses[0].ErrorMessage);
    }

    private static async Task<ErrorCode> CreateAsync(NodeRig rig, string name)
    {
        CreateTopicsRequest request = new() { Topics = [Plans.Topic(name, partitions: 3)] };
        CreateTopicsResponse response = await rig.OnCore(
            0,
            core => rig.Node.Controller.CreateTopicsAsync(core, request)
        );
        return (ErrorCode)response.Topics[0].ErrorCode;
    }
}
