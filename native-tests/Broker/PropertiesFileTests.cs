using Aot.Broker.Configuration;

namespace Aot.Broker.Tests;

public sealed class PropertiesFileTests
{
    [Theory]
    [InlineData("a=b", "a", "b")]
    [InlineData("  a = b ", "a", "b ")]
    [InlineData("a:b", "a", "b")]
    [InlineData("a b c", "a", "b c")]
    [InlineData("a", "a", "")]
    [InlineData("a\\=b=c", "a=b", "c")]
    [InlineData("a=x\\\n   y", "a", "xy")]
    [InlineData("a=x\\\\", "a", "x\\")]
    [InlineData("a=\\u0041\\t\\q", "a", "A\tq")]
    [InlineData("# c\n\n! d\na=b=c", "a", "b=c")]
    [InlineData("a=one\\", "a", "one")]
    [InlineData("a\t=\tb", "a", "b")]
    [InlineData("a=b\r\n", "a", "b")]
    public void An_entry_reads_as_java_reads_it(string text, string key, string value)
    {
        PropertyEntry entry = Assert.Single(PropertiesFile.Parse(text));
        Assert.Equal((key, value), (entry.Key, entry.Value));
    }

    [Fact]
    public void An_entry_knows_the_line_it_starts_on()
    {
        List<PropertyEntry> entries = PropertiesFile.Parse("# x\na=1\\\n2\nb=3");
        Assert.Equal([2, 4], entries.Select(entry => entry.Line));
    }

    [Fact]
    public void A_broken_escape_names_its_line()
    {
        FormatException mistake = Assert.Throws<FormatException>(() => PropertiesFile.Parse("a=1\nb=\\u12"));
        Assert.StartsWith("line 2", mistake.Message);
    }

    [Fact]
    public void What_is_formatted_reads_back()
    {
        Random random = new(7);
        const string alphabet = "ab =:#!\\\t\n\r\fé\u2603";
        for (int i = 0; i < 2000; i++)
        {
            string key = "k" + Text();
            string value = Text();
            PropertyEntry entry = Assert.Single(PropertiesFile.Parse(PropertiesFile.Format(key, value)));
            Assert.Equal((key, value), (entry.Key, entry.Value));
        }

        string Text() =>
            string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => alphabet[random.Next(alphabet.Length)]));
    }
}
