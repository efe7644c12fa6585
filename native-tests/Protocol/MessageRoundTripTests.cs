using Aot.Broker.Protocol.Generator;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

/// <summary>Every message in every version against random bytes made from its schema; a failure names the seed.</summary>
public sealed class MessageRoundTripTests
{
    private const int SeedsPerVersion = 12;

    public static TheoryData<string> Names => [.. SchemaFiles.Messages.Select(message => message.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_read_is_written_back_byte_for_byte(string name)
    {
        SchemaMessage schema = SchemaFiles.Message(name);
        MessageAccess access = MessageAccess.For(name);
        for (int version = schema.Versions.Lowest; version <= schema.Versions.Highest; version++)
        {
            for (int seed = 0; seed < SeedsPerVersion; seed++)
            {
                byte[] bytes = new MessageBytes(schema, version, new Random(seed)).Make();
                WireReader reader = new(bytes);
                Assert.True(access.TryRead(ref reader, (short)version, out object message), $"v{version} seed {seed}");
                Assert.Equal((version, seed, 0), (version, seed, reader.Remaining));
                byte[] written = MessageAccess.Write(message, (short)version);
                Assert.True(bytes.AsSpan().SequenceEqual(written), $"v{version} seed {seed}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_truncated_message_is_refused_at_every_length(string name)
    {
        SchemaMessage schema = SchemaFiles.Message(name);
        MessageAccess access = MessageAccess.For(name);
        for (int version = schema.Versions.Lowest; version <= schema.Versions.Highest; version++)
        {
            byte[] bytes = new MessageBytes(schema, version, new Random(version)).Make();
            for (int length = 0; length < Math.Min(bytes.Length, 2000); length++)
            {
                WireReader reader = new(bytes.AsSpan(0, length));
                Assert.False(access.TryRead(ref reader, (short)version, out _), $"v{version} length {length}");
                Assert.Equal(0, reader.Remaining);
            }
        }
    }

    /// <summary>Damaged bytes may still be a message; then it can be written, and reads as the same again.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Damaged_bytes_never_throw_and_never_make_a_message_that_cannot_be_written(string name)
    {
        SchemaMessage schema = SchemaFiles.Message(name);
        MessageAccess access = MessageAccess.For(name);
        for (int version = schema.Versions.Lowest; version <= schema.Versions.Highest; version++)
        {
            Random random = new(version);
            for (int round = 0; round < 60; round++)
            {
                byte[] bytes = new MessageBytes(schema, version, new Random(round % 5)).Make();
                for (int i = random.Next(1, 4); i > 0 && bytes.Length > 0; i--)
                {
                    bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)0xFF : (byte)random.Next(256);
                }
                WireReader reader = new(bytes);
                if (!access.TryRead(ref reader, (short)version, out object message))
                {
                    continue;
                }
                byte[] written = MessageAccess.Write(message, (short)version);
                WireReader again = new(written);
                Assert.True(access.TryRead(ref again, (short)version, out object same), $"v{version} round {round}");
                Assert.Equal(written, MessageAccess.Write(same, (short)version));
            }
        }
    }

    /// <summary>A count or length of 2^31 - 1 anywhere must not reserve more than a message of that size could hold.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_hostile_count_reserves_nothing(string name)
    {
        SchemaMessage schema = SchemaFiles.Message(name);
        MessageAccess access = MessageAccess.For(name);
        byte[][] hostile =
        [
            [0x7F, 0xFF, 0xFF, 0xFF],
            [0xFF, 0xFF, 0xFF, 0xFF, 0x07],
            [0x7F, 0xFF],
            [0x80, 0, 0, 0],
        ];
        int version = schema.Versions.Highest;
        byte[] sound = new MessageBytes(schema, version, new Random(1)).Make();
        for (int at = 0; at < Math.Min(sound.Length, 500); at++)
        {
            foreach (byte[] count in hostile.Where(count => at + count.Length <= sound.Length))
            {
                byte[] bytes = [.. sound];
                count.CopyTo(bytes, at);
                long before = GC.GetAllocatedBytesForCurrentThread();
                WireReader reader = new(bytes);
                access.TryRead(ref reader, (short)version, out _);
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                Assert.True(allocated < 8192 + (200L * bytes.Length), $"{allocated} bytes at {at}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_constants_and_defaults_are_those_of_the_schema(string name)
    {
        SchemaMessage schema = SchemaFiles.Message(name);
        MessageAccess access = MessageAccess.For(name);
        Assert.Equal(schema.Versions.Lowest, access.Constant("LowestVersion"));
        Assert.Equal(schema.Versions.Highest, access.Constant("HighestVersion"));
        VersionRange flexible = schema.Flexible.And(schema.Versions);
        Assert.Equal(flexible.IsEmpty ? short.MaxValue : flexible.Lowest, access.Constant("FlexibleSince"));
        object message = access.New();
        foreach (SchemaField field in schema.Fields.Where(field => !field.Versions.And(schema.Versions).IsEmpty))
        {
            object? value = message.GetType().GetProperty(field.Name)!.GetValue(message);
            bool isNull =
                field.Default == "null"
                || (field.Type == "records" && !field.Nullable.IsEmpty)
                || (field.IsStruct && !field.IsArray && field.IsTagged && field.Nullable.IsEmpty);
            Assert.Equal((field.Name, isNull), (field.Name, value is null));
            string text = value switch
            {
                null => "null",
                bool flag => flag ? "true" : "",
                System.Collections.ICollection list => list.Count == 0 ? "" : "not empty",
                Base.KafkaUuid uuid => uuid.IsZero ? "" : "not zero",
                _ when field.IsStruct => "",
                _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!,
            };
            Assert.Equal(
                (field.Name, field.Default),
                (
                    field.Name,
                    isNull ? field.Default
                    : text is "0" ? ""
                    : text
                )
            );
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_version_that_the_message_does_not_have_is_refused_on_both_sides(string name)
    {
        SchemaMessage schema = SchemaFiles.Message(name);
        MessageAccess access = MessageAccess.For(name);
        foreach (int version in (int[])[schema.Versions.Lowest - 1, schema.Versions.Highest + 1])
        {
            WireReader reader = new(new byte[200]);
            Assert.False(access.TryRead(ref reader, (short)version, out _));
            Assert.Throws<InvalidOperationException>(() => MessageAccess.Measure(access.New(), (short)version));
        }
    }
}
