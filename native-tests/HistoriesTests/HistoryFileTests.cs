namespace Aot.Broker.Histories.Tests;

public class HistoryFileTests
{
    [Theory]
    [InlineData("""{"process":"0","type":"invoke","f":"send","value":[["send","t-0","a"]],"time":1}""")]
    [InlineData("""{"process":"0","type":"ok","f":"send","value":[["send","t-0",[17,"a"]]],"time":2}""")]
    [InlineData("""{"process":"1","type":"invoke","f":"poll","value":[["poll"]],"time":3}""")]
    [InlineData("""{"process":"1","type":"ok","f":"poll","value":[["poll",{"t-0":[[17,"a"],[18,"b"]]}]],"time":4}""")]
    [InlineData("""{"process":"2","type":"fail","f":"txn","value":[["poll",{}],["send","u-0","c"]],"time":5}""")]
    [InlineData("""{"process":"1","type":"ok","f":"assign","value":["t-0","t-1"],"time":6}""")]
    [InlineData("""{"process":"1","type":"ok","f":"subscribe","value":["t"],"rebalanced":true,"time":7}""")]
    [InlineData("""{"process":"2","type":"info","f":"crash","value":null,"time":8}""")]
    public void A_line_is_read_and_written_back(string line)
    {
        using StringWriter written = new();
        HistoryFile.Write(written, HistoryFile.Read(new StringReader(line)).Single());
        Assert.Equal(line, written.ToString().TrimEnd());
    }

    [Fact]
    public void Numbers_are_as_good_as_texts_and_what_is_not_known_may_be_null()
    {
        string lines = """
            {"process":3,"type":"invoke","f":"txn","value":[["send","t-0",1],["poll"]],"time":1}

            {"process":3,"type":"info","f":"txn","value":null,"time":2}
            {"process":3,"type":"ok","f":"send","value":[["send","t-0",[null,2]]]}
            """;
        List<Operation> operations = HistoryFile.Read(new StringReader(lines));
        Assert.Equal(["3", "3", "3"], operations.Select(operation => operation.Process));
        Assert.Equal([new SendStep("t-0", "1"), new PollStep()], operations[0].Steps);
        Assert.Empty(operations[1].Steps);
        Assert.Equal([new SendStep("t-0", "2")], operations[2].Steps);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("""{"process":1,"type":"done","f":"poll","value":[["poll"]]}""")]
    [InlineData("""{"process":1,"type":"ok","f":"peek","value":[["poll"]]}""")]
    [InlineData("""{"process":1,"type":"ok","f":"poll","value":[["peek"]]}""")]
    [InlineData("""{"process":1,"type":"ok","f":"poll","value":["poll"]}""")]
    [InlineData("""{"type":"ok","f":"poll","value":[["poll"]]}""")]
    public void What_is_no_operation_is_refused_with_its_line(string line) =>
        Assert.StartsWith(
            "line 2 of the history",
            Assert.Throws<FormatException>(() => HistoryFile.Read(new StringReader("\n" + line))).Message
        );

    [Theory]
    [InlineData("0 invoke send t-0 a", "0 invoke send t-0 b")]
    [InlineData("0 ok send t-0 a")]
    [InlineData("0 invoke poll", "0 ok send t-0 a")]
    [InlineData("0 invoke send t-0 a", "0 ok send t-0 a", "1 invoke send t-1 a")]
    public void What_no_process_can_do_is_refused(params string[] lines) =>
        Assert.Throws<FormatException>(() => HistoryChecker.Check(Histories.Of(lines)));
}
