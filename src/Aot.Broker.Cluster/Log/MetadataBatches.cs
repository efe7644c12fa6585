using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Cluster;

/// <summary>Batches of the metadata log and of its snapshots as bytes.</summary>
internal static class MetadataBatches
{
    /// <summary>One batch: it is in the log as a whole or not at all.</summary>
    public static byte[] OfRecords(IReadOnlyList<MetadataRecord> records, long baseOffset, int epoch, long timestampMs)
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions { BaseOffset = baseOffset, PartitionLeaderEpoch = epoch }
        );
        foreach (MetadataRecord record in records)
        {
            builder.Append(timestampMs, NullableBytes.Null, MetadataRecordCodec.Encode(record));
        }
        return builder.ToArray();
    }

    /// <summary>What a leader writes first in its epoch; with kraft.version 1 the version and the voters follow.</summary>
    public static byte[] LeaderChange(
        int leaderId,
        int[] voters,
        long baseOffset,
        int epoch,
        long timestampMs,
        VoterImage[]? votersInLog
    )
    {
        LeaderChangeMessage message = new()
        {
            Version = 0,
            LeaderId = leaderId,
            Voters = [.. voters.Select(static id => new LeaderChangeMessage.Voter { VoterId = id })],
            GrantingVoters = [new LeaderChangeMessage.Voter { VoterId = leaderId }],
        };
        byte[] value = new byte[message.Measure(0)];
        WireWriter writer = new(value);
        message.Write(ref writer, 0);
        return ControlBatch.LeaderChange(
            new RecordBatchOptions { BaseOffset = baseOffset, PartitionLeaderEpoch = epoch },
            timestampMs,
            value,
            votersInLog is null ? null : (short)1,
            votersInLog is null ? null : VotersValue(votersInLog)
        );
    }

    /// <summary>What brings a log that names no voters to kraft.version 1.</summary>
    public static byte[] VersionAndVoters(VoterImage[] voters, long baseOffset, int epoch, long timestampMs) =>
        ControlBatch.VersionAndVoters(
            new RecordBatchOptions { BaseOffset = baseOffset, PartitionLeaderEpoch = epoch },
            timestampMs,
            kraftVersion: 1,
            VotersValue(voters)
        );

    public static byte[] VotersValue(VoterImage[] voters)
    {
        VotersRecord record = new()
        {
            Version = 0,
            Voters =
            [
                .. voters.Select(static voter => new VotersRecord.Voter
                {
                    VoterId = voter.Id,
                    VoterDirectoryId = voter.DirectoryId,
                    Endpoints =
                    [
                        .. voter.EndPoints.Select(static endPoint => new VotersRecord.Endpoint
                        {
                            Name = endPoint.Name,
                            Host = endPoint.Host,
                            Port = (ushort)endPoint.Port,
                        }),
                    ],
                    KRaftVersionFeature =
                    {
                        MinSupportedVersion = voter.KRaftVersionLowest,
                        MaxSupportedVersion = voter.KRaftVersionHighest,
                    },
                }),
            ],
        };
        byte[] value = new byte[record.Measure(0)];
        WireWriter writer = new(value);
        record.Write(ref writer, 0);
        return value;
    }

    public static VoterImage[]? TryReadVoters(ReadOnlySpan<byte> value)
    {
        WireReader reader = new(value);
        if (!VotersRecord.TryRead(ref reader, 0, out VotersRecord? record))
        {
            return null;
        }
        List<VoterImage> voters = [];
        foreach (VotersRecord.Voter voter in record.Voters)
        {
            voters.Add(
                new VoterImage(
                    voter.VoterId,
                    voter.VoterDirectoryId,
                    [
                        .. voter.Endpoints.Select(static endPoint => new EndPointImage(
                            endPoint.Name,
                            endPoint.Host,
                            endPoint.Port,
                            0
                        )),
                    ],
                    voter.KRaftVersionFeature.MinSupportedVersion,
                    voter.KRaftVersionFeature.MaxSupportedVersion
                )
            );
        }
        return [.. voters];
    }
}
