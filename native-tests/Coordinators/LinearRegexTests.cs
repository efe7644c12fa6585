using System.Text.RegularExpressions;
using Aot.Broker.Coordinators.Regexes;

namespace Aot.Broker.Coordinators.Tests;

public class LinearRegexTests
{
    private static readonly string[] s_names =
    [
        "",
        "a",
        "b",
        "aa",
        "ab",
        "abc",
        "orders",
        "orders-eu",
        "orders.us",
        "Orders",
        "t1",
        "t22",
        "t333",
        "_x",
        "__consumer",
        "a.b-c_d",
    ];

    /// <summary>Expressions that mean the same to the runtime's own engine, which judges.</summary>
    [Theory]
    [InlineData("a|b")]
    [InlineData("a*")]
    [InlineData("(a|ab)(c|)")]
    [InlineData("orders.*")]
    [InlineData(@"orders\..*")]
    [InlineData("[ot].+")]
    [InlineData("[^a-c]+")]
    [InlineData(@"t\d{2,}")]
    [InlineData(@"t\d{1,2}")]
    [InlineData("t[0-9]{3}")]
    [InlineData("(?i)orders")]
    [InlineData("(?i:O)rders(-eu)?")]
    [InlineData(@"\w+")]
    [InlineData(@"\W*")]
    [InlineData(@"_+[^_]\S*")]
    [InlineData("^orders$|^t1$")]
    [InlineData(@".*\beu")]
    [InlineData(@"a\Bb.*")]
    [InlineData("((a*)*)*b?")]
    [InlineData("(?:a.)?b-c_d")]
    [InlineData(@"[\w.-]+")]
    [InlineData("[]a]+")]
    [InlineData("a{0}b")]
    [InlineData("x{,2}|a")]
    [InlineData(@"\x61\x{62}")]
    [InlineData("(?<name>t)1")]
    public void Matches_what_it_should(string expression)
    {
        LinearRegex? regex = LinearRegex.Parse(expression, out string? fault);
        Assert.True(regex is not null, fault);
        string judged = expression.Replace(@"\x{62}", @"\x62");
        foreach (string name in s_names)
        {
            Assert.True(Regex.IsMatch(name, $@"\A(?:{judged})\z") == regex.IsMatch(name), $"{expression} on '{name}'");
        }
    }

    [Theory]
    [InlineData(@"\Qa.b\E-c_d", "a.b-c_d", "axb-c_d")]
    [InlineData("(?P<first>t)22", "t22", "t1")]
    [InlineData("[[:alpha:]]+", "orders", "t1")]
    [InlineData("[[:^alpha:][:digit:]]+", "_", "a")]
    [InlineData(@"\pL+", "orders", "t1")]
    [InlineData(@"\p{Lu}\P{Lu}+", "Orders", "orders")]
    [InlineData(@"t\p{Nd}", "t1", "tx")]
    public void Knows_what_only_RE2_has(string expression, string yes, string no)
    {
        LinearRegex? regex = LinearRegex.Parse(expression, out string? fault);
        Assert.True(regex is not null, fault);
        Assert.True(regex.IsMatch(yes));
        Assert.False(regex.IsMatch(no));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("a)")]
    [InlineData("*")]
    [InlineData("a**")]
    [InlineData("a++")]
    [InlineData("[b-a]")]
    [InlineData(@"\")]
    [InlineData(@"(a)\1")]
    [InlineData("(?=a)")]
    [InlineData("a{1001}")]
    [InlineData("a{2,1}")]
    [InlineData("((((a{1000}){1000}){1000}))")]
    [InlineData(@"\p{")]
    [InlineData("(?P<>a)")]
    [InlineData(@"\xzz")]
    public void Refuses_what_is_none(string expression)
    {
        Assert.Null(LinearRegex.Parse(expression, out string? fault));
        Assert.NotEmpty(fault!);
    }

    [Theory]
    [InlineData("kö.*", "köln", "koln")]
    [InlineData(".", "漢", "")]
    [InlineData("[^a]+", "é-漢", "a")]
    [InlineData(@"\W", "ß", "s")]
    [InlineData("[x漢]", "漢", "字")]
    public void Goes_beyond_ascii(string expression, string yes, string no)
    {
        LinearRegex? regex = LinearRegex.Parse(expression, out string? fault);
        Assert.True(regex is not null, fault);
        Assert.True(regex.IsMatch(yes));
        Assert.False(regex.IsMatch(no));
    }

    [Fact]
    public void No_expression_makes_matching_slow()
    {
        LinearRegex regex = LinearRegex.Parse("(a*)*(a|a)*(a?){50}b", out _)!;
        Assert.False(regex.IsMatch(new string('a', 249)));
        Assert.True(regex.IsMatch(new string('a', 248) + "b"));
    }
}
