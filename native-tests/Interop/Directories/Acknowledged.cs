namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>What a broker that was killed had acknowledged, as the client wrote it down.</summary>
internal sealed class Acknowledged
{
    private readonly List<string[]> _lines = [];

    /// <summary>How many lines there are so far.</summary>
    public static int Count(string file) => File.Exists(file) ? File.ReadLines(file).Count() : 0;

    public static Acknowledged Read(string file)
    {
        Acknowledged read = new();
        read._lines.AddRange(File.ReadLines(file).Select(line => line.Split('\t')));
        return read;
    }

    /// <summary>All of it is in what the next broker shows.</summary>
    public void MustBeIn(Description description)
    {
        HashSet<string> topics = [];
        HashSet<string> records = [];
        long committed = -1;
        foreach (string line in description.Lines)
        {
            string[] parts = line.Split('\t');
            switch (parts[0])
            {
                case "topic":
                    topics.Add(parts[1]);
                    break;
                case "committed" when parts[1] == "load load-none-0":
                    committed = long.Parse(parts[2].Split(' ')[0]);
                    break;
                case "read_uncommitted":
                    records.Add($"{parts[1]} {KeyAt(parts[2])}");
                    break;
                default:
                    break;
            }
        }
        int checkedRecords = 0;
        foreach (string[] line in _lines)
        {
            switch (line[0])
            {
                case "topic":
                    Assert.True(topics.Contains(line[1]), $"the topic {line[1]} was acknowledged and is gone");
                    break;
                case "offset":
                    Assert.True(
                        committed >= long.Parse(line[2]),
                        $"offset {line[2]} was acknowledged, {committed} is there"
                    );
                    break;
                default:
                    checkedRecords++;
                    Assert.True(
                        records.Contains($"{line[1]} {line[2]}"),
                        $"{line[1]} {line[2]} was acknowledged and is gone"
                    );
                    break;
            }
        }
        Assert.NotEqual(0, checkedRecords);
    }

    /// <summary>Offset and key of a record's line, e.g. <c>12 round 1 load 40</c>.</summary>
    private static string KeyAt(string record)
    {
        int open = record.IndexOf('[', StringComparison.Ordinal);
        int close = record.IndexOf(']', StringComparison.Ordinal);
        return $"{long.Parse(record[..record.IndexOf(' ', StringComparison.Ordinal)])} {record[(open + 1)..close]}";
    }
}
