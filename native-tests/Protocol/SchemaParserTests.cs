using Aot.Broker.Protocol.Generator;

namespace Aot.Broker.Protocol.Tests;

public sealed class SchemaParserTests
{
    [Fact]
    public void A_file_states_an_api_with_its_request_and_response()
    {
        SchemaFile file = SchemaParser.Parse(
            """
            # a comment
            api 22 InitProducerId on broker

            request 0-6 flexible 2+ unstable
              struct Pair 3+
                Left: int8 3+ default -1
              Pairs: []Pair 3+ nullable 4+ tag 2 default null ignorable
              Name: string 0-1 key entity topicName
            response none
            """
        );
        Assert.True(file.Api is { Number: 22, Name: "InitProducerId", OnBroker: true, OnController: false });
        SchemaMessage request = file.Messages[0];
        Assert.Equal("InitProducerIdRequest", request.Name);
        Assert.Equal(
            ("0-6", "2+", true),
            (request.Versions.ToString(), request.Flexible.ToString(), request.LatestUnstable)
        );
        Assert.Equal("-1", request.Structs.Single().Fields.Single().Default);
        SchemaField pairs = request.Fields[0];
        Assert.True(pairs is { IsArray: true, Type: "Pair", Tag: 2, Default: "null", IsIgnorable: true, IsKey: false });
        Assert.Equal(
            ("3+", "4+", "3+"),
            (pairs.Versions.ToString(), pairs.Nullable.ToString(), pairs.TagVersions.ToString())
        );
        Assert.True(request.Fields[1] is { Name: "Name", IsKey: true, Entity: "topicName", IsTagged: false });
        Assert.True(file.Messages[1].Versions.IsEmpty);
    }

    [Theory]
    [InlineData("nonsense 1", 1)]
    [InlineData("data A 0\n   X: int8 0+", 2)]
    [InlineData("data A 0\n    X: int8 0+", 2)]
    [InlineData("data A 0\n\n  X int8 0+", 3)]
    [InlineData("data A 0\n  X: int8 zero", 2)]
    [InlineData("data A 0\n  X: int8 0+ tag", 2)]
    [InlineData("data A 0\n  X: int8 0+ sometimes", 2)]
    [InlineData("data A x+", 1)]
    [InlineData("request 0", 1)]
    [InlineData("api one Name", 1)]
    public void What_is_wrong_is_reported_with_its_line(string text, int line) =>
        Assert.Equal(line, Assert.Throws<SchemaException>(() => SchemaParser.Parse(text)).Line);
}
