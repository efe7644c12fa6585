namespace Aot.Broker.Coordinators.Tests;

/// <summary>The order of lists against what Apache Kafka 4.4 answered for the same names.</summary>
public sealed class SlotOrderTests
{
    [Theory]
    [InlineData("member-1 member-2", "member-2 member-1")]
    [InlineData("grp-1 grp-2 grp-3", "grp-2 grp-1 grp-3")]
    [InlineData("", "")]
    public void Is_that_of_Apache_Kafka(string came, string listed)
    {
        List<string> names = [.. came.Split(' ')];
        SlotOrder.Sort(names, name => name);
        Assert.Equal(listed, string.Join(' ', names));
    }

    [Fact]
    public void Of_a_slot_the_youngest_comes_first()
    {
        string[] copies = [new('a', 1), new('a', 1), new('a', 1)];
        List<string> names = [.. copies];
        SlotOrder.Sort(names, name => name);
        Assert.Same(copies[2], names[0]);
        Assert.Same(copies[0], names[2]);
    }
}
